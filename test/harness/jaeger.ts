import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engines/index.ts';
import { freePorts } from './ports.ts';
import { startProcess } from './process.ts';
import type { Stage } from './stage.ts';
import { tempDir } from './temp.ts';
import { answersOk } from './wait.ts';

export interface RunningJaeger {
  /** Of the query API. */
  readonly queryUrl: string;
  /** `host:port` that takes OTLP/gRPC. */
  readonly otlpEndpoint: string;
}

/** Jaeger on free ports, with its traces in memory. */
export async function startJaeger(stage: Stage, engine: Engine): Promise<RunningJaeger> {
  const ports = await freePorts('query', 'queryGrpc', 'otlp');
  const config = join(await tempDir(stage, 'jaeger'), 'jaeger.yaml');
  await writeFile(config, configOf(ports));
  const queryUrl = `http://127.0.0.1:${ports.query}`;
  await startProcess(stage, {
    name: 'jaeger',
    command: engine.path,
    args: ['--config', config],
    ready: () => answersOk(`${queryUrl}/api/services`),
    readyWithinMs: 30_000,
  });
  return { queryUrl, otlpEndpoint: `127.0.0.1:${ports.otlp}` };
}

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
