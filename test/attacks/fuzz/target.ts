import { connect } from 'node:net';
import { residentBytes } from '../../harness/memory.ts';
import { freePorts } from '../../harness/ports.ts';
import type { RunningProcess } from '../../harness/process.ts';
import { startAuthServer } from '../../harness/servers.ts';
import type { Stage } from '../../harness/stage.ts';
import { type Issuance, issue } from './issued.ts';
import { serveRecords } from './registry-server.ts';

const token = 'auth-server-token-of-the-fuzzing-0123456789';

/** A real `spanpass server` in a process of its own, and all credentials that were ever issued to its pipeds. */
export interface Target extends Issuance {
  readonly process: RunningProcess;
  readonly grpcAddress: string;
  readonly httpPort: number;
}

export async function startTarget(stage: Stage): Promise<Target> {
  const issuance = await issue(Math.floor(Date.now() / 1000));
  const { url } = await serveRecords(stage, token, issuance.records);
  const { grpc, http, metrics } = await freePorts('grpc', 'http', 'metrics');
  const settings = { grpcPort: grpc, httpPort: http, metricsPort: metrics, controlPlaneUrl: url, token };
  const process = await startAuthServer(stage, settings);
  return { ...issuance, process, grpcAddress: `127.0.0.1:${grpc}`, httpPort: http };
}

/** Watches the memory of a process over a run: how much more it holds at the end than when it was warm. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #samples: number[] = [];

  constructor(pid: number) {
    this.#pid = pid;
  }

  async sample(): Promise<void> {
    this.#samples.push(await residentBytes(this.#pid));
  }

  /** In MiB: the least of the last quarter over the least of the second one, so that no garbage counts. */
  growthMiB(): number {
    const quarter = Math.floor(this.#samples.length / 4);
    const least = (from: number) => Math.min(...this.#samples.slice(from, from + Math.max(1, quarter)));
    return Math.round((least(this.#samples.length - Math.max(1, quarter)) - least(quarter)) / 2 ** 20);
  }

  get peakMiB(): number {
    return Math.round(Math.max(...this.#samples) / 2 ** 20);
  }
}

/**
 * One connection: writes these bytes, and gives all that comes back until the other side ends. Where it waits for more,
 * this side ends after `patienceMs`.
 */
export function overTcp(port: number, bytes: Buffer, patienceMs: number): Promise<Buffer> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1' });
    const timer = setTimeout(() => socket.end(), patienceMs);
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('data', chunk => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
    socket.write(bytes);
  });
}
