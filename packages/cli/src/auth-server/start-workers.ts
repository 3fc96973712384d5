import { fork } from 'node:child_process';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { assertListenable, supervise, type WorkerProcess, WorkerStartError } from '@spanpass/server';
import type { Logger } from 'pino';
import { Failure, oneLine } from '../failure.ts';
import type { AuthServerSettings } from '../settings/auth-server.ts';
import { defined } from './parts.ts';
import type { Running } from './run-auth-server.ts';
import type { ReloadWorker, StartWorker } from './worker-messages.ts';
import { assertPortsApart, workerCount } from './worker-settings.ts';

export interface StartWorkersOptions {
  readonly settings: AuthServerSettings;
  load(): Promise<AuthServerSettings>;
  readonly logger: Logger;
}

const WORKER = fileURLToPath(new URL('./worker-main.js', import.meta.url));

/** Beyond the time that a worker takes to drain. */
const END_GRACE_MS = 5000;

/** Several auth servers, each a process of its own, that are one to whoever asks. */
export async function startWorkers({ settings: first, load, logger }: StartWorkersOptions): Promise<Running> {
  const count = workerCount(first);
  assertPortsApart(first, count);
  const isShared = first.workerPorts === 'shared';
  if (isShared) await assertSharedListenable(first);
  // A worker that comes later begins with the settings that hold for the others.
  let settings = first;
  const { metricsHost: host, metricsPort: port, metricsTls, drainDelayMs, drainTimeoutMs } = first;
  const supervisor = await supervise({
    count,
    fork: isShared ? forkSharing : forkAlone,
    startWith: (): StartWorker => ({ settings, first }),
    endWithinMs: drainDelayMs + drainTimeoutMs + END_GRACE_MS,
    metrics: { host, port, ...(metricsTls && { tls: defined(metricsTls) }) },
    logger,
  }).catch(asFailure);

  async function reload(reason: 'signal' | 'file'): Promise<void> {
    let message: ReloadWorker;
    try {
      const loaded = await load();
      message = { reason, settings: loaded };
      settings = { ...loaded };
      logger.level = loaded.logLevel;
    } catch (error) {
      message = { reason, problem: oneLine(error) };
    }
    const tls = settings.metricsTls && defined(settings.metricsTls);
    await supervisor.reload({ ...message }, tls).catch(error => {
      logger.error(
        { reason, problem: oneLine(error) },
        'the certificate of metrics is refused, the old one stays in use',
      );
    });
  }

  const { workers, metricsAddress } = supervisor;
  const where = isShared ? workers.slice(0, 1) : workers;
  const http = where.flatMap(({ httpAddress }) => httpAddress ?? []);
  return {
    reload,
    result: { workers, metricsAddress },
    told:
      `${count} workers answer Envoy on ${where.map(({ grpcAddress }) => grpcAddress).join(', ')}` +
      `${http.length === 0 ? '' : `, and over HTTP on ${http.join(', ')}`}; ` +
      `metrics, /healthz and /readyz are on ${metricsAddress}.`,
    [Symbol.asyncDispose]: () => supervisor[Symbol.asyncDispose](),
  };
}

/** The one who has the workers holds the ports, and hands each connection to the next of them. */
function forkSharing(): WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: WORKER, args: [], serialization: 'advanced' });
  return cluster.fork().process;
}

function forkAlone(): WorkerProcess {
  return fork(WORKER, [], { serialization: 'advanced' });
}

async function assertSharedListenable({ host, grpcPort, httpHost, httpPort }: AuthServerSettings): Promise<void> {
  if (grpcPort !== 0) await assertListenable(host, grpcPort);
  if (httpPort !== false && httpPort !== 0) await assertListenable(httpHost, httpPort);
}

function asFailure(error: unknown): never {
  if (error instanceof WorkerStartError) throw new Failure(error.message, { exitCode: error.exitCode });
  throw error;
}
