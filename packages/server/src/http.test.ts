import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { CheckedRequest, Server } from './contract.ts';
import { createServer } from './create-server.ts';
import { Status } from './generated/rpc_status.ts';
import { authenticateHttp, refusalToHttp } from './http.ts';
import { AuthenticationError } from './refusals.ts';
import { allowingAuthenticator, SOMEBODY } from './testing/doubles.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Sends header lines as they are to a node:http server, and says what was found. */
async function send(server: Server, lines: string[], path = '/v1/traces'): Promise<string> {
  const http = createHttpServer(async (request, response) => {
    try {
      response.end((await authenticateHttp(server, request)).piped);
    } catch (error) {
      const { status, headers, body } = refusalToHttp(AuthenticationError.from(error), request.headers['content-type']);
      response.writeHead(status, headers).end(body);
    }
  });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  closing.push(
    () => http.closeAllConnections(),
    () => http.close(),
  );
  const socket = connect((http.address() as AddressInfo).port, '127.0.0.1');
  socket.end([`POST ${path} HTTP/1.1`, 'host: localhost', 'connection: close', ...lines, '', ''].join('\r\n'));
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}

describe('authenticateHttp', () => {
  it('sees every authorization value, where node:http hides the second', async () => {
    const server = createServer({ authenticators: [allowingAuthenticator()] });
    expect(await send(server, ['Authorization: Bearer a'])).toContain('edge-1');
    const twice = await send(server, ['Authorization: Bearer a', 'authorization: Bearer b']);
    expect(twice).toContain('HTTP/1.1 401');
    expect(twice).toContain('www-authenticate: Bearer error="invalid_request"');
    expect(twice).toContain('{"code":16,"message":"credential_multiple: more than one authorization value"}');
  });

  it('shows the server the request as it is', async () => {
    const seen: CheckedRequest[] = [];
    const server: Server = {
      authenticate: request => {
        seen.push(request);
        return SOMEBODY;
      },
    };
    await send(server, ['X-A: b'], '/v1/traces?a=b');
    const [request] = seen;
    expect(request).toMatchObject({ method: 'POST', path: '/v1/traces?a=b', peer: { address: '127.0.0.1' } });
    expect(request?.headers['x-a']).toBe('b');
  });
});

describe('refusalToHttp', () => {
  it.each([
    ['application/json', 'application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    ['text/html', 'application/json'],
    [undefined, 'application/json'],
    ['application/x-protobuf', 'application/x-protobuf'],
    ['Application/X-Protobuf;x=y', 'application/x-protobuf'],
    ['application/x-protobuffer', 'application/json'],
  ])('answers %s with %s', (asked, given) => {
    const { status, headers, body } = refusalToHttp(new AuthenticationError('overloaded'), asked);
    expect(status).toBe(503);
    expect(headers).toEqual({ 'retry-after': '1', 'content-type': given, 'content-length': String(body.length) });
    const message = 'overloaded: too many checks are under way';
    if (given === 'application/json') expect(JSON.parse(String(body))).toEqual({ code: 14, message });
    else expect(Status.decode(body)).toMatchObject({ code: 14, message });
  });
});
