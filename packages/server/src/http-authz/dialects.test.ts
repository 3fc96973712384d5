import { afterEach, describe, expect, it } from 'vitest';
import { AuthenticationError, REFUSALS, type RefusalCode } from '../refusals.ts';
import { SOMEBODY } from '../testing/doubles.ts';
import { type AskedPort, headerOf, openCheckPort, statusOf } from './ask.test.support.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});
async function port(...options: Parameters<typeof openCheckPort>): Promise<AskedPort> {
  const opened = await openCheckPort(...options);
  open.push(opened);
  return opened;
}

/** How each proxy asks about one request. */
const ASKS: Record<string, (method: string, path: string) => [string, ...string[]]> = {
  envoy: (method, path) => [`${method} /envoy${path}`],
  nginx: (method, path) => ['GET /nginx', `X-Original-Method: ${method}`, `X-Original-URI: ${path}`],
  traefik: (method, path) => ['GET /traefik', `X-Forwarded-Method: ${method}`, `X-Forwarded-Uri: ${path}`],
};

describe.each(Object.entries(ASKS))('%s', (name, ask) => {
  it('asks about the method and path of the request that it has in hand', async () => {
    const { ask: send, seen } = await port();
    const answer = await send(...ask('POST', '/v1/traces?a=b'), 'authorization: Bearer x');
    expect(statusOf(answer)).toBe(200);
    expect(seen[0]).toMatchObject({ method: 'POST', path: '/v1/traces?a=b', peer: { address: '127.0.0.1' } });
    expect(seen[0]?.headers.authorization).toBe('Bearer x');
  });

  it('is told of an allow who it is, and nothing more', async () => {
    const answer = await (await port()).ask(...ask('POST', '/v1/traces'), 'x-spanpass-project: bank');
    expect(headerOf(answer, 'x-spanpass-project')).toBe('shop');
    expect(headerOf(answer, 'x-spanpass-piped')).toBe('edge-1');
    expect(headerOf(answer, 'x-spanpass-kid')).toBe('test-key');
    expect(headerOf(answer, 'x-spanpass-reason')).toBeUndefined();
    expect(answer.split('\r\n\r\n')[1]).toBe('');
    expect(answer).not.toContain('bank');
  });

  it.each(Object.keys(REFUSALS) as RefusalCode[])('is told %s with its status and reason', async code => {
    const { ask: send } = await port({}, () => {
      throw new AuthenticationError(code, { owner: SOMEBODY });
    });
    const answer = await send(...ask('POST', '/v1/traces'));
    const { httpStatus, message, retryAfterSeconds } = REFUSALS[code];
    expect(statusOf(answer)).toBe(httpStatus);
    expect(headerOf(answer, 'x-spanpass-reason')).toBe(code);
    expect(String(headerOf(answer, 'www-authenticate'))).toMatch(httpStatus === 503 ? /^undefined$/ : /^Bearer/);
    expect(headerOf(answer, 'retry-after')).toBe(retryAfterSeconds && String(retryAfterSeconds));
    expect(answer).toContain(message);
  });

  it.each(['//', '*', 'v1/traces', 'http://other/v1/traces'])(
    'does not ask about %s as if it were a path',
    async path => {
      const { ask: send, seen } = await port();
      const answer = await send(...ask('POST', path));
      if (path === '//') expect(seen[0]?.path).toBe('//');
      else expect([statusOf(answer), seen]).toEqual([name === 'envoy' ? 404 : 401, []]);
    },
  );
});

describe('what a client could write itself', () => {
  const forged = [
    ...['X-Original-Method: POST', 'X-Original-URI: /v1/traces'],
    ...['X-Forwarded-Method: POST', 'X-Forwarded-Uri: /v1/traces'],
    ...['X-Envoy-Original-Path: /v1/traces', 'X-Rewrite-URL: /v1/traces', 'X-HTTP-Method-Override: PUT'],
  ];

  it.each([
    ['envoy', ['POST /envoy/v1/logs'], forged],
    ['envoy', ['POST /envoy/../nginx'], forged],
    ['nginx', ['GET /nginx', 'X-Original-Method: POST', 'X-Original-URI: /v1/logs'], forged.slice(2)],
    ['traefik', ['GET /traefik', 'X-Forwarded-Method: POST', 'X-Forwarded-Uri: /v1/logs'], forged.slice(0, 2)],
  ] as const)('is not what %s asks about (%j)', async (_, [start, ...own], foreign) => {
    const { ask, seen } = await port();
    await ask(start, ...own, ...foreign);
    expect(seen[0]?.path).toBe(start.startsWith('POST /envoy') ? start.slice('POST /envoy'.length) : '/v1/logs');
    expect(seen[0]?.method).toBe('POST');
  });

  it.each([
    ['nginx', 'X-Original-URI'],
    ['nginx', 'X-Original-Method'],
    ['traefik', 'X-Forwarded-Uri'],
    ['traefik', 'X-Forwarded-Method'],
  ])('beside what %s writes in %s makes the check unreadable', async (name, header) => {
    const { ask, seen } = await port();
    const [start, ...lines] = ASKS[name]?.('POST', '/v1/traces') ?? [''];
    const answer = await ask(start, ...lines, `${header}: /v1/traces`);
    expect([statusOf(answer), headerOf(answer, 'x-spanpass-reason'), seen]).toEqual([401, 'request_malformed', []]);
  });

  it.each(['nginx', 'traefik'])('is needed by nobody: without what %s writes there is no check', async name => {
    const { ask, seen } = await port();
    expect(statusOf(await ask(`GET /${name}`))).toBe(401);
    expect(seen).toEqual([]);
  });

  it('chooses no dialect that was not chosen here', async () => {
    const { ask, seen } = await port({ dialects: ['envoy'] });
    for (const name of ['nginx', 'traefik']) {
      const [start, ...lines] = ASKS[name]?.('POST', '/v1/traces') ?? [''];
      expect(statusOf(await ask(start, ...lines))).toBe(404);
    }
    expect(seen).toEqual([]);
  });

  it.each(['/v1/traces?a=b', '/opentelemetry.proto.collector.trace.v1.TraceService/Export'])(
    'is not what an Envoy without a prefix asks about at %s, and nobody else is asked there',
    async path => {
      const { ask, seen } = await port();
      const answer = await ask(`POST ${path}`, 'authorization: Bearer x', ...forged);
      expect([statusOf(answer), headerOf(answer, 'x-spanpass-piped')]).toEqual([200, 'edge-1']);
      expect(seen).toMatchObject([{ method: 'POST', path }]);
      expect(statusOf(await (await port({ dialects: ['nginx'] })).ask(`POST ${path}`))).toBe(404);
    },
  );

  it.each(['/', '/v1/unknown', '/V1/traces', '//v1/traces', '/v1/traces/', '/nginx/v1/traces'])(
    'gets no allow at %s',
    async path => {
      const { ask, seen } = await port();
      expect([statusOf(await ask(`POST ${path}`, ...forged)), seen]).toEqual([404, []]);
    },
  );
});

it('takes no dialects that there are not, and not none', async () => {
  await expect(openCheckPort({ dialects: [] })).rejects.toThrow(TypeError);
  await expect(openCheckPort({ dialects: ['toString' as 'envoy'] })).rejects.toThrow(TypeError);
});
