import { rename, rm, writeFile } from 'node:fs/promises';
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

describe('an auth server whose settings change while it runs', () => {
  const stage = new Stage();
  const adminToken = 'admin-token-of-the-suites-0123456789';
  const token = 'auth-server-token-of-the-suites-0123456789';
  let config: string;
  let metricsUrl: string;
  let controlPlane: RunningProcess;
  let server: RunningProcess;
  let client: CheckClient;
  let piped: EnrolledPiped;
  let late: EnrolledPiped;

  beforeAll(async () => {
    const folder = await tempDir(stage, 'live');
    const ports = await freePorts('controlPlane', 'auth', 'metrics');
    config = join(folder, 'server.yaml');
    metricsUrl = `http://127.0.0.1:${ports.metrics}`;
    const controlPlaneUrl = `http://127.0.0.1:${ports.controlPlane}`;
    controlPlane = await startControlPlane(stage, {
      folder,
      port: ports.controlPlane,
      adminToken,
      authServerToken: token,
    });
    const admin = createAdmin(controlPlaneUrl, adminToken, folder);
    piped = await admin.enroll('shop', 'piped-1');
    late = await admin.enroll('shop', 'piped-late');
    await settle('gatewayAudience: gateway-0\n');
    const settings = { grpcPort: ports.auth, metricsPort: ports.metrics, controlPlaneUrl, token, config };
    server = await startAuthServer(stage, settings);
    client = connectCheckClient(stage, `127.0.0.1:${ports.auth}`);
  });
  afterAll(() => stage.dispose());

  /** Writes the file as an editor does: whole, then in the place of the old one. */
  async function settle(yaml: string): Promise<void> {
    await writeFile(`${config}.new`, yaml);
    await rename(`${config}.new`, config);
  }

  const logged = (text: string) =>
    server
      .output()
      .split('\n')
      .filter(line => line.includes(text));
  const passAt = (audience: string) => passFor(piped.keyFile, { audience });
  const metrics = async () => (await fetch(`${metricsUrl}/metrics`)).text();

  it('drops no check over 25 reloads by SIGHUP, and none is answered by a former rule once one is done', async () => {
    const passes = await Promise.all([passAt('gateway-0'), passAt('gateway-1')]);
    expect(await client.check(passes[0])).toBe('allowed');
    let done = 0;
    let asked = 0;
    let isOver = false;
    const wrong: string[] = [];
    const ask = async (which: 0 | 1) => {
      while (!isOver) {
        const [before, answer, after] = [done, await client.check(passes[which]), done];
        asked++;
        const allowed = answer === 'allowed';
        if (!allowed && answer !== 'audience_mismatch') wrong.push(answer);
        // Only where no reload ended meanwhile, and none may have been taken already, is the answer known.
        if (before === after && isQuiet && allowed !== (before % 2 === which)) wrong.push(`${answer} after ${before}`);
      }
    };
    let isQuiet = true;
    const asking = Array.from({ length: 8 }, (_, index) => ask(index % 2 ? 1 : 0));
    try {
      for (let reload = 1; reload <= 25; reload++) {
        isQuiet = false;
        await settle(`gatewayAudience: gateway-${reload % 2}\n`);
        server.signal('SIGHUP');
        await waitFor(`reload ${reload}`, () => logged('"reason":"signal"').length >= reload);
        done = reload;
        // By now the answer to each pass is known.
        expect(await client.check(passes[reload % 2 ? 1 : 0])).toBe('allowed');
        expect(await client.check(passes[reload % 2 ? 0 : 1])).toBe('audience_mismatch');
        isQuiet = true;
        const seen = asked;
        await waitFor('checks between two reloads', () => asked > seen + 16);
      }
    } finally {
      isOver = true;
      await Promise.all(asking);
    }
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(400);
  });

  it('takes a changed file without being told', async () => {
    await settle('gatewayAudience: gateway-2\n');
    await waitFor('the change', async () => (await client.check(await passAt('gateway-2'))) === 'allowed');
    expect(logged('"changed":["gatewayAudience"]').at(-1)).toContain('"reason":"file"');
  });

  it.each<[string, () => Promise<void>, string]>([
    ['YAML that is none', () => settle('gatewayAudience: [\n'), 'server.yaml:'],
    ['an unknown setting', () => settle('gatewayAudiense: x\n'), "unknown setting 'gatewayAudiense'"],
    ['a chain that can not be made', () => settle('authenticators: [{kind: pipecd-key, file: /none}]\n'), '/none'],
    ['a certificate where there was none', () => settle('tls: {certFile: /a, keyFile: /b}\n'), 'with a restart'],
    ['no file', () => rm(config), 'ENOENT'],
  ])('refuses %s in one line, counts it, and goes on by the old ones', async (_, spoil, problem) => {
    const before = logged('settings are refused').length;
    await spoil();
    server.signal('SIGHUP');
    await waitFor('the refusal', () => logged('settings are refused').length > before);
    expect(logged('settings are refused').at(-1)).toContain(problem);
    expect(await client.check(await passAt('gateway-2'))).toBe('allowed');
    expect(await metrics()).toMatch(/spanpass_config_reloads_total\{part="settings",result="refused"\} [1-9]/);
  });

  it('says what takes a restart, and takes the rest', async () => {
    await settle('gatewayAudience: spanpass-gateway\ncontrolPlane: http://127.0.0.1:1\nmaxStaleMs: 5\n');
    await waitFor('the line', () => logged('change with a restart only').length > 0);
    expect(logged('change with a restart only').at(-1)).toContain('"needRestart":["maxStaleMs"]');
    expect(await client.check(await passAt('spanpass-gateway'))).toBe('allowed');
  });

  it('drains when it is told to stop: says so, answers what is under way, and ends with 0', async () => {
    controlPlane.signal('SIGSTOP');
    stage.defer(() => controlPlane.signal('SIGCONT'));
    const underWay = client.check(await passFor(late.keyFile));
    await client.health();
    server.signal('SIGTERM');
    await waitFor('NOT_SERVING', async () => (await client.health()) === '2');
    expect((await fetch(`${metricsUrl}/readyz`)).status).toBe(503);
    expect(await client.check(await passAt('spanpass-gateway'))).toBe('allowed');
    controlPlane.signal('SIGCONT');
    expect(await underWay).toBe('allowed');
    await waitFor('its end', () => server.hasExited());
    expect(server.ended()).toBe('exit code 0');
  });
});
