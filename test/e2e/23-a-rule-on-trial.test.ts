import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmin, type EnrolledPiped } from '../harness/admin.ts';
import { type CheckClient, connectCheckClient } from '../harness/check-client.ts';
import { passFor } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startAuthServer, startControlPlane } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

const adminToken = 'admin-token-of-the-suites-0123456789';
const token = 'auth-server-token-of-the-suites-0123456789';

/** An issuer that takes connections and never says a word. */
async function startSilentIssuer(stage: Stage) {
  const sockets = new Set<Socket>();
  const server = createServer(socket => sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.defer(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => sockets.size };
}

describe('a rule on trial', () => {
  const stage = new Stage();
  let config: string;
  let metricsUrl: string;
  let server: RunningProcess;
  let client: CheckClient;
  let piped: EnrolledPiped;
  let silent: Awaited<ReturnType<typeof startSilentIssuer>>;

  beforeAll(async () => {
    const folder = await tempDir(stage, 'trial');
    const ports = await freePorts('controlPlane', 'auth', 'metrics');
    const controlPlaneUrl = `http://127.0.0.1:${ports.controlPlane}`;
    await startControlPlane(stage, { folder, port: ports.controlPlane, adminToken, authServerToken: token });
    piped = await createAdmin(controlPlaneUrl, adminToken, folder).enroll('shop', 'piped-1');
    silent = await startSilentIssuer(stage);
    config = join(folder, 'server.yaml');
    await settle('{}\n');
    const settings = { grpcPort: ports.auth, metricsPort: ports.metrics, controlPlaneUrl, token, config };
    server = await startAuthServer(stage, settings);
    metricsUrl = `http://127.0.0.1:${ports.metrics}/metrics`;
    client = connectCheckClient(stage, `127.0.0.1:${ports.auth}`);
  });
  afterAll(() => stage.dispose());

  async function settle(yaml: string): Promise<void> {
    await writeFile(`${config}.new`, yaml);
    await rename(`${config}.new`, config);
  }

  async function reload(yaml: string): Promise<void> {
    const before = server.output().split('settings were reloaded').length;
    await settle(yaml);
    await waitFor('the reload', () => server.output().split('settings were reloaded').length > before);
  }

  /** How often each agreement was counted of a rule. */
  async function countsOf(rule: string): Promise<Record<string, number>> {
    const text = await (await fetch(metricsUrl)).text();
    const lines = text.matchAll(/^spanpass_shadow_decisions_total\{rule="([^"]+)",agreement="([^"]+)"\} (\d+)$/gm);
    return Object.fromEntries(
      [...lines].flatMap(([, of, agreement, count]) => (of === rule ? [[agreement, Number(count)]] : [])),
    );
  }

  /** A token that the silent issuer would have to vouch for. */
  function loginToken(index: number): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: silent.issuer,
      sub: 'x',
      aud: 'gateway',
      project: 'shop',
      iat: now,
      exp: now + 60,
      jti: `${index}`,
    };
    return `${part({ alg: 'ES256', kid: 'a', typ: 'JWT' })}.${part(claims)}.${'A'.repeat(86)}`;
  }

  async function timed(pass: string, times: number): Promise<number[]> {
    const durations: number[] = [];
    for (let time = 0; time < times; time++) {
      const start = performance.now();
      expect(await client.check(pass)).toBe('allowed');
      durations.push(performance.now() - start);
    }
    return durations.sort((a, b) => a - b);
  }

  it('changes no answer and delays none, even where all that it does is to wait', async () => {
    const pass = await passFor(piped.keyFile);
    const answer = await client.check(loginToken(0));
    const underFlood = async () => {
      const flood = Promise.all(Array.from({ length: 1000 }, (_, index) => client.check(loginToken(index))));
      const durations = await timed(pass, 200);
      expect(new Set(await flood)).toEqual(new Set([answer]));
      return durations[100] ?? 0;
    };
    const without = await underFlood();
    const authenticators = [{ kind: 'oidc', issuer: silent.issuer, audience: 'gateway' }, { kind: 'piped-jwt' }];
    await reload(JSON.stringify({ shadow: { rule: 'login', authenticators } }));
    const withRule = await underFlood();
    expect(silent.asked()).toBeGreaterThan(0);
    // Whoever waited for the issuer would wait for seconds; other load on the machine makes it slower, but not so much.
    expect(withRule).toBeLessThan(without * 5 + 250);
    const counts = await waitFor('all of them to be counted', async () => {
      const seen = await countsOf('login');
      return Object.values(seen).reduce((sum, count) => sum + count, 0) === 1200 && seen;
    });
    expect(Object.keys(counts).every(agreement => ['agree', 'undecided', 'dropped'].includes(agreement))).toBe(true);
    expect(counts.dropped).toBeGreaterThan(0);
    expect(counts.undecided).toBeGreaterThan(0);
  });

  it('comes with a reload, says whom it would refuse and why, and goes with another', async () => {
    const pass = await passFor(piped.keyFile);
    await reload('shadow: {rule: logs-only, scopes: [logs]}\n');
    for (let time = 0; time < 5; time++) expect(await client.check(pass)).toBe('allowed');
    expect(await client.check('made.up.pass')).not.toBe('allowed');
    expect(await countsOf('logs-only')).toEqual({ would_refuse: 5, agree: 1 });
    const line = server
      .output()
      .split('\n')
      .find(text => text.includes('logs-only'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      rule: 'logs-only',
      agreement: 'would_refuse',
      decided: 'allowed',
      tried: 'scope_denied',
      docs: 'docs/reference/refusals.md#scope_denied',
      project: 'shop',
      piped: 'piped-1',
    });
    await reload('{}\n');
    expect(await client.check(pass)).toBe('allowed');
    expect(await countsOf('logs-only')).toEqual({ would_refuse: 5, agree: 1 });
  });
});
