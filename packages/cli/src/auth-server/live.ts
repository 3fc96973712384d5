import { isDeepStrictEqual } from 'node:util';
import type { AuthServer } from '@spanpass/server';
import type { Logger } from 'pino';
import { oneLine } from '../failure.ts';
import { type AuthServerSettings, authServerSettings, LIVE_SETTINGS } from '../settings/auth-server.ts';
import type { OpenRules } from './open-rules.ts';
import { changesOf } from './parts.ts';

export interface LiveOptions {
  readonly auth: AuthServer;
  readonly settings: AuthServerSettings;
  readonly opened: OpenRules;
  load(): Promise<AuthServerSettings>;
  /** @param former what may be used again where its settings did not change */
  open(settings: AuthServerSettings, former: OpenRules): Promise<OpenRules>;
  readonly logger: Logger;
}

/** An auth server whose settings change while it runs. */
export interface LiveServer extends AsyncDisposable {
  /** Reads the settings and the certificates again. Resolves whatever comes of it: the log and a metric say. */
  reload(reason: 'signal' | 'file'): Promise<void>;
}

/** What authenticators are made from. */
const RULES = ['authenticators', 'shadow'] as const;

const FIXED_SETTINGS = (Object.keys(authServerSettings.shape) as (keyof AuthServerSettings)[]).filter(
  key => !(LIVE_SETTINGS as readonly string[]).includes(key),
);

/** Takes the auth server over: disposing of this closes the authenticators after it. */
export function liveServer({
  auth,
  settings: first,
  opened: firstOpened,
  load,
  open,
  logger,
}: LiveOptions): LiveServer {
  let settings = first;
  let opened = firstOpened;
  let last: Promise<void> = Promise.resolve();

  async function reload(reason: 'signal' | 'file'): Promise<void> {
    let next: { settings: AuthServerSettings; opened: OpenRules } | undefined;
    try {
      await auth.reload(async () => {
        const loaded = await load();
        // What did not change keeps what it knows: issuers' keys, and secrets that were compared.
        const isSame = RULES.every(key => isDeepStrictEqual(loaded[key], settings[key]));
        next = { settings: loaded, opened: isSame ? opened : await open(loaded, opened) };
        return changesOf(loaded, next.opened);
      });
    } catch (error) {
      if (next !== undefined && next.opened !== opened) await next.opened[Symbol.asyncDispose]();
      logger.error({ reason, problem: oneLine(error) }, 'settings are refused, the old ones stay in use');
      return;
    }
    if (next === undefined) return;
    const former = { settings, opened };
    ({ settings, opened } = next);
    if (former.opened !== opened) await former.opened[Symbol.asyncDispose]();
    const changed = LIVE_SETTINGS.filter(key => !isDeepStrictEqual(settings[key], former.settings[key]));
    if (!logger.isLevelEnabled('info')) logger.level = settings.logLevel;
    logger.info({ reason, changed }, 'settings were reloaded');
    logger.level = settings.logLevel;
    const needRestart = FIXED_SETTINGS.filter(key => !isDeepStrictEqual(settings[key], first[key]));
    if (needRestart.length > 0) logger.warn({ needRestart }, 'these settings change with a restart only');
  }

  return {
    reload(reason) {
      last = last.then(() => reload(reason));
      return last;
    },
    async [Symbol.asyncDispose]() {
      await last;
      await auth[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}
