import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { createDeploymentTracing } from '@spanpass/tracing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { freePorts } from '../harness/ports.ts';
import { startProcess } from '../harness/process.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk, waitFor } from '../harness/wait.ts';

const execute = promisify(execFile);
const application = { id: 'app-1', kind: 'KUBERNETES' };

await describeWithEngine(['jaeger'], "'spanpass trace' asks a real Jaeger", ({ jaeger }) => {
  const stage = new Stage();
  let url: string;

  async function trace(...args: string[]): Promise<string> {
    const { stdout } = await execute(process.execPath, [spanpassCommand, 'trace', ...args, '--jaeger', url]);
    return stdout;
  }

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
    const ports = await freePorts('query', 'queryGrpc', 'otlp');
    const config = join(await tempDir(stage, 'jaeger'), 'jaeger.yaml');
    await writeFile(config, configOf(ports));
    url = `http://127.0.0.1:${ports.query}`;
    await startProcess(stage, {
      name: 'jaeger',
      command: jaeger.path,
      args: ['--config', config],
      ready: () => answersOk(`${url}/api/services`),
      readyWithinMs: 30_000,
    });
    for (const project of ['shop', 'bank']) await deploy(project, `http://127.0.0.1:${ports.otlp}`);
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

function configOf({ query, queryGrpc, otlp }: { query: number; queryGrpc: number; otlp: number }): string {
  return JSON.stringify({
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 1000 } } } },
      jaeger_query: {
        // Else it exports spans of its own.
        enable_tracing: false,
        storage: { traces: 'memory' },
        http: { endpoint: `127.0.0.1:${query}` },
        grpc: { endpoint: `127.0.0.1:${queryGrpc}` },
      },
    },
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${otlp}` } } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  });
}
