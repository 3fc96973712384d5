import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import nock from 'nock';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createClient } from './client.ts';
import { staticSource } from './static-source.ts';
import { exportSpan } from './testing/export-span.ts';
import { createClock, createPiped, expectFailure, secretsOf, verifyAuthorization } from './testing/fixture.ts';
import { listen } from './testing/listen.ts';

interface Received {
  readonly method: string | undefined;
  readonly authorization: readonly string[];
  readonly contentType: string | undefined;
  readonly body: string;
}

/** A real HTTP server that records what comes, and answers by `answer`. */
async function startServer(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void = (_, response) => response.end(),
) {
  const requests: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({
      method: request.method,
      authorization: request.headersDistinct.authorization ?? [],
      contentType: request.headers['content-type'],
      body,
    });
    answer(request, response, requests.length);
  });
  const url = `http://127.0.0.1:${await listen(server)}`;
  return { url, requests };
}

/** Refuses the first `count` requests. */
const refuseFirst = (refused: number) => (_: IncomingMessage, response: ServerResponse, count: number) => {
  response.writeHead(count <= refused ? 401 : 200).end(`answer ${count}`);
};

afterEach(() => {
  vi.restoreAllMocks();
  nock.cleanAll();
});

describe('fetch', () => {
  it('attaches a fresh credential to each request', async () => {
    const { keyFile, record } = await createPiped();
    const clock = createClock();
    const { url, requests } = await startServer();
    const send = createClient({ keyFile, now: clock.now }).fetch();
    for (const aged of [0, 361_000]) {
      clock.ms += aged;
      expect((await send(url, { method: 'POST', body: 'spans', headers: { 'content-type': 'x/y' } })).status).toBe(200);
      expect(requests.at(-1)).toMatchObject({ method: 'POST', body: 'spans', contentType: 'x/y' });
      await verifyAuthorization(requests.at(-1)?.authorization.join('|'), record, clock.now);
    }
  });

  it('takes whatever fetch takes, and changes nothing that it was given', async () => {
    const { url, requests } = await startServer();
    const send = createClient({ source: staticSource('token') }).fetch();
    const headers = new Headers({ 'content-type': 'x/y' });
    const init = Object.freeze({ method: 'PUT', headers, body: 'a' });
    await send(url, init);
    await send(new URL(url), { method: 'PUT', headers: [['content-type', 'x/y']], body: 'a' });
    await send(new Request(url, { method: 'PUT', headers, body: 'a' }));
    await send(new Request(url, { method: 'DELETE' }), { method: 'PUT', headers, body: 'a' });
    expect(new Set(requests.map(request => JSON.stringify(request)))).toEqual(
      new Set([JSON.stringify({ method: 'PUT', authorization: ['Bearer token'], contentType: 'x/y', body: 'a' })]),
    );
    expect(requests).toHaveLength(4);
    expect(headers.has('authorization')).toBe(false);
  });

  it('sends by the base that it was given', async () => {
    const base = vi.fn<typeof fetch>(async () => new Response('ok'));
    const send = createClient({ source: staticSource('token') }).fetch(base);
    expect(await (await send('https://collector.example.com/v1/traces')).text()).toBe('ok');
    const [input, init] = base.mock.calls[0] ?? [];
    expect(input).toBe('https://collector.example.com/v1/traces');
    expect(new Headers(init?.headers).get('authorization')).toBe('Bearer token');
  });

  it('works with what replaces the global fetch later, such as nock', async () => {
    const send = createClient({ source: staticSource('token') }).fetch();
    const scope = nock('https://collector.example.com', { reqheaders: { authorization: 'Bearer token' } })
      .post('/v1/traces', 'spans')
      .reply(202);
    onTestFinished(() => nock.restore());
    expect((await send('https://collector.example.com/v1/traces', { method: 'POST', body: 'spans' })).status).toBe(202);
    scope.done();
  });

  it.each(['http://collector.example.com/v1/traces', 'http://127.0.0.1@evil.com/', 'http://localhost.evil.com'])(
    'refuses %s, and asks for no credential',
    async url => {
      const base = vi.fn<typeof fetch>(async () => new Response());
      const source = staticSource('token');
      const credential = vi.spyOn(source, 'credential');
      const send = createClient({ source }).fetch(base);
      for (const input of [url, new URL(url), ...(url.includes('@') ? [] : [new Request(url)])]) {
        await expectFailure(send(input), 'plaintext_refused', /use https/);
      }
      expect([base, credential].map(({ mock }) => mock.calls)).toEqual([[], []]);
      await createClient({ source, allowPlaintext: true }).fetch(base)(url);
      expect(base).toHaveBeenCalledTimes(1);
    },
  );

  it('refuses a request that brings an authorization of its own', async () => {
    const base = vi.fn<typeof fetch>();
    const send = createClient({ source: staticSource('token') }).fetch(base);
    const init = { headers: { Authorization: 'Basic abc' } };
    await expectFailure(send('https://example.com', init), 'authorization_twice', /drop one/);
    await expectFailure(send(new Request('https://example.com', init)), 'authorization_twice', /drop one/);
    expect(base).not.toHaveBeenCalled();
  });

  it.each([301, 302, 303, 307, 308])('never follows a %d with the credential', async status => {
    const elsewhere = await startServer();
    const { url, requests } = await startServer((_, response) => {
      response.writeHead(status, { location: elsewhere.url }).end();
    });
    const send = createClient({ source: staticSource('token') }).fetch();
    const calls = [
      () => send(url, { method: 'POST', body: 'a' }),
      () => send(url, { redirect: 'follow' }),
      () => send(new Request(url, { redirect: 'follow' })),
    ];
    for (const call of calls) {
      const answer = await call();
      expect([answer.status, answer.headers.get('location')]).toEqual([status, elsewhere.url]);
    }
    await expect(send(url, { redirect: 'error' })).rejects.toThrow(TypeError);
    expect(elsewhere.requests).toEqual([]);
    expect(requests.length).toBe(4);
  });
});

