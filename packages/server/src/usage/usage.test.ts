import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { Owner } from '../contract.ts';
import { AuthenticationError, type RefusalCode } from '../refusals.ts';
import { UsageBook, type UsageReport } from './usage-book.ts';
import { UsageReporter } from './usage-reporter.ts';

const kidOf = (n: number) => String(n).padStart(43, 'k');
const ownerOf = (n: number): Owner => ({ project: 'shop', piped: `edge-${n}`, credentialId: kidOf(n) });
const allowed = (n: number) => ({ protocol: 'grpc', authenticator: 'piped-jwt', owner: ownerOf(n) });
const refused = (code: RefusalCode, n?: number) => ({
  protocol: 'grpc',
  refused: new AuthenticationError(code, n === undefined ? {} : { owner: ownerOf(n) }),
});

it('remembers the last use of each key, and refusals with the last reason, verified apart from claimed', () => {
  const clock = { now: 1_000_000 };
  const book = new UsageBook({ now: () => clock.now });
  expect(book.isEmpty).toBe(true);
  book.decided(allowed(1));
  clock.now += 5000;
  for (const decision of [allowed(1), allowed(2), refused('expired', 1), refused('scope_denied', 1)])
    book.decided(decision);
  for (let n = 0; n < 3; n++) book.decided(refused('signature_invalid', 2));
  expect(book.take(500)).toEqual({
    keys: [
      { kid: kidOf(1), lastUsedAt: 1005 },
      { kid: kidOf(2), lastUsedAt: 1005 },
    ],
    refusals: [
      { kid: kidOf(1), verified: true, count: 2, lastReason: 'scope_denied', lastAt: 1005 },
      { kid: kidOf(2), verified: false, count: 3, lastReason: 'signature_invalid', lastAt: 1005 },
    ],
    dropped: 0,
  });
  expect(book.isEmpty).toBe(true);
});

it('remembers nothing of keys that nobody has, and of what could not be decided', () => {
  const book = new UsageBook();
  for (let n = 0; n < 1000; n++) book.decided(refused('key_unknown'));
  book.decided(refused('credential_missing'));
  book.decided(refused('throttled', 1));
  book.decided({
    protocol: 'grpc',
    refused: new AuthenticationError('scope_denied', { owner: { ...ownerOf(1), credentialId: 'sub' } }),
  });
  expect(book.isEmpty).toBe(true);
});

it('stays within its bounds under a flood, and says how much it dropped', () => {
  const book = new UsageBook({ maxKeys: 10 });
  for (let n = 0; n < 100; n++) {
    for (const decision of [allowed(n), refused('expired', n), refused('signature_invalid', n)]) book.decided(decision);
  }
  for (let n = 0; n < 10; n++) book.decided(allowed(n));
  const { keys, refusals, dropped } = book.take(500);
  expect([keys.length, refusals.length, dropped]).toEqual([10, 20, 270]);
});

async function startControlPlane(status: () => number) {
  const reports: UsageReport[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    expect([request.method, request.url, request.headers.authorization]).toEqual([
      ...['POST', '/v1/reports/usage', 'Bearer secret'],
    ]);
    reports.push(JSON.parse(text));
    response.writeHead(status(), { 'content-type': 'application/json' }).end('{"taken":1}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>(resolve => void server.close(() => resolve())));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { controlPlane: { url, token: 'secret' }, reports };
}

it('reports in parts that the control plane takes', async () => {
  const { controlPlane, reports } = await startControlPlane(() => 200);
  const book = new UsageBook();
  await using reporter = new UsageReporter({ controlPlane, book });
  await reporter.report();
  expect(reports).toEqual([]);
  for (let n = 0; n < 1200; n++) book.decided(allowed(n));
  for (let n = 0; n < 400; n++)
    for (const code of ['expired', 'signature_invalid'] as const) book.decided(refused(code, n));
  await reporter.report();
  expect(reports.map(({ keys, refusals }) => [keys.length, refusals.length])).toEqual([
    [500, 500],
    [500, 300],
    [200, 0],
  ]);
  expect(new Set(reports.flatMap(({ keys }) => keys.map(({ kid }) => kid))).size).toBe(1200);
});

it('keeps what could not be reported for the next time, and tells of a row of failures once', async () => {
  let status = 503;
  const { controlPlane, reports } = await startControlPlane(() => status);
  const book = new UsageBook({ now: () => 7000 });
  const problems: unknown[] = [];
  const reporter = new UsageReporter({ controlPlane, book, onProblem: problem => problems.push(problem) });
  book.decided(refused('expired', 1));
  await reporter.report();
  book.decided(refused('audience_mismatch', 1));
  await reporter.report();
  expect(problems).toEqual([503]);
  status = 200;
  await reporter[Symbol.asyncDispose]();
  expect(reports.at(-1)?.refusals).toEqual([
    { kid: kidOf(1), verified: true, count: 2, lastReason: 'audience_mismatch', lastAt: 7 },
  ]);
  expect(book.isEmpty).toBe(true);
});

it('reports by itself', async () => {
  const { controlPlane, reports } = await startControlPlane(() => 200);
  const book = new UsageBook();
  await using reporter = new UsageReporter({ controlPlane, book, everyMs: 10 });
  reporter.start();
  book.decided(allowed(1));
  await expect.poll(() => reports.length).toBe(1);
  book.decided(allowed(2));
  await expect.poll(() => reports.length).toBe(2);
});

it('ends, also where nobody answers', async () => {
  const book = new UsageBook();
  const problems: unknown[] = [];
  const controlPlane = { url: 'http://127.0.0.1:9', token: 'secret' };
  const reporter = new UsageReporter({ controlPlane, book, everyMs: 1, onProblem: problem => problems.push(problem) });
  book.decided(allowed(1));
  reporter.start();
  await reporter[Symbol.asyncDispose]();
  expect(problems).toMatchObject([{ code: 'ECONNREFUSED' }]);
  expect(book.isEmpty).toBe(false);
  expect(() => new UsageReporter({ controlPlane, book, everyMs: 0 })).toThrow(TypeError);
});

it('takes whose key was named, where no signature was looked at, for a claim', () => {
  const book = new UsageBook({ now: () => 7000 });
  const refused = new AuthenticationError('expired').naming(ownerOf(1));
  expect([refused.owner, refused.claimedOwner]).toEqual([undefined, ownerOf(1)]);
  book.decided({ protocol: 'grpc', refused });
  expect(book.take(1).refusals).toMatchObject([{ kid: kidOf(1), verified: false, lastReason: 'expired' }]);
});
