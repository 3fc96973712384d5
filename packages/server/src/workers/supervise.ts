import { Registry } from 'prom-client';
import { openCertificates } from '../auth-server/certificates.ts';
import { Cleanup } from '../cleanup.ts';
import { startOperations } from '../operations/endpoints.ts';
import { createReloadMetrics } from '../operations/reload-metrics.ts';
import type { TlsOptions } from '../tls/options.ts';
import { WorkerMetrics } from './worker-metrics.ts';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';
import type { WorkerAddresses } from './worker-process.ts';

export interface SuperviseOptions extends Omit<WorkerPoolOptions, 'onGone'> {
  /** `/metrics`, `/healthz` and `/readyz` of all workers together. Default `127.0.0.1`, port 9464, in clear text. */
  readonly metrics?: { readonly host?: string; readonly port?: number; readonly tls?: TlsOptions };
}

/** Workers that look like one server from outside. */
export interface Supervisor extends AsyncDisposable {
  readonly workers: readonly WorkerAddresses[];
  readonly metricsAddress: string;
  /** Tells all workers, and takes another certificate for metrics. @throws TlsError */
  reload(message: Readonly<Record<string, unknown>>, metricsTls?: TlsOptions): Promise<void>;
}

/** How old may be what an ended worker was last known to have counted. */
const KEEP_EVERY_MS = 2000;

/**
 * Starts workers, and answers for them what is asked of one server: metrics are merged, and `/readyz` says ready when all of
 * them are. To stop, dispose it: all are asked to, and have ended when it resolves.
 *
 * @throws WorkerStartError if a worker can't start
 * @throws ListenError, TlsError
 */
export async function supervise(options: SuperviseOptions): Promise<Supervisor> {
  const { logger, metrics: { host = '127.0.0.1', port = 9464, tls: metricsTls } = {} } = options;
  const merged = new WorkerMetrics(() => pool.workers);
  const pool = new WorkerPool({ ...options, onGone: slot => void merged.gone(slot) });
  const own = new Registry();
  const cleanup = new Cleanup();
  try {
    const reloads = createReloadMetrics(own, listener =>
      listener === 'metrics' ? certificates.metrics?.expiresAt : undefined,
    );
    const certificates = await openCertificates({ tls: undefined, metricsTls }, { logger, reloaded: reloads.reloaded });
    cleanup.add(() => certificates[Symbol.asyncDispose]());
    const text = async () => {
      merged.take(await pool.ask('metrics'));
      return merged.text(own);
    };
    const isReady = async () => !pool.isStopping && (await pool.ask('ready')).every(ready => ready === true);
    const operations = await startOperations({
      host,
      port,
      tls: certificates.metrics,
      registry: { metrics: text, contentType: own.contentType },
      isReady,
    });
    cleanup.add(() => operations[Symbol.asyncDispose]());
    cleanup.add(() => pool.stop());
    const workers = await pool.start();
    const keeping = setInterval(async () => merged.take(await pool.ask('metrics')), KEEP_EVERY_MS);
    keeping.unref();
    cleanup.add(() => clearInterval(keeping));
    logger.info(
      { workers: pool.workers.map(({ pid }) => pid), metricsAddress: operations.address },
      'all workers are up',
    );
    return {
      workers,
      metricsAddress: operations.address,
      async reload(message, changedTls) {
        pool.tell({ ...message, kind: 'reload' });
        const take = await certificates.metrics?.prepare(changedTls);
        await take?.();
      },
      [Symbol.asyncDispose]: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}
