import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Store } from '../store/database.ts';
import { openEmbedded } from '../store/embedded.ts';
import { applyMigrations } from '../store/migrate.ts';
import { temporaryFolder } from '../testing/databases.test.support.ts';
import { settleAccessTokens } from './access-tokens.ts';
import { TokenBook } from './token-book.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let store: Store;
const [FIRST, SECOND, THIRD] = ['a', 'b', 'c'].map(letter => letter.repeat(32)) as [string, string, string];

const settle = (admin: string, authServer: string) =>
  settleAccessTokens(store, { dataDir: folder.path, given: { admin, 'auth-server': authServer }, now: Date.now });

beforeAll(async () => {
  folder = await temporaryFolder();
  store = await openEmbedded(`${folder.path}/db`);
  await store.exclusively(applyMigrations);
});
afterAll(async () => {
  await store.close();
  await folder[Symbol.asyncDispose]();
});

it('forgets a token that was replaced elsewhere within a second', async () => {
  const clock = { now: 0 };
  const book = new TokenBook(store, { clock: () => clock.now, now: Date.now });
  await settle(FIRST, SECOND);
  expect(await book.find(FIRST)).toMatchObject({ role: 'owner' });
  await settle(THIRD, SECOND);
  clock.now += 999;
  expect(await book.find(FIRST)).toMatchObject({ role: 'owner' });
  clock.now += 1;
  expect(await book.find(FIRST)).toBeUndefined();
  expect(await book.find(THIRD)).toMatchObject({ role: 'owner' });
  expect(await book.find(SECOND)).toMatchObject({ role: 'auth-server' });
});

it('lets tokens change their roles, but never have two', async () => {
  await settle(FIRST, SECOND);
  await settle(SECOND, FIRST);
  const book = new TokenBook(store, { clock: () => 0, now: Date.now });
  expect(await book.find(SECOND)).toMatchObject({ role: 'owner' });
  expect(await book.find(FIRST)).toMatchObject({ role: 'auth-server' });
});

it('asks the database once, however many ask it at once', async () => {
  let reads = 0;
  const counting = new Proxy(store, {
    get: (target, name, receiver) => {
      if (name === 'db') reads++;
      return Reflect.get(target, name, receiver);
    },
  });
  const book = new TokenBook(counting, { clock: () => 0, now: Date.now });
  await Promise.all(Array.from({ length: 20 }, () => book.find(FIRST)));
  expect(reads).toBe(1);
});
