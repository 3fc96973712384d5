import type { Logger } from 'pino';
import type { Owner } from '../contract.ts';
import type { Observer } from '../observer.ts';
import { LineBudget } from '../operations/line-budget.ts';
import { DEFAULT_DOCS_URL, linkTo } from '../operations/refusal-log.ts';
import { REFUSALS } from '../refusals.ts';
import type { ShadowResult } from './shadow-rule.ts';

export interface ShadowLogOptions {
  /** Lines a second for each pair of reasons. Default 1; what was left out is counted in the next line. */
  readonly maxPerSecond?: number;
  /** As for the log of refusals. */
  readonly docsUrl?: string;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * A line for each request on which a rule that is being tried and the deciding ones do not agree, with both reasons.
 * `project` and `piped` are whom the deciding rules verified, `triedProject` and `triedPiped` whom the tried one did.
 */
export function shadowLog(logger: Logger, options: ShadowLogOptions = {}): Observer {
  const { maxPerSecond = 1, docsUrl = DEFAULT_DOCS_URL, now = Date.now } = options;
  const budget = new LineBudget<string>({ maxPerSecond, now }, (pair, suppressed) => {
    const [rule, agreement, decided, tried] = pair.split(' ');
    logger.info({ rule, agreement, decided, tried, suppressed }, 'a tried rule disagrees, not logged one by one');
  });
  return {
    shadow(result) {
      const { rule, agreement, decided, tried, owner, triedOwner } = result;
      if (agreement === 'agree' || agreement === 'dropped' || tried === undefined) return;
      const suppressed = budget.take([rule, agreement, decided, tried].join(' '));
      if (suppressed === undefined) return;
      const reason = tried === 'allowed' ? decided : tried;
      logger.info(
        {
          rule,
          agreement,
          decided,
          tried,
          ...(reason !== 'allowed' && { docs: linkTo(REFUSALS[reason].docs, docsUrl) }),
          ...named(owner, 'project', 'piped'),
          ...(differs(result) && named(triedOwner, 'triedProject', 'triedPiped')),
          ...(suppressed > 0 && { suppressed }),
        },
        'a tried rule disagrees',
      );
    },
  };
}

function named(owner: Owner | undefined, project: string, piped: string): Record<string, string> {
  return owner === undefined ? {} : { [project]: owner.project, [piped]: owner.piped };
}

function differs({ owner, triedOwner }: ShadowResult): boolean {
  return owner?.project !== triedOwner?.project || owner?.piped !== triedOwner?.piped;
}
