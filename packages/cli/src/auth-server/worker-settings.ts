import { availableParallelism } from 'node:os';
import { wrongUsage } from '../failure.ts';
import type { AuthServerSettings } from '../settings/auth-server.ts';
import { WORKER_PORT_STEP } from '../worker-ports.ts';

/** How many processes answer checks. */
export function workerCount({ workers }: Pick<AuthServerSettings, 'workers'>): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/**
 * The settings as one of the workers has them. What is one server's own is one worker's own: its ports where they are not shared,
 * its snapshot. The heads of the audit are the same for all, and the first one keeps them. Metrics are another process's.
 */
export function settingsOfWorker(settings: AuthServerSettings, slot: number): AuthServerSettings {
  const { workerPorts, grpcPort, httpPort, snapshotFile, auditHeadFile, metricsTls, ...rest } = settings;
  const portOf = (first: number) => (workerPorts === 'own' && first !== 0 ? first + slot * WORKER_PORT_STEP : first);
  return {
    ...rest,
    workerPorts,
    grpcPort: portOf(grpcPort),
    httpPort: httpPort === false ? false : portOf(httpPort),
    snapshotFile: snapshotFile === undefined || slot === 0 ? snapshotFile : `${snapshotFile}.${slot}`,
    auditHeadFile: slot === 0 ? auditHeadFile : undefined,
  };
}

/**
 * Looks whether each worker can have ports of its own.
 *
 * @throws Failure naming the settings
 */
export function assertPortsApart(settings: AuthServerSettings, count: number): void {
  if (settings.workerPorts !== 'own') return;
  const all = Array.from({ length: count }, (_, slot) => settingsOfWorker(settings, slot)).flatMap(
    ({ grpcPort, httpPort }) => [grpcPort, ...(httpPort === false ? [] : [httpPort])],
  );
  const fixed = [...all, settings.metricsPort].filter(port => port !== 0);
  const twice = fixed.find((port, at) => fixed.indexOf(port) !== at);
  if (twice !== undefined) {
    throw wrongUsage(
      `workerPorts: ${count} workers, each ${WORKER_PORT_STEP} ports above the one before, come to ${twice} twice; ` +
        'move grpcPort, httpPort or metricsPort',
    );
  }
  if (fixed.some(port => port > 65_535))
    throw wrongUsage(`workerPorts: there are not enough ports for ${count} workers`);
}
