import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EnvoyOptions, envoyConfig } from 'spanpass';
import type { Engine } from '../engines/index.ts';
import { freePorts } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import type { Stage } from './stage.ts';
import { tempDir } from './temp.ts';
import { answersOk } from './wait.ts';

export interface RunningEnvoy {
  readonly process: RunningProcess;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly adminPort: number;
  /** The access log so far, one object a request. */
  accessLog(): Record<string, unknown>[];
}

/** What a suite may decide; where it listens is decided here. */
export type GatewayOptions = Omit<EnvoyOptions, 'listen' | 'adminPort'>;

/** Envoy with the generated configuration, on free ports. */
export async function startEnvoy(
  stage: Stage,
  engine: Engine,
  options: GatewayOptions,
  gatewayToken: string,
): Promise<RunningEnvoy> {
  const ports = await freePorts('grpc', 'http', 'admin');
  const config = join(await tempDir(stage, 'envoy'), 'envoy.yaml');
  await writeFile(
    config,
    envoyConfig({ ...options, listen: { grpcPort: ports.grpc, httpPort: ports.http }, adminPort: ports.admin }),
  );
  const process = await startProcess(stage, {
    name: 'envoy',
    command: engine.path,
    args: [
      '-c',
      config,
      '--disable-hot-restart',
      '--concurrency',
      '1',
      '--drain-time-s',
      '1',
      '--log-level',
      'warning',
    ],
    env: { GATEWAY_TOKEN: gatewayToken },
    ready: () => answersOk(`http://127.0.0.1:${ports.admin}/ready`),
  });
  return {
    process,
    grpcPort: ports.grpc,
    httpPort: ports.http,
    adminPort: ports.admin,
    accessLog: () =>
      process
        .output()
        .split('\n')
        .filter(line => line.startsWith('{'))
        .map(line => JSON.parse(line) as Record<string, unknown>),
  };
}
