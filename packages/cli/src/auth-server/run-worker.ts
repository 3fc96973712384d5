import { type PoolLink, serveAsWorker } from '@spanpass/server';
import { pino } from 'pino';
import { Failure, oneLine } from '../failure.ts';
import { type AuthServerSettings, LIVE_SETTINGS } from '../settings/auth-server.ts';
import { startOne } from './start-one.ts';
import type { ReloadWorker, StartWorker } from './worker-messages.ts';
import { settingsOfWorker } from './worker-settings.ts';

/** One of the auth server's workers, from what its pool says. Resolves to the exit code. */
export function runWorker(link: PoolLink, env: NodeJS.ProcessEnv): Promise<0 | 1 | 2> {
  return serveAsWorker(
    link,
    async ({ slot, ...message }) => {
      const { settings, first } = message as unknown as StartWorker;
      const own = settingsOfWorker(withLive(first, settings), slot);
      const log = pino({ name: 'spanpass-server', level: own.logLevel }, pino.destination(2));
      let load = async () => own;
      const { auth, live, ...started } = await startOne({
        settings: own,
        load: () => load(),
        env,
        logger: log.child({ worker: slot }),
        worker: { sharedPorts: own.workerPorts === 'shared' },
      });
      const { grpcAddress, httpAddress } = auth;
      return {
        addresses: { grpcAddress, ...(httpAddress !== undefined && { httpAddress }) },
        isReady: () => auth.isReady,
        metrics: () => auth.metricValues(),
        async reload(told) {
          const { reason, ...read } = told as unknown as ReloadWorker;
          load = async () => {
            if ('problem' in read) throw new Failure(read.problem);
            return settingsOfWorker(read.settings, slot);
          };
          await live.reload(reason);
        },
        [Symbol.asyncDispose]: started[Symbol.asyncDispose],
      };
    },
    error => ({ problem: oneLine(error), exitCode: error instanceof Failure ? error.exitCode : 1 }),
  );
}

function withLive(first: AuthServerSettings, settings: AuthServerSettings): AuthServerSettings {
  return { ...first, ...Object.fromEntries(LIVE_SETTINGS.map(key => [key, settings[key]])) };
}
