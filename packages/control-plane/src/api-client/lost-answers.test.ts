import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import { ADMIN_TOKEN, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';
import { ControlPlaneClient } from './client.ts';

describe('a call that creates something, and whose answer is lost', () => {
  let test: TestPlane;
  /** In front of the control plane; loses so many answers, after it has acted. */
  let lose = 0;
  let keys: unknown[] = [];
  let client: ControlPlaneClient;
  const server = createServer(async (request: IncomingMessage, response) => {
    let raw = '';
    for await (const chunk of request) raw += chunk;
    const key = request.headers['idempotency-key'];
    keys.push(key);
    const headers = key === undefined ? undefined : { 'idempotency-key': String(key) };
    const answer = await test.call(String(request.method), String(request.url), {
      ...(raw !== '' && { raw }),
      ...(headers && { headers }),
    });
    if (lose-- > 0) return request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });

  beforeAll(async () => {
    test = await startTestPlane(EMBEDDED);
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    client = new ControlPlaneClient({ url: `http://127.0.0.1:${port}`, token: ADMIN_TOKEN });
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
    await test[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    [lose, keys] = [0, []];
  });

  it('is sent once more under the same key, and has one effect', async () => {
    lose = 1;
    const registered = await client.registerPiped({ project: 'shop', piped: 'edge-1' });
    expect(registered.enrollmentToken).toMatch(/^spanpass_enroll_/);
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
    expect(await client.listPipeds()).toHaveLength(1);
  });

  it('says of a secret that was shown to nobody what to do', async () => {
    await client.registerPiped({ project: 'shop', piped: 'edge-2' });
    lose = 1;
    const creating = client.createKey({ project: 'shop', piped: 'edge-2' }, { generate: true });
    await expect(creating).rejects.toMatchObject({ code: 'secret_shown_already' });
    expect(await client.listKeys({ project: 'shop', piped: 'edge-2' })).toHaveLength(1);
  });

  it('is given up when it is lost again', async () => {
    lose = 2;
    await expect(client.createProject('bank')).rejects.toMatchObject({ code: 'control_plane_unreachable' });
    expect(keys).toHaveLength(2);
  });

  it('other calls carry no key, and are sent once', async () => {
    lose = 1;
    await expect(client.disablePiped({ project: 'shop', piped: 'edge-1' })).rejects.toMatchObject({
      code: 'control_plane_unreachable',
    });
    expect(keys).toEqual([undefined]);
  });
});
