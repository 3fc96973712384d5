import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { followChanges, isHeartbeat } from '../testing/event-stream.test.support.ts';
import { ADMIN_TOKEN, AUTH_SERVER_TOKEN, startTestPlane } from '../testing/plane.test.support.ts';

describe.each(DATABASES)('closing on $name', database => {
  it('answers what is under way, and does not wait for connections on which nothing happens', async () => {
    await using test = await startTestPlane(database);
    const bare = connect(test.plane.address.port, '127.0.0.1');
    await once(bare, 'connect');
    const bareClosed = once(bare.resume(), 'close');
    await test.call('GET', '/healthz');
    const calls = Array.from({ length: 10 }, (_, at) =>
      test.call('POST', '/v1/projects/shop/pipeds', { body: { piped: `p-${at}` } }),
    );
    // The first has been taken in; the others may come before or after the door is closed.
    await Promise.race(calls);
    const begun = performance.now();
    await test.plane.close();
    expect(performance.now() - begun).toBeLessThan(5000);
    await bareClosed;
    const settled = await Promise.allSettled(calls);
    for (const result of settled) {
      // Answered in full, told to try again, or not taken in at all.
      if (result.status === 'fulfilled') expect([201, 503]).toContain(result.value.status);
    }
    expect(settled[0]).toMatchObject({ status: 'fulfilled' });
  });

  it('ends the streams of followers in good order, is not ready any more, and takes no new ones', async () => {
    await using test = await startTestPlane(database);
    const followers = await Promise.all([1, 2, 3].map(() => followChanges(test.url, AUTH_SERVER_TOKEN)));
    await Promise.all(followers.map(follower => follower.until(isHeartbeat)));
    const ended = followers.map(follower => follower.until(() => false).catch((error: Error) => error.message));
    const begun = performance.now();
    await test.plane.close();
    // Ended, not cut off: a follower connects again at once, and elsewhere.
    expect(await Promise.all(ended)).toEqual(followers.map(() => 'the stream has ended'));
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(await test.plane.ready()).toBe(false);
    await expect(followChanges(test.url, AUTH_SERVER_TOKEN)).rejects.toThrow('fetch failed');
  });

  it('tells calls that still come in on an open connection to try again', async () => {
    await using test = await startTestPlane(database);
    const socket = connect(test.plane.address.port, '127.0.0.1');
    let text = '';
    socket.on('data', chunk => {
      text += chunk;
    });
    const head = `GET /v1/pipeds HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_TOKEN}\r\n`;
    socket.write(head);
    await once(socket, 'connect');
    await test.call('GET', '/healthz');
    socket.write('x: ');
    const closing = test.plane.close();
    socket.write('y\r\n\r\n');
    await closing;
    // It had sent no whole request, so it may also find its connection gone.
    expect(text).toMatch(/^$|HTTP\/1.1 503 .*connection: close.*"code":"unavailable"/s);
  });
});
