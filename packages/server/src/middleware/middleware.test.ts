import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { CheckedRequest, Server } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { Status } from '../generated/rpc_status.ts';
import type { Decision } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { allowingAuthenticator, alwaysAllow, alwaysRefuse, SOMEBODY } from '../testing/doubles.ts';
import { authFetch } from './fetch.ts';
import { authMiddleware } from './node-http.ts';
import { principalOf } from './principal-of.ts';

const FORGED = ['X-Spanpass-Project: bank', 'x-spanpass-project: bank', 'x_spanpass_piped: bank-1', 'X-Other: kept'];

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

describe('authMiddleware', () => {
  /** What the handler was given, and the whole answer as text. */
  async function send(server: Server, lines: string[], options: Parameters<typeof authMiddleware>[1] = {}) {
    const handled: IncomingMessage[] = [];
    const guard = authMiddleware(server, options);
    const http = createHttpServer((request, response) =>
      guard(request, response, () => {
        handled.push(request);
        response.end('handled');
      }),
    );
    await once(http.listen(0, '127.0.0.1'), 'listening');
    closing.push(
      () => http.closeAllConnections(),
      () => http.close(),
    );
    const socket = connect((http.address() as AddressInfo).port, '127.0.0.1');
    socket.write(['POST /v1/traces HTTP/1.1', 'host: a', 'content-length: 2', ...lines, '', '{}'].join('\r\n'));
    if (!lines.includes('connection: close')) socket.setTimeout(3000, () => socket.destroy());
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    return { request: handled[0], answer };
  }

  it('hands on what was allowed, with the identity in the place of what the client said', async () => {
    const { request, answer } = await send(alwaysAllow(), [
      'authorization: Bearer x',
      'AUTHORIZATION: Bearer y',
      ...FORGED,
      'connection: close',
    ]);
    expect(answer).toContain('handled');
    expect(request && principalOf(request)).toBe(SOMEBODY);
    const identity = { 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'edge-1', 'x-other': 'kept' };
    expect(request?.headers).toMatchObject(identity);
    expect(request?.headersDistinct['x-spanpass-project']).toEqual(['shop']);
    const views = [request?.headers, request?.headersDistinct, request?.rawHeaders].map(view => JSON.stringify(view));
    for (const view of views) expect(view).not.toMatch(/bank|bearer|authorization|x_/i);
    for (const view of views) expect(view).toMatch(/"x-spanpass-piped"[:,]\[?"edge-1"/);
  });

  it('lets no handler see what was refused, and ends the connection', async () => {
    const { request, answer } = await send(alwaysRefuse('scope_denied'), []);
    expect(request).toBeUndefined();
    expect(answer).toMatch(/^HTTP\/1\.1 403 .*\r\nconnection: close\r\n.*\{"code":7,"message":"scope_denied: /is);
    const server = createServer({ authenticators: [allowingAuthenticator()] });
    const twice = await send(server, ['authorization: Bearer x', 'authorization: Bearer y']);
    expect(twice.answer).toContain('credential_multiple: ');
  });

  it('tells the observer once, and takes what a handler throws for no refusal', async () => {
    const decisions: Decision[] = [];
    const observer = { decided: (decision: Decision) => decisions.push(decision) };
    const guard = authMiddleware(alwaysAllow(), { observer });
    const request = { headers: {}, headersDistinct: {}, rawHeaders: [], socket: {} } as unknown as IncomingMessage;
    const bug = () => {
      throw new Error('bug');
    };
    expect(() => guard(request, {} as never, bug)).toThrow('bug');
    expect(decisions).toMatchObject([{ protocol: 'http', authenticator: 'always-allow' }]);
    expect(decisions[0]).toMatchObject({ refused: undefined });
  });
});

describe('authFetch', () => {
  const request = (headers: Record<string, string> = {}) =>
    new Request('http://gateway/v1/traces?a=b', { method: 'POST', body: 'spans', headers });

  it('hands on what was allowed, with the identity in the place of what the client said', async () => {
    const handler = authFetch(alwaysAllow(), async (checked, context: string) => {
      expect(principalOf(checked)).toBe(SOMEBODY);
      const headers = Object.fromEntries(checked.headers);
      return Response.json({ headers, body: await checked.text(), context });
    });
    const forged = {
      authorization: 'Bearer x',
      'x-spanpass-project': 'bank',
      x_spanpass_piped: 'bank-1',
      'x-a': 'kept',
    };
    const answer = await handler(request(forged), 'context');
    expect(await answer.json()).toEqual({
      headers: expect.objectContaining({ 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'edge-1', 'x-a': 'kept' }),
      body: 'spans',
      context: 'context',
    });
    const { headers } = (await (await handler(request(forged), '')).json()) as { headers: object };
    expect(JSON.stringify(headers)).not.toMatch(/bank|authorization/);
  });

  it('shows the server the request, and the peer as far as it is told', async () => {
    const seen: CheckedRequest[] = [];
    const server: Server = {
      authenticate(checked) {
        seen.push(checked);
        throw new AuthenticationError('expired');
      },
    };
    const handler = () => expect.fail('called');
    await authFetch(server, handler)(request({ authorization: 'Bearer x' }), {});
    const peerOf = (_: Request, address: string) => ({ address });
    await authFetch(server, handler, { peerOf })(request(), '192.0.2.1');
    expect(seen).toMatchObject([
      { method: 'POST', path: '/v1/traces?a=b', peer: { address: '' }, headers: { authorization: 'Bearer x' } },
      { peer: { address: '192.0.2.1' } },
    ]);
  });

  it('answers a refusal in the encoding of the request', async () => {
    const guarded = authFetch(alwaysRefuse('overloaded'), () => expect.fail('called'));
    const answer = await guarded(request({ 'content-type': 'application/x-protobuf' }), {});
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(Status.decode(new Uint8Array(await answer.arrayBuffer())).code).toBe(14);
    expect((await guarded(request(), {})).headers.get('content-type')).toBe('application/json');
  });

  it('sees that a header was sent twice', async () => {
    const server = createServer({ authenticators: [allowingAuthenticator()] });
    const twice = new Request('http://gateway/v1/traces', {
      headers: [
        ['authorization', 'Bearer x'],
        ['authorization', 'Bearer y'],
      ],
    });
    const answer = await authFetch(server, () => expect.fail('called'))(twice, {});
    expect(await answer.json()).toMatchObject({ code: 16, message: expect.stringMatching(/^credential_multiple: /) });
  });

  it.each([
    () => {
      throw new Error('bug');
    },
    () => Promise.reject(new Error('bug')),
  ])('takes what a handler throws for no refusal', async handler => {
    await expect(authFetch(alwaysAllow(), handler)(request(), {})).rejects.toThrow('bug');
  });
});
