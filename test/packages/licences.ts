import type { Lock } from './project.ts';

/** What whoever distributes spanpass may pass on under its own licence, with the notices that these ask for. */
export const allowedLicences = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
]);

/** One line for each package whose licence is not among the allowed ones, or is not told. */
export function refusedLicences({ packages }: Lock): string[] {
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .filter(([, { license }]) => license === undefined || !isAllowed(license))
    .map(([path, { license }]) => `${path}: ${license ?? 'no licence'}`);
}

/** An SPDX expression: all of what is joined by AND, one of what is joined by OR. */
export function isAllowed(expression: string): boolean {
  const alternatives = expression.replace(/[()]/g, '').split(/\s+OR\s+/);
  return alternatives.some(all => all.split(/\s+AND\s+/).every(licence => allowedLicences.has(licence.trim())));
}
