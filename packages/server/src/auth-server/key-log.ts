import type { Logger } from 'pino';
import type { ControlPlaneKeysOptions } from '../keys/control-plane-keys.ts';

/** Tells the log how far the keys at hand may be believed, and why the feed is not there. */
export function keyLog(logger: Logger): Required<Pick<ControlPlaneKeysOptions, 'onFreshness' | 'onFeedProblem'>> {
  let lastProblem = '';
  return {
    onFreshness(freshness) {
      lastProblem = '';
      logger.info({ freshness }, 'keys');
    },
    // One line for each reason, not for each attempt. A lookup that failed is told with the check that it failed.
    onFeedProblem(problem) {
      const reason = JSON.stringify(problem);
      if (reason !== lastProblem) logger.warn({ problem }, 'no change feed from the control plane');
      lastProblem = reason;
    },
  };
}
