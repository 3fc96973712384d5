import type { Logger } from 'pino';
import type { Observer } from '../observer.ts';
import type { RefusalCode } from '../refusals.ts';
import { safeCause } from './safe-cause.ts';

export interface RefusalLogOptions {
  /** Lines a second for each reason. Default 5; what was left out is counted in the next line. */
  readonly maxPerSecond?: number;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

interface Window {
  second: number;
  lines: number;
  suppressed: number;
}

/** One JSON line per refusal, with its reason and where that is documented, and never a credential. */
export function refusalLog(logger: Logger, { maxPerSecond = 5, now = Date.now }: RefusalLogOptions = {}): Observer {
  const windows = new Map<RefusalCode, Window>();
  return {
    decided({ protocol, refused }) {
      if (refused === undefined) return;
      const { code, owner, refusal } = refused;
      const window = windows.get(code) ?? { second: 0, lines: 0, suppressed: 0 };
      windows.set(code, window);
      const second = Math.floor(now() / 1000);
      if (second !== window.second) Object.assign(window, { second, lines: 0 });
      if (window.lines >= maxPerSecond) {
        window.suppressed++;
        return;
      }
      window.lines++;
      const { suppressed } = window;
      window.suppressed = 0;
      const undecided = refusal.outcome === 'unavailable';
      logger[undecided ? 'warn' : 'info'](
        {
          reason: code,
          outcome: refusal.outcome,
          protocol,
          docs: refusal.docs,
          ...(owner && { project: owner.project, piped: owner.piped, kid: owner.credentialId }),
          ...(suppressed > 0 && { suppressed }),
          ...(undecided && { cause: safeCause(refused.cause) }),
        },
        'refused',
      );
    },
  };
}
