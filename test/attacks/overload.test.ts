import { type Authenticator, createServer } from '@spanpass/server';
import { afterAll, describe, expect, it } from 'vitest';
import { Stage } from '../harness/stage.ts';
import { openDoors } from './doors.ts';

/** Never comes to an end by itself. */
const hanging: Authenticator = {
  name: 'hanging',
  restsOn: 'request',
  authenticate: (_, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
};

const stage = new Stage();
afterAll(() => stage.dispose());
const server = createServer({ authenticators: [hanging], maxPendingChecks: 2, checkTimeoutMs: 60_000 });
const doors = await openDoors(stage, server);
const leaving = new AbortController();
stage.defer(() => leaving.abort());

describe('a server that has as many checks under way as it may', () => {
  const request = { headers: {}, method: 'POST', path: '/v1/traces', peer: { address: '192.0.2.1' } };
  const underWay = [1, 2].map(() => Promise.resolve(server.authenticate(request, leaving.signal)));

  it.each(doors)('says so at once at $name, and lets nobody in', async door => {
    expect(await door.show('Bearer x')).toContain('overloaded: too many checks are under way');
  });

  it('and still has those under way', async () => {
    const outcome = await Promise.race([...underWay, Promise.resolve('under way')]);
    expect(outcome).toBe('under way');
    leaving.abort();
    for (const check of underWay) await expect(check).rejects.toMatchObject({ code: 'check_timeout' });
  });
});
