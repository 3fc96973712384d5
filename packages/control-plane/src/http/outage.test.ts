import { DEFAULT_GATEWAY_AUDIENCE } from '@spanpass/credential';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { ChangeFeed } from '../feed/change-feed.ts';
import { currentRevision, readChangesOf } from '../feed/read-changes.ts';
import { parseEncryptionKeys } from '../sealing/encryption-keys.ts';
import { openEmbedded } from '../store/embedded.ts';
import { applyMigrations } from '../store/migrate.ts';
import { Writer } from '../store/writer.ts';
import { cuttableProxy } from '../testing/cuttable-proxy.test.support.ts';
import { SERVED, temporaryFolder } from '../testing/databases.test.support.ts';
import { followChanges } from '../testing/event-stream.test.support.ts';
import { ADMIN_TOKEN, AUTH_SERVER_TOKEN, ENCRYPTION_KEY, startPlaneOn } from '../testing/plane.test.support.ts';
import { settleAccessTokens } from '../tokens/access-tokens.ts';
import { TokenBook } from '../tokens/token-book.ts';
import { createApp } from './app.ts';
import { createMetrics } from './metrics.ts';
import { RateBound } from './rate-bound.ts';

const UNKNOWN_KEY = `/v1/keys/${'A'.repeat(43)}`;

describe('while the database is down', () => {
  it('every call that needs it is told to try again, and none is let in', async () => {
    await using folder = await temporaryFolder();
    const store = await openEmbedded(`${folder.path}/db`);
    const given = { admin: ADMIN_TOKEN, 'auth-server': AUTH_SERVER_TOKEN };
    await store.exclusively(async (db, migrate) => {
      await applyMigrations(db, migrate);
      await settleAccessTokens(store, { dataDir: folder.path, given, now: Date.now });
    });
    const clock = () => 0;
    const feed = new ChangeFeed({
      pollMs: 60_000,
      heartbeatMs: 60_000,
      maxFollowers: 1,
      maxBufferedBytes: 1,
      read: readChangesOf(store.db),
      clock,
      onReadable: () => {},
    });
    feed.start(await currentRevision(store.db));
    const settings = {
      keyLifeSeconds: 60,
      enrollmentTokenLifeSeconds: 60,
      renewalOverlapSeconds: 600,
      gatewayAudience: DEFAULT_GATEWAY_AUDIENCE,
      accessTokenLifeSeconds: 300,
      signingKeyLifeSeconds: 86_400,
    };
    const app = await createApp(
      {
        registry: {
          store,
          writer: new Writer(store, Date.now),
          settings,
          encryptionKeys: parseEncryptionKeys(ENCRYPTION_KEY, 'test'),
          now: Date.now,
          onWritten: () => {},
        },
        feed,
        tokens: new TokenBook(store, { clock, now: Date.now }),
        enrollRate: new RateBound({ burst: 10, perSecond: 1, clock }),
        apiRate: new RateBound({ burst: 10, perSecond: 1, clock }),
        exchangeRate: new RateBound({ burst: 10, perSecond: 1, clock }),
        exchangeKeyRate: new RateBound({ burst: 10, perSecond: 1, clock }),
        metrics: createMetrics({ followers: () => 0, revision: () => 0, databaseUp: () => true }),
        logger: pino({ level: 'silent' }),
        signIn: undefined,
        traces: undefined,
        consoleFiles: undefined,
        publicUrl: () => 'http://127.0.0.1',
        issuer: () => 'http://127.0.0.1',
        isClosing: () => false,
      },
      [],
    );
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const call = (method: 'GET' | 'POST', path: string) =>
      fetch(url + path, { method, headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    expect((await call('GET', '/readyz')).status).toBe(200);
    expect((await call('GET', UNKNOWN_KEY)).status).toBe(404);

    await store.close();
    for (const [method, path] of [
      ['GET', '/readyz'],
      ['GET', UNKNOWN_KEY],
      ['GET', '/v1/changes'],
      ['GET', '/v1/pipeds'],
      ['GET', '/v1/audit'],
      ['POST', '/v1/projects/shop/disable'],
    ] as const) {
      const answer = await call(method, path);
      expect(await answer.json(), path).toMatchObject({ status: 503, code: 'unavailable' });
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    expect((await call('GET', '/healthz')).status).toBe(200);
    await app.close();
    await feed.close();
  });
});

describe.each(SERVED === undefined ? [] : [SERVED])('while PostgreSQL is', served => {
  it.each(['cut', 'silence'] as const)(
    '%s, calls are told to try again and followers hear nothing; then all goes on',
    async how => {
      await using database = await served.create();
      await using proxy = await cuttableProxy(database.options.databaseUrl as string);
      const changeFeed = { pollMs: 20, heartbeatMs: 40 };
      await using test = await startPlaneOn({ ...database.options, databaseUrl: proxy.url, changeFeed });
      await test.register('shop', 'edge-1');
      await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN);
      await follower.next();

      // So that all connections are open, and in use, when it happens.
      await Promise.all(Array.from({ length: 30 }, () => test.call('GET', UNKNOWN_KEY)));
      proxy[how]();
      // Writes first: the clients that they hold must not be used again.
      const answers = await Promise.all([
        ...Array.from({ length: 12 }, () => test.call('POST', '/v1/projects/shop/disable')),
        ...Array.from({ length: 12 }, () => test.call('GET', UNKNOWN_KEY)),
      ]);
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
        expect(answer.headers.get('retry-after')).toBe('1');
      }
      expect(await test.plane.ready()).toBe(false);
      expect(await test.plane.metrics()).toContain('spanpass_control_plane_database_up 0');
      // What was on its way when the way was cut, and then nothing more.
      let heard = 0;
      const listening = follower.until(({ event }) => event === 'change' || ++heard === -1);
      await new Promise(resolve => setTimeout(resolve, 200));
      expect(heard).toBeLessThan(5);

      proxy.mend();
      await vi.waitFor(async () => expect((await test.call('GET', UNKNOWN_KEY)).status).toBe(404), 20_000);
      const writes = await Promise.all(
        Array.from({ length: 25 }, (_, at) =>
          test.call('POST', '/v1/projects/shop/pipeds', { body: { piped: `p-${at}` } }),
        ),
      );
      expect(writes.map(({ status }) => status)).toEqual(writes.map(() => 201));
      expect((await listening).at(-1)).toMatchObject({ event: 'change', id: '3' });
    },
    90_000,
  );
});