describe('fetch, answered with 401', () => {
  const bodies: [string, () => RequestInit][] = [
    ['no body', () => ({ method: 'POST' })],
    ['a text', () => ({ method: 'POST', body: 'spans' })],
    ['bytes', () => ({ method: 'POST', body: Buffer.from('spans') })],
    ['an ArrayBuffer', () => ({ method: 'POST', body: new TextEncoder().encode('spans').buffer })],
    ['a Blob', () => ({ method: 'POST', body: new Blob(['spans']) })],
    ['URLSearchParams', () => ({ method: 'POST', body: new URLSearchParams({ a: 'b' }) })],
    ['FormData', () => ({ method: 'POST', body: new FormData() })],
  ];
  it.each(bodies)('sends %s once more, with a new credential', async (_, init) => {
    const { keyFile } = await createPiped();
    const { url, requests } = await startServer(refuseFirst(1));
    const answer = await createClient({ keyFile }).fetch()(url, init());
    expect([answer.status, await answer.text()]).toEqual([200, 'answer 2']);
    expect(requests).toHaveLength(2);
    const [first, second] = requests;
    expect(second?.authorization).not.toEqual(first?.authorization);
    expect(second?.body.length).toBe(first?.body.length);
  });

  const streams: [string, (url: string) => [string | Request, RequestInit?]][] = [
    ['a stream', url => [url, { method: 'POST', body: new Blob(['spans']).stream(), duplex: 'half' } as RequestInit]],
    ['a Request with a body', url => [new Request(url, { method: 'POST', body: 'spans' })]],
  ];
  it.each(streams)('sends %s only once, and has a new credential for the next', async (_, call) => {
    const { keyFile } = await createPiped();
    const { url, requests } = await startServer(refuseFirst(1));
    const send = createClient({ keyFile }).fetch();
    const answer = await send(...call(url));
    expect([answer.status, await answer.text()]).toEqual([401, 'answer 1']);
    expect((await send(...call(url))).status).toBe(200);
    expect(requests.map(({ body }) => body)).toEqual(['spans', 'spans']);
    expect(requests[1]?.authorization).not.toEqual(requests[0]?.authorization);
  });

  it('sends twice and no more, and returns the second 401', async () => {
    const { keyFile } = await createPiped();
    const { url, requests } = await startServer(refuseFirst(9));
    const answer = await createClient({ keyFile }).fetch()(url);
    expect([answer.status, await answer.text()]).toEqual([401, 'answer 2']);
    expect(requests).toHaveLength(2);
  });

  it('sends once where there is no other credential', async () => {
    const { url, requests } = await startServer(refuseFirst(9));
    const answer = await createClient({ source: staticSource('token') }).fetch()(url);
    expect([answer.status, await answer.text()]).toEqual([401, 'answer 1']);
    expect(requests).toHaveLength(1);
  });

  it('returns the 401 when no new credential can be had', async () => {
    const source = staticSource('token');
    vi.spyOn(source, 'credential').mockResolvedValueOnce('token').mockRejectedValueOnce(new Error('down'));
    const { url, requests } = await startServer(refuseFirst(9));
    expect((await createClient({ source }).fetch()(url)).status).toBe(401);
    expect(requests).toHaveLength(1);
  });

  it.each([400, 403, 429, 500, 503])('takes a %d for what it is', async status => {
    const { keyFile } = await createPiped();
    const { url, requests } = await startServer((_, response) => response.writeHead(status).end());
    const send = createClient({ keyFile }).fetch();
    expect((await send(url)).status).toBe(status);
    await send(url);
    expect(requests[1]?.authorization).toEqual(requests[0]?.authorization);
  });
});

