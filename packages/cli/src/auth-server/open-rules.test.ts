import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { authServerSettings } from '../settings/auth-server.ts';
import { openRules } from './open-rules.ts';

let dir: string;
let file: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-rules-'));
  file = join(dir, 'pipeds.json');
  await writeFile(file, '[]');
});
afterAll(() => rm(dir, { recursive: true }));

const open = (settings: object, former?: Awaited<ReturnType<typeof openRules>>) =>
  openRules(authServerSettings.parse(settings), () => {}, former);

it('a rule to try comes and goes while the deciding authenticators stay the same ones', async () => {
  const authenticators = [{ kind: 'pipecd-key', file }];
  const first = await open({ authenticators });
  const second = await open(
    { authenticators, shadow: { rule: 'signed', authenticators: [{ kind: 'piped-jwt' }] } },
    first,
  );
  await first[Symbol.asyncDispose]();
  expect(second.authenticators).toBe(first.authenticators);
  expect([first.shadow, second.shadow]).toEqual([undefined, { rule: 'signed', authenticators: ['piped-jwt'] }]);
  const third = await open({ authenticators }, second);
  await second[Symbol.asyncDispose]();
  expect([third.authenticators, third.shadow]).toEqual([first.authenticators, undefined]);
  await third[Symbol.asyncDispose]();
});

it('another chain is made anew, and so is what is tried in its place', async () => {
  const shadow = { rule: 'renamed', gatewayAudience: 'new' };
  const first = await open({ authenticators: [{ kind: 'pipecd-key', file }], shadow });
  const same = await open({ authenticators: [{ kind: 'pipecd-key', file }], shadow }, first);
  expect(same.shadow).toBe(first.shadow);
  const other = await open({ authenticators: [{ kind: 'pipecd-key', file, scopes: ['logs'] }], shadow }, same);
  expect(other.authenticators).not.toBe(first.authenticators);
  expect(other.shadow).not.toBe(first.shadow);
  for (const rules of [first, same, other]) await rules[Symbol.asyncDispose]();
});

it('nothing stays open of rules that can not be made', async () => {
  const shadow = { rule: 'a', authenticators: [{ kind: 'pipecd-key', file: join(dir, 'none.json') }] };
  await expect(open({ shadow })).rejects.toThrow(/^shadow\.authenticators\.0: /);
});
