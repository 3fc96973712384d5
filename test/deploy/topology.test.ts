import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { run } from '../engines/run.ts';
import { createAdmin } from '../harness/admin.ts';
import { tracesRequest } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import { startPostgres } from '../harness/postgres.ts';
import { startProcess } from '../harness/process.ts';
import { exportOverGrpc } from '../harness/raw-client.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk, waitFor } from '../harness/wait.ts';
import { composeFolder, madeSecrets, type Service, servicesOf } from './compose.ts';
import { deployRoom } from './places.ts';
import { replaceAll } from './replace.ts';
import { asNobody } from './unprivileged.ts';

const engineNames = ['compose-spec', 'envoy', 'otelcol', 'jaeger', 'postgres'] as const;

/**
 * Each service of the compose file as a plain process: its command, its arguments and its variables, with names, ports and folders of this
 * machine in the place of the containers'. What containers do themselves (images, volumes, isolation) is not tried.
 */
await describeWithEngine(engineNames, 'the services of the compose file, as processes', engines => {
  const stage = new Stage();
  let places: [string | RegExp, string][];
  let ports: Record<'controlPlane' | 'grpc' | 'http' | 'jaeger' | 'metrics', number>;
  let secrets: Record<string, string>;
  let services: Record<string, Service>;
  let folder: string;

  const command = (service: string) => (services[service]?.command ?? []).map(arg => replaceAll(arg, places));
  const variables = (service: string) =>
    Object.fromEntries(
      Object.entries(services[service]?.environment ?? {}).map(([name, value]) => [name, replaceAll(value, places)]),
    );
  const health = (service: string) =>
    run(process.execPath, [join(deployRoom, 'docker', 'health.mjs')], { env: variables(service) });

  beforeAll(async () => {
    folder = await tempDir(stage, 'topology');
    secrets = await madeSecrets(folder);
    services = await servicesOf(engines['compose-spec'].path, ['compose.yaml'], secrets);
    const database = await startPostgres(stage, engines.postgres);
    const free = await freePorts(
      '9085',
      '9086',
      '9087',
      '9464',
      '4317',
      '4318',
      '14317',
      '14318',
      'otlp',
      'query',
      'queryGrpc',
    );
    ports = { controlPlane: free[9085], grpc: free[4317], http: free[4318], jaeger: free.query, metrics: free[9464] };
    places = [
      [/postgresql:\/\/\S+/g, database.url],
      ['jaeger:4317', `127.0.0.1:${free.otlp}`],
      ['jaeger:16686', `127.0.0.1:${free.query}`],
      ['0.0.0.0', '127.0.0.1'],
      ['/etc/gateway/', `${folder}/`],
      ['/etc/jaeger/', `${folder}/`],
      ['/var/lib/otelcol/', `${folder}/`],
      ...(['9085', '9086', '9087', '9464', '14317', '14318'] as const).map((port): [RegExp, string] => [
        new RegExp(`(?<=127\\.0\\.0\\.1:)${port}\\b`, 'g'),
        String(free[port]),
      ]),
    ];
    // What the file leaves to the defaults.
    const defaults = {
      'control-plane': { SPANPASS_PORT: String(free[9085]) },
      server: {
        SPANPASS_GRPC_PORT: String(free[9086]),
        SPANPASS_HTTP_PORT: String(free[9087]),
        SPANPASS_METRICS_PORT: String(free[9464]),
      },
    };
    const spanpass = async (service: 'control-plane' | 'server') => {
      const [program, args] = await asNobody([process.execPath, spanpassCommand, ...command(service)]);
      return startProcess(stage, {
        name: service,
        command: program,
        args,
        // Nothing of the image can be written to.
        cwd: '/',
        env: { ...variables(service), ...defaults[service] },
        ready: async () => (await health(service)) === '',
        readyWithinMs: 60_000,
      });
    };
    const gatewayPorts = [`--grpc-port=${free[4317]}`, `--http-port=${free[4318]}`];
    const upstream = [`--upstream-grpc=127.0.0.1:${free[14317]}`, `--upstream-http=127.0.0.1:${free[14318]}`];
    const listen = [`--listen-grpc=127.0.0.1:${free[14317]}`, `--listen-http=127.0.0.1:${free[14318]}`];

    await startJaeger(free);
    await spanpass('control-plane');
    await spanpass('server');
    await run(process.execPath, [spanpassCommand, ...command('envoy-config'), ...gatewayPorts, ...upstream]);
    await run(process.execPath, [spanpassCommand, ...command('collector-config'), ...listen]);
    await startProcess(stage, {
      name: 'collector',
      command: engines.otelcol.path,
      args: command('collector'),
      env: variables('collector'),
      ready: () => true,
    });
    await startProcess(stage, {
      name: 'envoy',
      command: engines.envoy.path,
      args: [...command('envoy'), '--concurrency', '1'],
      env: variables('envoy'),
      ready: async () => (await exportOverGrpc(ports.grpc, tracesRequest('none'))).code === status.UNAUTHENTICATED,
      readyWithinMs: 30_000,
    });
  }, 240_000);
  afterAll(() => stage.dispose());

  async function startJaeger({
    otlp,
    query,
    queryGrpc,
  }: {
    otlp: number;
    query: number;
    queryGrpc: number;
  }): Promise<void> {
    const [mounted] = services.jaeger?.volumes ?? [];
    const file = join(folder, basename(mounted?.source ?? ''));
    await copyFile(join(composeFolder, 'jaeger.yaml'), file);
    const placed = replaceAll(await readFile(file, 'utf8'), [
      ['0.0.0.0:16686', `127.0.0.1:${query}`],
      ['0.0.0.0:16685', `127.0.0.1:${queryGrpc}`],
      ['0.0.0.0:4317', `127.0.0.1:${otlp}`],
    ]);
    await writeFile(file, placed);
    await startProcess(stage, {
      name: 'jaeger',
      command: engines.jaeger.path,
      args: command('jaeger'),
      ready: () => answersOk(`http://127.0.0.1:${query}/api/services`),
      readyWithinMs: 30_000,
    });
  }

  it('are well, as their health checks see it, and not when they are gone', async () => {
    expect(await health('control-plane')).toBe('');
    expect(await health('server')).toBe('');
    const [nobody] = Object.values(await freePorts('nobody'));
    const env = { HEALTH_URL: `http://127.0.0.1:${nobody}/readyz` };
    await expect(run(process.execPath, [join(deployRoom, 'docker', 'health.mjs')], { env })).rejects.toThrow();
  });

  it('bring a span of an enrolled piped to Jaeger with its identity, and nothing of anybody else', async () => {
    const url = `http://127.0.0.1:${ports.controlPlane}`;
    const admin = createAdmin(url, secrets.SPANPASS_ADMIN_TOKEN ?? '', folder);
    const { keyFile } = await admin.enroll('shop', 'edge-1');
    const resource = [['service.name', 'piped'] as const, ['project-id', 'somebody-else'] as const];
    const forged = [bearer('eyJhbGciOiJFUzI1NiJ9.e30.AAAA')];
    expect((await exportOverGrpc(ports.grpc, tracesRequest('forged', resource), forged)).code).toBe(
      status.UNAUTHENTICATED,
    );
    const pass = [bearer(await passFor(keyFile))];
    expect((await exportOverGrpc(ports.grpc, tracesRequest('Deploy', resource), pass)).code).toBe(status.OK);
    const traces = await waitFor('the trace', async () => {
      const response = await fetch(`http://127.0.0.1:${ports.jaeger}/api/traces?service=piped`);
      const { data } = (await response.json()) as { data: JaegerTrace[] };
      return data.length > 0 && data;
    });
    const spans = traces.flatMap(trace =>
      trace.spans.map(span => [span.operationName, tagOf(trace, span, 'project-id')]),
    );
    expect(spans).toEqual([['Deploy', 'shop']]);
  });

  it('are what Prometheus finds metrics at', async () => {
    for (const [port, metric] of [
      [ports.metrics, 'spanpass_'],
      [ports.controlPlane, 'spanpass_'],
    ] as const) {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(await response.text()).toContain(metric);
    }
  });
});

interface JaegerTrace {
  readonly spans: readonly { readonly operationName: string; readonly processID: string }[];
  readonly processes: Readonly<
    Record<string, { readonly tags: readonly { readonly key: string; readonly value: string }[] }>
  >;
}

function tagOf(trace: JaegerTrace, span: JaegerTrace['spans'][number], key: string): string | undefined {
  return trace.processes[span.processID]?.tags.find(tag => tag.key === key)?.value;
}
