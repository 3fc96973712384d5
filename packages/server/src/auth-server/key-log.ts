import type { Logger } from 'pino';
import type { ControlPlaneKeysOptions } from '../keys/control-plane-keys.ts';

type KeyLog = Required<Pick<ControlPlaneKeysOptions, 'onFreshness' | 'onFeedProblem' | 'onSnapshot' | 'onAuditHead'>>;

/** Tells the log how far the keys at hand may be believed, why the feed is not there, and what became of snapshots. */
export function keyLog(logger: Logger): KeyLog {
  let lastProblem = '';
  let lastSnapshot = '';
  let lastHead = '';
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
    // A snapshot is renewed each minute: told is the first of a row that go alike.
    onSnapshot(snapshot) {
      const row = 'reason' in snapshot ? `${snapshot.kind} ${snapshot.reason}` : snapshot.kind;
      const level =
        row === lastSnapshot ? 'debug' : 'reason' in snapshot && snapshot.reason !== 'missing' ? 'warn' : 'info';
      lastSnapshot = row;
      logger[level]({ snapshot }, 'key snapshot');
    },
    onAuditHead(auditHead) {
      const row = 'reason' in auditHead ? `${auditHead.kind} ${auditHead.reason}` : auditHead.kind;
      const level = auditHead.kind === 'kept' || row === lastHead ? 'debug' : 'warn';
      lastHead = row;
      logger[level]({ auditHead }, 'head of the audit');
    },
  };
}
