import { describe, expect, it } from 'vitest';
import { pipedJwt } from './authenticators/piped-jwt.ts';
import { createServer } from './create-server.ts';
import { codeOf, deferred, now, requestWith } from './fixture.test.support.ts';
import type { ControlPlaneKeysOptions } from './keys/control-plane-keys.ts';
import { createLiveKeys, one, other, until } from './keys/live-keys.test.support.ts';

const credentials = { one: `Bearer ${await one.sign()}`, other: `Bearer ${await other.sign()}` };

async function createLiveServer(options: Partial<ControlPlaneKeysOptions> = {}) {
  const subject = await createLiveKeys(options);
  const server = createServer({ authenticators: [pipedJwt({ keys: subject.keys, now })], now });
  const check = (who: keyof typeof credentials) => codeOf(() => server.authenticate(requestWith(credentials[who])));
  return { ...subject, check, server };
}

describe('a revocation', () => {
  it('ends a decision that is at hand', async () => {
    const { controlPlane, keys, check } = await createLiveServer();
    expect([await check('one'), await check('one')]).toEqual(['allowed', 'allowed']);
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    await until(() => keys.peek(one.kid)?.keyStatus === 'revoked');
    expect([await check('one'), await check('other')]).toEqual(['key_revoked', 'allowed']);
    expect(controlPlane.lookups).toEqual([one.kid, other.kid]);
  });

  it('ends a decision whose record was driven out before it arrived', async () => {
    const { controlPlane, keys, check, get } = await createLiveServer({ maxRecords: 1 });
    expect([await check('one'), await check('other')]).toEqual(['allowed', 'allowed']);
    expect(keys.peek(one.kid)).toBeUndefined();
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    controlPlane.changePiped('shop', 'edge-2', { pipedStatus: 'disabled' });
    await until(() => keys.peek(other.kid)?.pipedStatus === 'disabled');
    expect(await check('one')).toBe('key_revoked');
    expect(await get(one.kid)).toMatchObject({ keyStatus: 'revoked' });
  });

  it('reaches a check that waits for an answer from before it', async () => {
    const { controlPlane, keys, check, get } = await createLiveServer();
    await get(other.kid);
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const waiting = check('one');
    await until(() => controlPlane.lookups.length === 2);
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    controlPlane.changePiped('shop', 'edge-2', { pipedStatus: 'disabled' });
    await until(() => keys.peek(other.kid)?.pipedStatus === 'disabled');
    gate.resolve();
    expect(await waiting).toBe('key_revoked');
    expect(controlPlane.lookups).toHaveLength(2);
  });

  it('can be taken back only where it can: disable and enable', async () => {
    const { controlPlane, keys, check } = await createLiveServer();
    expect(await check('one')).toBe('allowed');
    controlPlane.changePiped('shop', 'edge-1', { pipedStatus: 'disabled' });
    await until(() => keys.peek(one.kid)?.pipedStatus === 'disabled');
    expect(await check('one')).toBe('piped_disabled');
    controlPlane.changePiped('shop', 'edge-1', { pipedStatus: 'active' });
    await until(() => keys.peek(one.kid)?.pipedStatus === 'active');
    expect(await check('one')).toBe('allowed');
  });
});

describe('a decision at hand', () => {
  it('waits, like everything else, until a process that stood still caught up', async () => {
    const { controlPlane, check, server, clock } = await createLiveServer();
    expect(await check('one')).toBe('allowed');
    controlPlane.greets = false;
    clock.advance(5000);
    controlPlane.change(one.kid, { keyStatus: 'revoked' });
    const waiting = server.authenticate(requestWith(credentials.one));
    expect(waiting).toBeInstanceOf(Promise);
    await until(() => controlPlane.feeds.length === 2);
    controlPlane.send('change', { revision: 13, kind: 'key', record: controlPlane.records.get(one.kid) });
    controlPlane.heartbeat();
    expect(await codeOf(() => waiting)).toBe('key_revoked');
  });

  it('is worth nothing when the feed was lost for too long', async () => {
    const { controlPlane, keys, check, clock } = await createLiveServer({ maxStaleMs: 900 });
    expect(await check('one')).toBe('allowed');
    await controlPlane[Symbol.asyncDispose]();
    await until(() => keys.freshness === 'aging');
    expect(await check('one')).toBe('allowed');
    clock.advance(901);
    expect(await check('one')).toBe('key_source_unavailable');
  });
});
