import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { type Admin, createAdmin, type EnrolledPiped } from '../harness/admin.ts';
import { type CheckClient, connectCheckClient } from '../harness/check-client.ts';
import { type CuttableProxy, startCuttableProxy } from '../harness/cuttable-proxy.ts';
import { passFor } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import { startPostgres } from '../harness/postgres.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startAuthServer, startControlPlane } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { expectBooksToHold, expectFollowed, readBooks } from './registry-books.ts';
import { followRegistry } from './registry-follower.ts';
import { PROJECT, type RegistryWorld, replicaSettings, startRegistryWorld, tokens } from './registry-world.ts';
import { startWriters } from './registry-writers.ts';

const MAX_STALE_MS = 6_000;

await describeWithEngine(['postgres'], 'two control planes, of which one is cut off from the database', engines => {
  const stage = new Stage();
  let here: RegistryWorld;
  /** Its way to the database can be cut. */
  let there: { readonly url: string; readonly process: RunningProcess; readonly way: CuttableProxy };
  /** Over the one that is not cut off. */
  let admin: Admin;
  /** Of an auth server that knows the one that is cut off, and no other. */
  let client: CheckClient;
  let lasting: EnrolledPiped;

  beforeAll(async () => {
    const database = await startPostgres(stage, engines.postgres);
    here = await startRegistryWorld(stage, { databaseUrl: database.url });
    const way = await startCuttableProxy(stage, Number(new URL(database.url).port));
    const cuttable = new URL(database.url);
    cuttable.port = String(way.port);
    const settings = await replicaSettings(stage, cuttable.href);
    const url = `http://127.0.0.1:${settings.port}`;
    there = { url, process: await startControlPlane(stage, settings), way };

    const folder = await tempDir(stage, 'cut-off');
    admin = createAdmin(here.url, tokens.admin, folder);
    lasting = await admin.enroll('bank', 'piped-1');
    const config = join(folder, 'server.yaml');
    await writeFile(config, JSON.stringify({ maxStaleMs: MAX_STALE_MS }));
    const { grpcPort, metricsPort } = await freePorts('grpcPort', 'metricsPort');
    await startAuthServer(stage, { grpcPort, metricsPort, controlPlaneUrl: url, token: tokens.authServer, config });
    client = connectCheckClient(stage, `127.0.0.1:${grpcPort}`);
  });
  afterAll(() => stage.dispose());

  const check = async (piped: EnrolledPiped) => client.check(await passFor(piped.keyFile));
  const statusOf = async (url: string, path: string) => {
    const headers = { authorization: `Bearer ${tokens.admin}` };
    const response = await fetch(url + path, { headers, signal: AbortSignal.timeout(20_000) });
    await response.arrayBuffer();
    return response.status;
  };

  it.each(['cut', 'silence'] as const)(
    '%s: it says so, its followers go elsewhere or go stale, and when it is mended nothing is missing',
    { timeout: 180_000 },
    async how => {
      const since = (await readBooks(here.url, tokens)).changes.at(-1)?.revision ?? 0;
      const toBoth = followRegistry({ urls: [there.url, here.url], token: tokens.authServer, since });
      const toOne = followRegistry({ urls: [there.url], token: tokens.authServer, since });
      const writers = startWriters({ url: () => here.url, token: tokens.admin, project: PROJECT, name: how, lanes: 3 });
      try {
        const revokedMeanwhile = await admin.enroll('bank', `revoked-${how}`);
        const unknown = await admin.enroll('bank', `unknown-${how}`);
        expect([await check(lasting), await check(revokedMeanwhile)]).toEqual(['allowed', 'allowed']);
        await waitFor('followers', () => !toBoth.isLost && !toOne.isLost);
        expect(toBoth.streams.at(-1)?.url).toBe(there.url);

        there.way[how]();
        const cutAt = performance.now();
        await waitFor('a refusal', async () => (await statusOf(there.url, '/readyz')) === 503, 30_000);
        expect(await statusOf(there.url, '/v1/pipeds')).toBe(503);
        expect(await statusOf(there.url, '/healthz')).toBe(200);
        expect(await statusOf(here.url, '/readyz')).toBe(200);

        await admin.revoke(revokedMeanwhile.keyFile.kid);
        await waitFor('the other one', () => toBoth.streams.at(-1)?.url === here.url && !toBoth.isLost, 30_000);
        const before = writers.count;
        await waitFor('writes meanwhile', () => writers.count > before + 20, 30_000);
        await waitFor('news from the other one', () => toBoth.changes.some(({ revision }) => revision > toOne.known));

        // What it knows it serves for a while; what it does not know it never lets in.
        expect(await check(unknown)).toBe('key_source_unavailable');
        await waitFor('staleness', async () => (await check(lasting)) === 'key_source_unavailable', 30_000);
        expect(performance.now() - cutAt).toBeGreaterThan(MAX_STALE_MS - 1_000);

        there.way.mend();
        await waitFor('readiness', async () => (await statusOf(there.url, '/readyz')) === 200, 30_000);
        await waitFor('the auth server', async () => (await check(lasting)) === 'allowed', 30_000);
        expect([await check(unknown), await check(revokedMeanwhile)]).toEqual(['allowed', 'key_revoked']);

        await writers.stop();
        const books = await readBooks(here.url, tokens);
        await expectBooksToHold(books, writers.pipeds);
        const last = books.changes.at(-1)?.revision ?? 0;
        for (const follower of [toBoth, toOne]) {
          await waitFor('the follower', () => follower.known >= last, 30_000);
          await follower.stop();
          expectFollowed(follower.changes, books, since);
          expect(follower.resets).toBe(0);
        }
        expect((await readBooks(there.url, tokens)).changes).toEqual(books.changes);
      } finally {
        there.way.mend();
        await Promise.allSettled([writers.stop(), toBoth.stop(), toOne.stop()]);
      }
    },
  );
});
