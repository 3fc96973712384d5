import { expect, it } from 'vitest';
import { grantFor } from './grants.ts';
import type { GrantRule } from './options.ts';

const rule = (value: string, more: Partial<GrantRule> = {}): GrantRule => ({
  claim: 'groups',
  value,
  role: 'viewer',
  ...more,
});
const shop = rule('shop', { projects: ['shop', 'till'] });
const bank = rule('bank', { projects: ['bank', 'till'] });
const admins = rule('admins', { role: 'project-admin', projects: ['bank'] });
const own = rule('own', { projectsClaim: 'projects' });

it.each<[what: string, groups: string[], role: string, projects: unknown]>([
  ['one rule', ['shop'], 'viewer', ['shop', 'till']],
  ['all rules of a role, each project once', ['bank', 'shop'], 'viewer', ['shop', 'till', 'bank']],
  ['a rule for all projects', ['shop', 'everything'], 'viewer', 'all'],
  ['only rules of the highest role', ['shop', 'admins'], 'project-admin', ['bank']],
])('gives the projects of %s', (_, groups, role, projects) => {
  expect(grantFor([shop, bank, rule('everything'), admins], { groups })).toEqual({ role, projects });
});

it('takes no more projects than a session can hold', () => {
  const projects = Array.from({ length: 1_200 }, (_, n) => `p-${n}`);
  const claims = { groups: ['own', 'shop'], projects };
  expect(grantFor([own], claims).projects).toEqual(projects.slice(0, 1000));
  expect(grantFor([shop, own], claims).projects).toEqual(['shop', 'till', ...projects.slice(0, 998)]);
});
