import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { createClient } from '@spanpass/client';
import { createDeploymentTracing, traceIdOf } from '@spanpass/tracing';
import { createDurableExport } from '@spanpass/tracing/durable';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { pipecdPiped } from '../engines/otel-go.ts';
import { startJaeger } from '../harness/jaeger.ts';
import { freePorts } from '../harness/ports.ts';
import { spanpassCommand, startControlPlane, startForward } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay } from './the-way.ts';

const execute = promisify(execFile);
const application = { id: 'app-1', kind: 'KUBERNETES' };

await describeWithEngine(['jaeger'], "'spanpass trace' asks a real Jaeger", ({ jaeger }) => {
  const stage = new Stage();
  let url: string;

  const trace = (...args: string[]) => traceCommand(url, ...args);

  async function deploy(project: string, otlp: string): Promise<void> {
    const exporter = new OTLPTraceExporter({ url: otlp });
    await using tracing = createDeploymentTracing({ project, piped: 'edge-1', version: '1.0.0', exporter });
    await tracing.start({ id: `${project}-1`, application }).run(async deployment => {
      await deployment.plan(() => sleep(20));
      await deployment.stage({ id: 's-1', name: 'K8S_SYNC' }, () => sleep(30));
    });
    const failing = tracing.start({ id: `${project}-2`, application }).run(async deployment => {
      await deployment.stage({ id: 's-1', name: 'K8S_CANARY_ROLLOUT' }, async () => {
        throw new Error('ImagePullBackOff');
      });
    });
    await expect(failing).rejects.toThrow('ImagePullBackOff');
  }

  beforeAll(async () => {
    const running = await startJaeger(stage, jaeger);
    url = running.queryUrl;
    for (const project of ['shop', 'bank']) await deploy(project, `http://${running.otlpEndpoint}`);
  });
  afterAll(() => stage.dispose());

  it('lists what a project deployed, in order, and marks what failed', async () => {
    const deployments = await waitFor('both deployments', async () => {
      const found = JSON.parse(await trace('list', '--project', 'shop', '--since', '10m', '--json')).deployments;
      return found.length === 2 && found;
    });
    expect(deployments).toMatchObject([
      { deploymentId: 'shop-1', application: 'app-1', project: 'shop', piped: 'edge-1', outcome: 'success', spans: 3 },
      { deploymentId: 'shop-2', project: 'shop', outcome: 'failed', result: 'failure' },
    ]);
    expect(JSON.parse(await trace('list', '--json')).deployments).toHaveLength(4);
  });

  it('shows one', async () => {
    const shown = await trace('bank-1');
    expect(shown).toMatch(
      /^bank-1 of bank by edge-1, .*, success\nDeploy +✓ .*\n {2}Plan +✓ .*\n {2}K8S_SYNC +✓ .*\n$/,
    );
    expect(await trace('bank-2')).toMatch(/\nDeploy +✗ .*\n {2}K8S_CANARY_ROLLOUT +✗ /);
  });

  it('and says so when there is none', async () => {
    await expect(trace('bank-3')).rejects.toThrow(`no trace of 'bank-3' at ${url}`);
    await expect(trace('bank-1', '--project', 'shop')).rejects.toThrow("no trace of 'bank-1'");
  });
});

