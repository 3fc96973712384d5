import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EnvoyOptions, envoyConfig } from 'spanpass';
import type { Engine } from '../engines/index.ts';
import { freePorts } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import type { Stage } from './stage.ts';
import { tempDir } from './temp.ts';
import { answersOk, waitFor } from './wait.ts';

export type AccessLogEntry = Readonly<Record<string, unknown>>;

export interface RunningEnvoy {
  readonly process: RunningProcess;
  /** Starts it again on the same ports, after it was stopped; its log begins anew. */
  restart(): Promise<void>;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly adminPort: number;
  /** The access log so far, one object a request; a request is logged a moment after its answer. */
  accessLog(): AccessLogEntry[];
  /** Waits until a request has been logged that answers to all of `members`. */
  logged(members: AccessLogEntry): Promise<void>;
}

/** By default its logs wait for ten seconds or 64 KiB. */
const quiet = ['--log-level', 'warning', '--file-flush-interval-msec', '50'];

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
  const start = () =>
    startProcess(stage, {
      name: 'envoy',
      command: engine.path,
      args: ['-c', config, '--disable-hot-restart', '--concurrency', '1', '--drain-time-s', '1', ...quiet],
      env: { GATEWAY_TOKEN: gatewayToken },
      ready: () => answersOk(`http://127.0.0.1:${ports.admin}/ready`),
    });
  let process = await start();
  const accessLog = () =>
    process
      .output()
      .split('\n')
      .filter(line => line.startsWith('{') && line.endsWith('}'))
      .map(line => JSON.parse(line) as AccessLogEntry);
  return {
    get process() {
      return process;
    },
    async restart() {
      process = await start();
    },
    grpcPort: ports.grpc,
    httpPort: ports.http,
    adminPort: ports.admin,
    accessLog,
    async logged(members) {
      const wanted = Object.entries(members);
      await waitFor(`a request logged with ${JSON.stringify(members)}`, () =>
        accessLog().some(entry => wanted.every(([key, value]) => entry[key] === value)),
      );
    },
  };
}
