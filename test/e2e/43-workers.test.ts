import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { adjacentPorts } from '../harness/adjacent-ports.ts';
import { type Admin, createAdmin, type EnrolledPiped } from '../harness/admin.ts';
import { type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { tracesRequestJson } from '../harness/otlp.ts';
import { passFor } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import { isAlive, type RunningProcess } from '../harness/process.ts';
import { exportOverHttp } from '../harness/raw-client.ts';
import { startAuthServer, startControlPlane } from '../harness/servers.ts';
import { startSink } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk, waitFor } from '../harness/wait.ts';

const adminToken = 'admin-token-of-the-suites-0123456789';
const authServerToken = 'auth-server-token-of-the-suites-0123456789';

await describeWithEngine(['envoy'], 'an auth server of two workers', ({ envoy }) => {
  const stage = new Stage();
  let folder: string;
  let controlPlaneUrl: string;
  let admin: Admin;

  beforeAll(async () => {
    folder = await tempDir(stage, 'workers');
    const { port } = await freePorts('port');
    controlPlaneUrl = `http://127.0.0.1:${port}`;
    await startControlPlane(stage, { folder, port, adminToken, authServerToken });
    admin = createAdmin(controlPlaneUrl, adminToken, folder);
  });
  afterAll(() => stage.dispose());

  async function startWorkers(workerPorts: 'own' | 'shared') {
    const config = join(folder, `${workerPorts}.json`);
    const configure = (more: object = {}) =>
      writeFile(config, JSON.stringify({ workers: 2, workerPorts, drainDelayMs: 0, ...more }));
    await configure();
    const grpcPort = await adjacentPorts(4);
    const { metricsPort } = await freePorts('metricsPort');
    const ports = { grpcPort, httpPort: grpcPort + 1, metricsPort };
    const process = await startAuthServer(stage, { ...ports, controlPlaneUrl, token: authServerToken, config });
    return { process, configure, ...ports };
  }

  describe('each with ports of its own, before a real Envoy', () => {
    let server: Awaited<ReturnType<typeof startWorkers>>;
    let gateway: RunningEnvoy;
    let piped: EnrolledPiped;
    let pass: string;

    beforeAll(async () => {
      server = await startWorkers('own');
      const sink = await startSink(stage);
      const upstream = sink.url.replace('http://', '');
      gateway = await startEnvoy(
        stage,
        envoy,
        {
          auth: { mode: 'grpc', endpoints: [`127.0.0.1:${server.grpcPort}`], workers: 2 },
          upstream: { grpc: [upstream], http: [upstream] },
        },
        'gateway-token-of-the-suites',
      );
      piped = await admin.enroll('shop', 'piped-1');
      pass = await passFor(piped.keyFile);
    });

    const send = async (shown = pass) => {
      const headers = { authorization: `Bearer ${shown}` };
      return (await exportOverHttp(gateway.httpPort, tracesRequestJson('x'), headers)).http;
    };

    /** Sends one export after the other on four ways at once, until `during` is done. */
    async function underLoad<T>(during: () => Promise<T>, shown?: string) {
      const answers: { readonly http: number; readonly at: number }[] = [];
      let done = false;
      const ways = Array.from({ length: 4 }, async () => {
        while (!done) answers.push({ http: await send(shown), at: performance.now() });
      });
      const result = await during().finally(() => {
        done = true;
      });
      await Promise.all(ways);
      return { answers, result };
    }

    it('one thread of Envoy asks both, and metrics are of both together', async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, () => send()));
      expect(new Set(answers)).toEqual(new Set([200]));
      const metrics = await metricsOf(server.metricsPort);
      const checks = metrics.all('spanpass_worker_checks_total');
      expect(checks.map(count => count >= 10)).toEqual([true, true]);
      expect(sum(checks)).toBe(sum(metrics.all('spanpass_check_decisions_total')));
      expect(sum(checks)).toBe(metrics.all('spanpass_check_duration_seconds_count')[0]);
      expect(metrics.all('spanpass_auth_server_ready')).toEqual([1]);
    });

    it('a revocation reaches both within a second', async () => {
      const revoked = await admin.enroll('shop', 'piped-2');
      const shown = await passFor(revoked.keyFile);
      const { answers, result: before } = await underLoad(async () => {
        await sleep(500);
        await admin.revoke(revoked.keyFile.kid);
        const answeredAt = performance.now();
        await sleep(1100);
        const counted = (await metricsOf(server.metricsPort)).all('spanpass_worker_checks_total');
        await sleep(400);
        return { answeredAt, counted };
      }, shown);
      const allowed = answers.filter(({ http }) => http === 200);
      expect(allowed.length).toBeGreaterThan(8);
      expect(Math.max(...allowed.map(({ at }) => at)) - before.answeredAt).toBeLessThan(1000);
      expect(new Set(answers.map(({ http }) => http))).toEqual(new Set([200, 401]));
      // Whoever was asked after that second, it was both of them.
      const after = (await metricsOf(server.metricsPort)).all('spanpass_worker_checks_total');
      expect(after.map((count, at) => count > (before.counted[at] ?? 0))).toEqual([true, true]);
    });

    it('a changed file reaches both', async () => {
      await server.configure({ gatewayAudience: 'another-gateway' });
      await waitFor('the other audience at both', async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => send()));
        return answers.every(http => http === 401);
      });
      await server.configure();
      server.process.signal('SIGHUP');
      await waitFor('the first audience at both', async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => send()));
        return answers.every(http => http === 200);
      });
    });

    it('kill -9 of one loses no export, it comes back, and no sum has fallen', async () => {
      const readyz = () => answersOk(`http://127.0.0.1:${server.metricsPort}/readyz`);
      // What it counted is known by then.
      await sleep(2200);
      const before = await metricsOf(server.metricsPort);
      const [victim = 0] = await childrenOf(server.process);
      const { answers } = await underLoad(async () => {
        await sleep(200);
        process.kill(victim, 'SIGKILL');
        await waitFor('somebody to miss it', async () => !(await readyz()), 5000);
        await waitFor('another one in its place', readyz, 30_000);
      });
      expect(new Set(answers.map(({ http }) => http))).toEqual(new Set([200]));
      const after = await metricsOf(server.metricsPort);
      expect(sum(after.all('spanpass_worker_restarts_total'))).toBe(1);
      expect(server.process.output()).toContain('a worker ended by itself');
      const total = (metrics: Metrics) => sum(metrics.all('spanpass_check_decisions_total'));
      expect(total(after)).toBeGreaterThanOrEqual(total(before));
      await waitFor('Envoy to ask the new one', async () => {
        await send();
        return (await metricsOf(server.metricsPort)).all('spanpass_worker_checks_total').every(count => count > 0);
      });
    });

    it('each refusal is reported once, and both end when they are told to', async () => {
      const workers = await childrenOf(server.process);
      expect(workers).toHaveLength(2);
      const other = await admin.enroll('shop', 'piped-3', ['logs']);
      const shown = await passFor(other.keyFile);
      const answers = await Promise.all(Array.from({ length: 20 }, () => send(shown)));
      expect(new Set(answers)).toEqual(new Set([403]));
      // On a slow machine Envoy tries again what took too long, and each try is a decision.
      await sleep(500);
      const line = /^spanpass_check_decisions_total\{.*reason="scope_denied".*\} (\d+)$/m;
      const decided = Number(line.exec(await metricsText(server.metricsPort))?.[1]);
      expect(decided).toBeGreaterThanOrEqual(20);
      await server.process.stop();
      expect(server.process.ended()).toBe('exit code 0');
      expect(workers.map(isAlive)).toEqual([false, false]);
      const response = await fetch(`${controlPlaneUrl}/v1/pipeds?project=shop`, {
        headers: { authorization: `Bearer ${adminToken}` },
      });
      const { items } = (await response.json()) as { items: { piped: string; refusals: object }[] };
      const refusals = items.find(({ piped: name }) => name === 'piped-3')?.refusals;
      expect(refusals).toMatchObject({ verified: { count: decided, lastReason: 'scope_denied' } });
    });
  });

  it('on one port: connections are dealt out, and who stays takes all when the other is killed', async () => {
    const server = await startWorkers('shared');
    const piped = await admin.enroll('shop', 'piped-4');
    const pass = await passFor(piped.keyFile);
    const ask = () => askOnce(server.httpPort, pass);
    expect(new Set(await Promise.all(Array.from({ length: 8 }, ask)))).toEqual(new Set([200]));
    // The next connection goes to who is free: in turn, but for one who is slower at taking his.
    const [one = 0, other = 0] = (await metricsOf(server.metricsPort)).all('spanpass_worker_checks_total');
    expect([one + other, Math.min(one, other) >= 2]).toEqual([8, true]);
    const [victim = 0] = await childrenOf(server.process);
    process.kill(victim, 'SIGKILL');
    await waitFor('it to be gone', () => !isAlive(victim));
    expect(new Set(await Promise.all(Array.from({ length: 8 }, ask)))).toEqual(new Set([200]));
    await server.process.stop();
    expect(server.process.ended()).toBe('exit code 0');
  });
});

/** A check in nginx's words, on a connection of its own. */
function askOnce(port: number, pass: string): Promise<number | undefined> {
  const headers = {
    authorization: `Bearer ${pass}`,
    'x-original-uri': '/v1/traces',
    'x-original-method': 'POST',
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/nginx', agent: false, headers }, response => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once('error', reject).end();
  });
}

interface Metrics {
  /** Of all series of a name, in their order. */
  all(name: string): number[];
}

async function metricsText(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

async function metricsOf(port: number): Promise<Metrics> {
  const text = await metricsText(port);
  const of = (name: string) =>
    text.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return { all: name => of(name).map(line => Number(line.slice(line.lastIndexOf(' ') + 1))) };
}

const sum = (values: readonly number[]) => values.reduce((one, other) => one + other, 0);

async function childrenOf({ pid }: RunningProcess): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.trim().split(' ').map(Number);
}