const withGo = ['jaeger', 'envoy', 'otelcol', 'otel-go'] as const;
await describeWithEngine(withGo, "a deployment that PipeCD's piped in Go began and another piped ended", engines => {
  const stage = new Stage();
  const deploymentId = 'example-deployment-id';
  let url: string;

  /** With a credential of its own, from a spool, as a piped goes on with what another one left. */
  async function goOn(keyFile: string, endpoint: string): Promise<void> {
    const pass = createClient({ keyFile });
    const spool = { folder: join(await tempDir(stage, 'piped'), 'spool') };
    const durable = createDurableExport({ endpoint, credentials: pass.exportCredentials(), spool });
    await using tracing = createDeploymentTracing({
      project: 'shop',
      piped: 'edge-1',
      version: '1.0.0',
      spanProcessors: [durable.spanProcessor],
    });
    await tracing.start({ id: deploymentId, application }).run(async deployment => {
      await deployment.stage({ id: 's-2', name: 'K8S_PRIMARY_ROLLOUT' }, () => sleep(30));
    });
  }

  beforeAll(async () => {
    const jaeger = await startJaeger(stage, engines.jaeger);
    url = jaeger.queryUrl;
    const backend = { protocol: 'grpc', endpoint: jaeger.otlpEndpoint, insecure: true } as const;
    const { admin, gateway } = await startTheWay(stage, engines, { alsoExportTo: [backend] });
    const endpoint = `http://127.0.0.1:${gateway.grpcPort}`;
    const [go, other] = [await admin.enroll('shop', 'go-1'), await admin.enroll('shop', 'edge-1')];
    const ports = await freePorts('grpc', 'http');
    const spoolDir = join(await tempDir(stage, 'forward'), 'spool');
    const toGateway = { keyFile: go.keyFilePath, endpoint, spoolDir };
    await startForward(stage, { grpcPort: ports.grpc, httpPort: ports.http, ...toGateway });
    const args = [`http://127.0.0.1:${ports.grpc}`, 'forged', 'forged', deploymentId];
    await execute(pipecdPiped(engines['otel-go']), args, { timeout: 20_000 });
    await goOn(other.keyFilePath, endpoint);
    await waitFor('the spans of both', async () => (await spansAtJaeger()).length === 7);
  });
  afterAll(() => stage.dispose());

  async function listed(): Promise<{ startedAt: string; durationMs: number }[]> {
    return JSON.parse(await traceCommand(url, 'list', '--json')).deployments;
  }

  /** As Jaeger itself tells them, times in microseconds. */
  async function spansAtJaeger(): Promise<{ operationName: string; startTime: number; duration: number }[]> {
    const answer = await fetch(`${url}/api/traces/${traceIdOf(deploymentId)}`);
    return answer.ok ? ((await answer.json()) as { data: { spans: [] }[] }).data.flatMap(({ spans }) => spans) : [];
  }

  it('is one trace, of both pipeds as their credentials say, and the end that came last counts', async () => {
    const found = await listed();
    expect(found).toMatchObject([
      { deploymentId, traceId: traceIdOf(deploymentId), application: 'app-1', project: 'shop', outcome: 'success' },
    ]);
    expect(found).toMatchObject([{ piped: expect.stringMatching(/^(go-1 \| edge-1|edge-1 \| go-1)$/), spans: 7 }]);
    // From PipeCD's plan on, which is outside of its Deploy, until the end of the other piped's.
    const spans = await spansAtJaeger();
    const fromUs = spans.find(({ operationName }) => operationName === 'Plan')?.startTime ?? Number.NaN;
    const untilUs = Math.max(...spans.map(({ startTime, duration }) => startTime + duration));
    expect(Date.parse(found[0]?.startedAt ?? '')).toBe(Math.floor(fromUs / 1000));
    expect(found[0]?.durationMs).toBe((untilUs - fromUs) / 1000);
  });

  it('is one for the console too, which asks the control plane', async () => {
    const { port } = await freePorts('port');
    const [adminToken = '', authServerToken = ''] = ['o', 'a'].map(letter => letter.repeat(32));
    const folder = await tempDir(stage, 'console');
    await startControlPlane(stage, { folder, port, adminToken, authServerToken, env: { SPANPASS_JAEGER_URL: url } });
    const ask = async (path: string) => {
      const headers = { authorization: `Bearer ${adminToken}` };
      return (await fetch(`http://127.0.0.1:${port}/v1/traces${path}`, { headers })).json();
    };
    const [{ startedAt, durationMs } = { startedAt: '', durationMs: 0 }] = await listed();
    const { items } = (await ask('')) as { items: { startedAtMs: number }[] };
    expect(items).toMatchObject([{ deploymentId, project: 'shop', outcome: 'success', spans: 7, durationMs }]);
    expect(Math.floor(items[0]?.startedAtMs ?? 0)).toBe(Date.parse(startedAt));
    const { spans } = (await ask(`/${traceIdOf(deploymentId)}`)) as { spans: { name: string; failed: boolean }[] };
    expect(spans.filter(({ name }) => name === 'Deploy').map(({ failed }) => failed)).toEqual([true, false]);
  });

  it('shows as one waterfall, each stage below the Deploy that ran it', async () => {
    const lines = (await traceCommand(url, deploymentId)).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^example-deployment-id of shop by .*, success$/);
    expect(lines.slice(1).map(line => /^ *\S+ +[✓✗]?/.exec(line)?.[0].replace(/ +(?=[✓✗]|$)/, ' '))).toEqual([
      'Plan ',
      'Deploy ✗',
      '  K8S_CANARY_ROLLOUT ✓',
      '  K8S_PRIMARY_ROLLOUT ✗',
      '  ROLLBACK ✓',
      'Deploy ✓',
      '  K8S_PRIMARY_ROLLOUT ✓',
    ]);
  });
});

async function traceCommand(url: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute(process.execPath, [spanpassCommand, 'trace', ...args, '--jaeger', url]);
  return stdout;
}
