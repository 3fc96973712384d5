import { expect, it } from 'vitest';
import { createClient } from './client.ts';
import { staticSource } from './static-source.ts';
import { createClock, createPiped, NOW_MS, verifyAuthorization } from './testing/fixture.ts';

const MINUTE_MS = 60_000;

it('a refused credential is dropped, and the next is by the corrected clock', async () => {
  const { keyFile, record } = await createPiped();
  const wrong = createClock(NOW_MS - 10 * MINUTE_MS);
  await using client = createClient({ keyFile, now: wrong.now, renewal: false });
  const credentials = client.exportCredentials();
  const { authorization = '' } = await credentials.headers();
  await expect(verifyAuthorization(authorization, record, () => NOW_MS)).rejects.toThrow();

  credentials.correctClock?.(NOW_MS);
  credentials.invalidate({ authorization });
  const { authorization: fresh = '' } = await credentials.headers();
  await verifyAuthorization(fresh, record, () => NOW_MS);
  wrong.ms += 20 * MINUTE_MS;
  const { authorization: later = '' } = await credentials.headers();
  await verifyAuthorization(later, record, () => NOW_MS + 20 * MINUTE_MS);
});

it('what was not refused stays', async () => {
  const { keyFile } = await createPiped();
  await using client = createClient({ keyFile, now: createClock().now, renewal: false });
  const credentials = client.exportCredentials();
  const first = await credentials.headers();
  credentials.invalidate({});
  credentials.invalidate({ authorization: 'Bearer another' });
  expect(await credentials.headers()).toEqual(first);
});

it('of a source of another kind, the clock is its own', async () => {
  await using client = createClient({ source: staticSource('secret') });
  const credentials = client.exportCredentials();
  expect(await credentials.headers()).toEqual({ authorization: 'Bearer secret' });
  expect(credentials.correctClock).toBeUndefined();
});
