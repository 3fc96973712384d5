import type { KeyRecord } from '@spanpass/credential';
import { createServer, type KeySource, pipedJwt } from '@spanpass/server';
import { afterAll, describe, expect, it } from 'vitest';
import { Stage } from '../harness/stage.ts';
import { openDoors } from './doors.ts';
import { altered } from './forge.ts';
import { HOSTILE_CREDENTIALS } from './hostile-credentials.ts';
import { createRegistry } from './registry.ts';

const { arms, records } = await createRegistry(Math.floor(Date.now() / 1000));
const find = (kid: string): KeyRecord | undefined => records.get(kid);
const keys: KeySource = { get: find, peek: find };
const stage = new Stage();
const doors = await openDoors(stage, createServer({ authenticators: [pipedJwt({ keys })] }));
afterAll(() => stage.dispose());

describe.each(doors)('$name', door => {
  it('opens for a good credential, the first time and from memory', async () => {
    const good = `Bearer ${altered(arms, {})}`;
    expect([await door.show(good), await door.show(good)]).toEqual(['allowed', 'allowed']);
  });

  it.each(HOSTILE_CREDENTIALS)('$title: $code', async ({ code, make }) => {
    const authorization = `Bearer ${make(arms)}`;
    if (!door.carries.test(authorization)) return expect(door.name).not.toContain('ext_authz');
    expect(await door.show(authorization)).toContain(`${code}: `);
  });

  it.each([
    ['no credential', '', 'credential_missing'],
    ['another scheme', 'Basic c2hvcDplZGdlLTE=', 'credential_missing'],
    ['two credentials, joined as a proxy joins them', `Bearer ${altered(arms, {})},Bearer x`, 'credential_multiple'],
    ['more than 8 KiB', `Bearer ${'A'.repeat(9000)}`, 'credential_too_large'],
  ])('%s', async (_, authorization, code) => {
    expect(await door.show(authorization)).toContain(`${code}: `);
  });
});
