import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createTestClock } from '../fixture.test.support.ts';
import { ObservedCheck } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { SOMEBODY } from '../testing/doubles.ts';
import { startOperations } from './endpoints.ts';
import { assertListenable, listening } from './listening.ts';
import { createMetrics, type MetricSources } from './metrics.ts';
import { refusalLog } from './refusal-log.ts';
import { safeCause } from './safe-cause.ts';

const SECRET = 'eyJhbGciOiJFUzI1NiJ9.eyJwcm9qZWN0IjoiZXhhbXBsZSJ9.bm90LWEtc2lnbmF0dXJl';

const idle: MetricSources = {
  feedLagSeconds: () => 0,
  isReady: () => true,
  load: () => ({
    waitingChecks: 3,
    rememberedDecisions: 7,
    queues: [{ authenticator: 'pipecd-key', running: 2, waiting: 9 }],
  }),
  lookups: () => ({ running: 4, waiting: 5 }),
};

describe('metrics', () => {
  it('count decisions, memory and lookups, and show lag and readiness', async () => {
    const { registry, observer } = createMetrics({ ...idle, feedLagSeconds: () => 1.5 });
    observer.decided?.({ protocol: 'grpc', authenticator: 'piped-jwt' });
    observer.decided?.({ protocol: 'http', refused: new AuthenticationError('expired', { owner: SOMEBODY }) });
    observer.decisionCache?.('hit');
    observer.keyLookup?.('throttled');
    observer.signature?.('piped-jwt', 'invalid');
    observer.shadow?.({ rule: 'other-audience', agreement: 'would_refuse', decided: 'allowed' });
    new ObservedCheck(observer, 'grpc').refused(new AuthenticationError('key_unknown').by('piped-jwt'));
    observer.revocationApplied?.(0.2);
    const text = await registry.metrics();
    for (const line of [
      'spanpass_check_decisions_total{outcome="allowed",reason="",protocol="grpc",authenticator="piped-jwt"} 1',
      'spanpass_check_decisions_total{outcome="unauthenticated",reason="expired",protocol="http",authenticator=""} 1',
      'spanpass_decision_cache_requests_total{result="hit"} 1',
      'spanpass_key_lookups_total{result="throttled"} 1',
      'spanpass_revocation_lag_seconds_bucket{le="0.1"} 0',
      'spanpass_revocation_lag_seconds_bucket{le="0.25"} 1',
      'spanpass_key_feed_lag_seconds 1.5',
      'spanpass_check_decisions_total{outcome="unauthenticated",reason="key_unknown",protocol="grpc",authenticator="piped-jwt"} 1',
      'spanpass_check_duration_seconds_count 1',
      'spanpass_signature_verifications_total{authenticator="piped-jwt",result="invalid"} 1',
      'spanpass_shadow_decisions_total{rule="other-audience",agreement="would_refuse"} 1',
      'spanpass_checks_waiting 3',
      'spanpass_decision_cache_entries 7',
      'spanpass_key_lookups_pending{state="running"} 4',
      'spanpass_key_lookups_pending{state="waiting"} 5',
      'spanpass_authenticator_queue_depth{authenticator="pipecd-key",state="waiting"} 9',
      'spanpass_auth_server_ready 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    expect(text).toContain('process_cpu_seconds_total');
  });
});

describe('the operations endpoints', () => {
  it('answer what they know, and nothing else', async () => {
    let isReady = false;
    const { registry } = createMetrics({ ...idle, isReady: () => isReady });
    await using operations = await startOperations({ host: '127.0.0.1', port: 0, registry, isReady: () => isReady });
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(`http://${operations.address}${path}`, { method });
      return [response.status, await response.text()];
    };
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    expect(await get('/readyz')).toEqual([503, 'not ready\n']);
    isReady = true;
    expect(await get('/readyz?a')).toEqual([200, 'ready\n']);
    expect((await get('/metrics'))[1]).toContain('spanpass_auth_server_ready 1');
    expect(await get('/')).toEqual([404, 'not found\n']);
    expect(await get('/metrics', 'POST')).toEqual([405, 'method not allowed\n']);
  });
});

describe('a port that can not be listened on', () => {
  it('is told in one line that says what to do, with a code', async () => {
    const taken = createServer();
    await listening(taken, '127.0.0.1', 0);
    const { port } = taken.address() as AddressInfo;
    await expect(assertListenable('127.0.0.1', port)).rejects.toMatchObject({
      code: 'address_in_use',
      message: `can't listen on 127.0.0.1:${port}: it is in use; stop the other server or choose another port`,
    });
    await expect(assertListenable('192.0.2.1', 0)).rejects.toMatchObject({ code: 'address_not_available' });
    await expect(assertListenable('no.such.host.invalid', 0)).rejects.toMatchObject({ code: 'listen_failed' });
    await new Promise(resolve => taken.close(resolve));
    await assertListenable('127.0.0.1', port);
  });
});

describe('the log of refusals', () => {
  function createLog(maxPerSecond?: number) {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const clock = createTestClock(0);
    const log = refusalLog(logger, { now: clock.now, ...(maxPerSecond !== undefined && { maxPerSecond }) });
    const refuse = (error: AuthenticationError) => log.decided?.({ protocol: 'grpc', refused: error });
    return { lines, clock, log, refuse };
  }

  it('has one line for each, with the reason, where it is documented, and who it was if that is known', () => {
    const { lines, log, refuse } = createLog();
    refuse(new AuthenticationError('piped_disabled', { owner: SOMEBODY }));
    log.decided?.({ protocol: 'grpc', authenticator: 'piped-jwt' });
    expect(lines).toEqual([
      {
        level: 30,
        reason: 'piped_disabled',
        outcome: 'denied',
        protocol: 'grpc',
        docs: 'docs/reference/refusals.md#piped_disabled',
        project: 'shop',
        piped: 'edge-1',
        kid: 'test-key',
        msg: 'refused',
      },
    ]);
  });

  it('links to wherever the documentation is published', () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
    for (const docsUrl of ['https://docs.example.org/spanpass', 'https://docs.example.org/spanpass/']) {
      refusalLog(logger, { docsUrl }).decided?.({ protocol: 'grpc', refused: new AuthenticationError('expired') });
    }
    const docs = 'https://docs.example.org/spanpass/reference/refusals.html#expired';
    expect(lines.map(line => line.docs)).toEqual([docs, docs]);
  });

  it('says what went wrong where a check stayed undecided, without what looks like a secret', () => {
    const { lines, refuse } = createLog();
    const cause = new SyntaxError(`Unexpected token in "Bearer ${SECRET}"`);
    refuse(new AuthenticationError('internal_error', { cause }));
    expect(lines[0]).toMatchObject({
      level: 40,
      cause: { name: 'SyntaxError', message: expect.stringContaining('…') },
    });
    for (const part of SECRET.split('.')) expect(JSON.stringify(lines)).not.toContain(part);
  });

  it('is bounded for each reason, and counts what it left out', () => {
    const { lines, clock, refuse } = createLog(2);
    for (let time = 0; time < 10; time++) refuse(new AuthenticationError('expired'));
    refuse(new AuthenticationError('key_unknown'));
    expect(lines.map(({ reason }) => reason)).toEqual(['expired', 'expired', 'key_unknown']);
    clock.advance(1000);
    refuse(new AuthenticationError('expired'));
    refuse(new AuthenticationError('expired'));
    expect(lines.slice(3)).toMatchObject([{ suppressed: 8 }, { reason: 'expired' }]);
    expect(lines.at(-1)).not.toHaveProperty('suppressed');
  });
});

describe('safeCause', () => {
  it('describes anything that can be thrown', () => {
    expect(safeCause(undefined)).toBeUndefined();
    expect(safeCause('text')).toEqual({ name: 'string', message: '' });
    const error = Object.assign(new Error(`a ${'b'.repeat(500)} ${'c '.repeat(500)}`), { code: 'ECONNREFUSED' });
    const { message, code, stack } = safeCause(error) ?? {};
    expect([message?.length, message?.slice(0, 6), code]).toEqual([200, 'a … c ', 'ECONNREFUSED']);
    expect(stack?.[0]).toMatch(/^at /);
    expect(JSON.stringify(stack)).not.toContain('/packages/');
  });
});
