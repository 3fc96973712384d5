import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startControlPlane } from '@spanpass/control-plane';
import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { importSigningKey, type KeyFile, signCredential } from '@spanpass/credential';
import { startAuthServer } from '@spanpass/server';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';

it('what an auth server sees of a piped is shown by the control plane', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spanpass-last-seen-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const logger = pino({ level: 'silent' });
  await using plane = await startControlPlane({ dataDir: join(folder, 'data'), port: 0, env: {}, logger });
  const admin = new ControlPlaneClient({ url: plane.url, token: plane.adminToken ?? '' });
  const { token } = await admin.createToken({ name: 'eu-1', role: 'auth-server' });
  await using auth = await startAuthServer({
    controlPlane: { url: plane.url, token },
    ...{ port: 0, http: { port: 0 }, metrics: false, usageReportEveryMs: 20, logger },
  });
  const check = async (credential: string, path = '/v1/traces') => {
    const headers = { 'x-original-method': 'POST', 'x-original-uri': path, authorization: `Bearer ${credential}` };
    return (await fetch(`http://${auth.httpAddress}/nginx`, { headers })).status;
  };
  const pass = async (file: KeyFile, audience = file.audience) =>
    signCredential(await importSigningKey(file), { purpose: 'gateway', audience });
  const piped = async () => (await admin.listPipeds())[0];

  const name = { project: 'shop', piped: 'edge-1' };
  await admin.registerPiped(name);
  const { record, keyFile } = await admin.createKey(name, { generate: true });
  expect(await piped()).toMatchObject({ keys: 1, refusals: {} });
  const before = Math.floor(Date.now() / 1000);
  expect(await check(await pass(keyFile))).toBe(200);
  await expect.poll(async () => (await piped())?.lastSeenAt).toBeGreaterThanOrEqual(before);
  expect((await admin.listKeys(name))[0]?.lastUsedAt).toBeGreaterThanOrEqual(before);

  // Its own mistake; what anybody could send in its name; and what is nobody's.
  expect(await check(await pass(keyFile, 'another-gateway'))).toBe(401);
  expect(await check(await pass(keyFile), '/v1/logs')).toBe(403);
  const other = await admin.createKey(name, { generate: true });
  const forged = { ...keyFile, privateJwk: other.keyFile.privateJwk };
  const [head = '', body = ''] = (await pass(keyFile)).split('.');
  const foreign = (await pass({ ...forged, kid: other.record.kid })).split('.')[2];
  expect(await check(`${head}.${body}.${foreign}`)).toBe(401);
  await expect
    .poll(async () => (await piped())?.refusals)
    .toMatchObject({
      verified: { count: 1, lastReason: 'scope_denied' },
      // What no signature could save is refused before one is looked at.
      claimed: { count: 2, lastReason: 'signature_invalid' },
    });

  // In use, so it takes a word more; the other one was never seen.
  await expect(admin.revokeKey(record.kid)).rejects.toMatchObject({ code: 'last_key_in_use', status: 409 });
  expect(await admin.revokeKey(other.record.kid)).toMatchObject({ keyStatus: 'revoked' });
  expect(await admin.revokeKey(record.kid, { force: true })).toMatchObject({ keyStatus: 'revoked' });
});
