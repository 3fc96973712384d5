import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, enroll, signedSource } from '@spanpass/client';
import { startControlPlane } from '@spanpass/control-plane';
import { ControlPlaneClient } from '@spanpass/control-plane/client';
import {
  AuthenticationError,
  ControlPlaneKeys,
  createServer,
  pipedJwt,
  UsageBook,
  UsageReporter,
} from '@spanpass/server';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';

const DAY_MS = 86_400_000;

it('a server takes the new key at once, and the old one until its overlap ended and the new one was seen', {
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spanpass-overlap-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  let nowMs = Date.now();
  const now = () => nowMs;
  const plane = await startControlPlane({
    ...{ dataDir: join(folder, 'data'), port: 0, env: {}, logger: pino({ level: 'silent' }), now, retireEveryMs: 20 },
  });
  onTestFinished(() => plane.close());
  const keys = new ControlPlaneKeys({ url: plane.url, token: plane.authServerToken ?? '', now });
  onTestFinished(() => keys[Symbol.asyncDispose]());
  await keys.start();
  const server = createServer({ authenticators: [pipedJwt({ keys, now })], now });
  const answer = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const request = { headers, method: 'POST', path: '/v1/traces', peer: { address: '127.0.0.1' } };
    try {
      return (await server.authenticate(request)).credentialId;
    } catch (error) {
      return AuthenticationError.from(error).code;
    }
  };

  const admin = new ControlPlaneClient({ url: plane.url, token: plane.adminToken ?? '' });
  const { enrollmentToken } = await admin.registerPiped({ project: 'shop', piped: 'edge-1' });
  const keyFile = join(folder, 'key.json');
  const { kid } = await enroll({ controlPlane: plane.url, enrollmentToken, keyFile, now });
  const states: string[] = [];
  const pass = createClient({ keyFile, now, random: () => 0, onRenewal: ({ kind }) => states.push(kind) });
  onTestFinished(() => pass[Symbol.asyncDispose]());
  expect(await answer(await pass.source.credential())).toBe(kid);

  nowMs += 60 * DAY_MS;
  const old = signedSource({ keyFile, lifetimeSeconds: 900, now });
  const oldToken = await old.credential();
  expect(await answer(oldToken)).toBe(kid);
  await pass.source.credential();
  await expect.poll(() => states).toEqual(['renewing', 'renewed']);
  const next = await answer(await pass.source.credential());
  expect(next).toMatch(/^[\w-]{43}$/);
  expect(next).not.toBe(kid);

  nowMs += 599_000;
  expect(await answer(oldToken)).toBe(kid);
  nowMs += 1_000;
  // Whether the new key works is not known here yet.
  expect(await answer(oldToken)).toBe(kid);
  const book = new UsageBook({ now });
  const principal = { project: 'shop', piped: 'edge-1', credentialId: next };
  book.decided({ protocol: 'grpc', authenticator: 'piped-jwt', owner: principal });
  const controlPlane = { url: plane.url, token: plane.authServerToken ?? '' };
  await using reporter = new UsageReporter({ controlPlane, book });
  await reporter.report();
  // Its 15 minutes are not over, and the server remembers it: it is the key's end that counts.
  await expect.poll(() => answer(oldToken)).toBe('key_retired');
  expect(await answer(await pass.source.credential())).toBe(next);
});