describe('fetch, given up', () => {
  it('ends with the reason of the caller while it waits for a credential', async () => {
    const source = staticSource('token');
    vi.spyOn(source, 'credential').mockReturnValue(new Promise(() => {}));
    const caller = new AbortController();
    const waiting = createClient({ source }).fetch()('https://example.com', { signal: caller.signal });
    caller.abort(new Error('changed my mind'));
    await expect(waiting).rejects.toThrow('changed my mind');
    const request = new Request('https://example.com', { signal: AbortSignal.abort(new Error('never wanted')) });
    await expect(createClient({ source }).fetch()(request)).rejects.toThrow('never wanted');
  });

  it('ends in time by itself', async () => {
    const source = staticSource('token');
    vi.spyOn(source, 'credential').mockReturnValue(new Promise(() => {}));
    const send = createClient({ source, timeoutMs: 5 }).fetch();
    await expectFailure(send('https://example.com'), 'source_timed_out', /within 5 ms/);
  });
});

describe('the stock OTLP/HTTP exporter, by its `headers` option', () => {
  it('exports with a fresh credential on each life', async () => {
    const piped = await createPiped();
    const clock = createClock();
    const { url, requests } = await startServer();
    const pass = createClient({ keyFile: piped.keyFile, now: clock.now });
    const exporter = new OTLPTraceExporter({ url, headers: pass.headersFor(url) });
    onTestFinished(() => exporter.shutdown());
    for (const aged of [0, 361_000]) {
      clock.ms += aged;
      expect(await exportSpan(exporter)).toEqual({ code: 0 });
      expect(requests.at(-1)?.authorization).toHaveLength(1);
      await verifyAuthorization(requests.at(-1)?.authorization[0], piped.record, clock.now);
    }
  });

  it('wins over OTEL_EXPORTER_OTLP_HEADERS', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'Authorization=Basic%20abc');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { url, requests } = await startServer();
    const pass = createClient({ source: staticSource('token') });
    const exporter = new OTLPTraceExporter({ url, headers: pass.headersFor(url) });
    onTestFinished(() => exporter.shutdown());
    expect(await exportSpan(exporter)).toEqual({ code: 0 });
    expect(requests[0]?.authorization).toEqual(['Bearer token']);
  });

  it('fails at once, with the reason, when there is no credential', async () => {
    const piped = await createPiped('edge-1', 1_000);
    const { url, requests } = await startServer();
    const exporter = new OTLPTraceExporter({
      url,
      headers: createClient({ keyFile: piped.keyFile, renewal: false }).headersFor(url),
    });
    onTestFinished(() => exporter.shutdown());
    const { error } = await exportSpan(exporter);
    await expectFailure(Promise.reject(error), 'key_expired', /enroll again/, secretsOf(piped));
    expect(requests).toEqual([]);
  });

  it('is not made for plaintext beyond loopback', () => {
    const pass = createClient({ source: staticSource('token') });
    const url = 'http://collector.example.com:4318/v1/traces';
    expect(() => pass.headersFor(url)).toThrow(expect.objectContaining({ code: 'plaintext_refused' }));
    expect(() => pass.headersFor('collector')).toThrow(TypeError);
    expect(createClient({ source: pass.source, allowPlaintext: true }).headersFor(url)).toBeTypeOf('function');
  });
});

describe('createClient', () => {
  it('starts only with a key', async () => {
    const { keyFile } = await createPiped();
    await createClient({ keyFile, now: createClock().now }).start();
    await expectFailure(createClient({ keyFile: `${keyFile}.not` }).start(), 'key_file_missing', /enroll first/);
  });

  it.each([0, -1, Number.NaN, 600_001])('takes a timeout of %d for a mistake', timeoutMs => {
    expect(() => createClient({ source: staticSource('token'), timeoutMs })).toThrow(TypeError);
  });
});
