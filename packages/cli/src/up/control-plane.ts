import { join } from 'node:path';
import { startControlPlane } from '@spanpass/control-plane';
import { pino } from 'pino';
import { Failure } from '../failure.ts';

/** A control plane in this process. */
export interface EmbeddedControlPlane extends AsyncDisposable {
  readonly url: string;
  /** Secret. */
  readonly adminToken: string;
  /** Secret. */
  readonly authServerToken: string;
}

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  /** Where traces can be asked for, for the console. */
  readonly jaegerUrl: string;
}

/** Starts the control plane on its embedded database, with tokens from the environment, or else made and kept in `dataDir`. */
export function startEmbeddedControlPlane(env: NodeJS.ProcessEnv) {
  return async ({ dataDir, host, port, jaegerUrl }: EmbeddedOptions): Promise<EmbeddedControlPlane> => {
    const log = pino.destination({ dest: join(dataDir, 'control-plane.log'), sync: true, mode: 0o600, append: false });
    const controlPlane = await startControlPlane({
      dataDir,
      host,
      port,
      jaegerUrl,
      adminToken: env.SPANPASS_ADMIN_TOKEN || undefined,
      authServerToken: env.SPANPASS_AUTH_SERVER_TOKEN || undefined,
      encryptionKey: env.SPANPASS_ENCRYPTION_KEY || undefined,
      env: {},
      logger: pino({ name: 'control-plane' }, log),
    });
    const { url, adminToken, authServerToken } = controlPlane;
    if (adminToken === undefined || authServerToken === undefined) {
      await controlPlane.close();
      throw new Failure(
        `the tokens of ${dataDir} are not known here: set SPANPASS_ADMIN_TOKEN and SPANPASS_AUTH_SERVER_TOKEN`,
      );
    }
    return { url, adminToken, authServerToken, [Symbol.asyncDispose]: () => controlPlane.close() };
  };
}
