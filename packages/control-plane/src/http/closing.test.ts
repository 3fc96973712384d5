import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { ADMIN_TOKEN, startTestPlane } from '../testing/plane.test.support.ts';

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
