import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authenticatorsSettings } from './index.ts';
import { openAuthenticators } from './open-authenticators.ts';

let dir: string;
let file: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-chain-'));
  file = join(dir, 'pipeds.json');
  await writeFile(file, '[]');
});
afterAll(() => rm(dir, { recursive: true }));

const open = (settings: unknown) => openAuthenticators(authenticatorsSettings.parse(settings), () => {});
const template = 'spiffe://example.org/project/{project}/piped/{piped}';
const issuer = 'https://login.example.org';

describe('the chain in settings', () => {
  it('is piped-jwt alone, unless told otherwise', () => {
    expect(authenticatorsSettings.parse(undefined)).toEqual([{ kind: 'piped-jwt' }]);
  });

  it('makes one authenticator of each member, in their order', async () => {
    await using opened = await open([
      { kind: 'oidc', issuer, audience: 'gateway', name: 'login', claims: { project: { fixed: 'shop' } } },
      { kind: 'piped-jwt' },
      { kind: 'pipecd-key', file, scopes: ['traces', 'logs'] },
      { kind: 'mtls', template, file },
      { kind: 'pipecd-key' },
    ]);
    const names = opened.authenticators.map(one => (typeof one === 'string' ? one : one.name));
    expect(names).toEqual(['login', 'piped-jwt', 'pipecd-key', 'mtls', 'pipecd-key']);
    expect(opened.authenticators.at(-1)).toBe('pipecd-key');
  });

  it.each([
    ['an unknown kind', [{ kind: 'basic' }], [0, 'kind']],
    ['an unknown member', [{ kind: 'piped-jwt', audience: 'x' }], [0]],
    [
      'an oidc issuer that is no URL',
      [{ kind: 'piped-jwt' }, { kind: 'oidc', issuer: 'x', audience: 'g' }],
      [1, 'issuer'],
    ],
    ['no audience', [{ kind: 'oidc', issuer }], [0, 'audience']],
    ['no file', [{ kind: 'mtls', template }], [0, 'file']],
    ['scopes without a file', [{ kind: 'pipecd-key', scopes: ['logs'] }], [0, 'scopes']],
    ['an empty chain', [], []],
  ])('refuses %s, and names the place', (_, settings, path) => {
    expect(authenticatorsSettings.safeParse(settings).error?.issues[0]?.path).toEqual(path);
  });

  it('names the member that can not be made', async () => {
    const missing = open([{ kind: 'piped-jwt' }, { kind: 'pipecd-key', file: join(dir, 'none.json') }]);
    await expect(missing).rejects.toThrow(/^authenticators\.1: /);
    await expect(open([{ kind: 'mtls', template: 'no placeholders', file }])).rejects.toThrow(/^authenticators\.0: /);
  });
});
