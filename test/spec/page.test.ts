import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  algorithmSchema,
  CLIENT_ASSERTION_TYPE,
  CLOCK_SKEW_SECONDS,
  CREDENTIAL_REFUSALS,
  MAX_CREDENTIAL_LENGTH,
  PURPOSES,
} from '@spanpass/credential';
import { IDENTITY_HEADERS } from '@spanpass/server';
import { expect, it } from 'vitest';
import { repoRoot } from '../engines/root.ts';
import { vectors } from './files.ts';
import { vectorFiles } from './vectors.ts';

const page = readFileSync(join(repoRoot, 'docs/spec/README.md'), 'utf8');
const rowsWith = (text: string) =>
  page.split('\n').filter(line => line.startsWith('|') && line.includes(`\`${text}\``));

it('the specification names every reason for which a credential is refused', () => {
  const named = new Set([...page.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code));
  expect(Object.keys(CREDENTIAL_REFUSALS).filter(code => !named.has(code))).toEqual([]);
});

it.each(Object.entries(PURPOSES))(
  'it says of the purpose %s what the sources say',
  (purpose, { typ, maxLifeSeconds }) => {
    const [row = ''] = rowsWith(typ);
    expect(row).toContain(`\`${purpose}\``);
    expect(row).toContain(`${maxLifeSeconds} s`);
  },
);

it('it knows the algorithms, the bounds and the headers of the sources', () => {
  for (const algorithm of algorithmSchema.options) expect(rowsWith(algorithm)).toHaveLength(1);
  for (const header of Object.values(IDENTITY_HEADERS)) expect(page).toContain(`\`${header}\``);
  expect(page).toContain(`At most ${MAX_CREDENTIAL_LENGTH} characters`);
  expect(page).toContain(`Clocks may disagree by ${CLOCK_SKEW_SECONDS} s`);
  expect(JSON.stringify(vectors.any('exchange.json'))).toContain(CLIENT_ASSERTION_TYPE);
});

it('it names no refusal of the control plane that its API does not have', () => {
  const known = readFileSync(join(repoRoot, 'packages/control-plane/src/problems/problems.ts'), 'utf8');
  const calls = page.slice(page.indexOf('## 6. Calls'), page.indexOf('## Test vectors'));
  const named = [...calls.matchAll(/`([a-z]+(?:_[a-z]+)+)`(?= \((?:4|5)\d\d\))/g)].map(([, code]) => code);
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter(code => !known.includes(`  ${code}: {`))).toEqual([]);
});

it('it lists every file of test vectors', () => {
  const files = ['keys.json', ...Object.keys(vectorFiles())];
  expect(files.filter(file => !page.includes(`(vectors/${file})`))).toEqual([]);
});
