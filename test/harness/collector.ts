import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CollectorOptions, collectorConfig } from 'spanpass';
import type { Engine } from '../engines/index.ts';
import { freePorts } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import type { Stage } from './stage.ts';
import { tempDir } from './temp.ts';
import { answersOk } from './wait.ts';

export interface RunningCollector {
  readonly process: RunningProcess;
  /** `host:port`, for Envoy's configuration. */
  readonly grpcEndpoint: string;
  readonly httpEndpoint: string;
  /** Starts it again on the same ports and queue, after it was stopped. */
  restart(): Promise<RunningProcess>;
}

/** The Collector with the generated configuration, on free ports, its queue in a folder of its own. */
export async function startCollector(
  stage: Stage,
  engine: Engine,
  options: Omit<CollectorOptions, 'listen' | 'queueDirectory' | 'healthCheck'>,
  gatewayToken: string,
): Promise<RunningCollector> {
  const ports = await freePorts('grpc', 'http', 'health');
  const folder = await tempDir(stage, 'otelcol');
  const config = join(folder, 'collector.yaml');
  const grpcEndpoint = `127.0.0.1:${ports.grpc}`;
  const httpEndpoint = `127.0.0.1:${ports.http}`;
  await writeFile(
    config,
    collectorConfig({
      ...options,
      listen: { grpc: grpcEndpoint, http: httpEndpoint },
      healthCheck: `127.0.0.1:${ports.health}`,
      queueDirectory: join(folder, 'queue'),
    }),
  );
  const start = () =>
    startProcess(stage, {
      name: 'otelcol',
      command: engine.path,
      args: ['--config', config],
      env: { GATEWAY_TOKEN: gatewayToken },
      ready: () => answersOk(`http://127.0.0.1:${ports.health}/`),
    });
  return { process: await start(), grpcEndpoint, httpEndpoint, restart: start };
}
