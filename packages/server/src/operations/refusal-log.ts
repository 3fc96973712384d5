import type { Logger } from 'pino';
import type { Decision, Observer } from '../observer.ts';
import { type AuthenticationError, REFUSALS, type RefusalCode } from '../refusals.ts';
import { LineBudget } from './line-budget.ts';
import { safeCause } from './safe-cause.ts';

export interface RefusalLogOptions {
  /** Lines a second for each reason. Default 5; what was left out is counted in the next line. */
  readonly maxPerSecond?: number;
  /** Where the documentation is found, to link each reason. Default `docs/`, where the repository has it. */
  readonly docsUrl?: string;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

export const DEFAULT_DOCS_URL = 'docs/';

/**
 * One JSON line per refusal: its `reason`, `outcome`, a link to the reason's `docs`, the `protocol`, the `authenticator`
 * that refused, and `project`, `piped` and `kid` of a verified sender; never a credential. Of each reason so many a second
 * are written; `suppressed` counts those that were not, in the next line of that reason or in one of its own.
 */
export function refusalLog(logger: Logger, options: RefusalLogOptions = {}): Observer {
  const { maxPerSecond = 5, docsUrl = DEFAULT_DOCS_URL, now = Date.now } = options;
  const levelOf = (code: RefusalCode) => (REFUSALS[code].outcome === 'unavailable' ? 'warn' : 'info');
  const reasonOf = (code: RefusalCode) => {
    const { outcome, docs } = REFUSALS[code];
    return { reason: code, outcome, docs: linkTo(docs, docsUrl) };
  };
  const budget = new LineBudget<RefusalCode>({ maxPerSecond, now }, (code, suppressed) => {
    logger[levelOf(code)]({ ...reasonOf(code), suppressed }, 'refused, and not logged one by one');
  });
  return {
    decided(decision) {
      const { refused } = decision;
      if (refused === undefined) return;
      const suppressed = budget.take(refused.code);
      if (suppressed === undefined) return;
      logger[levelOf(refused.code)](
        { ...reasonOf(refused.code), ...senderOf(decision, refused), ...(suppressed > 0 && { suppressed }) },
        'refused',
      );
    },
  };
}

/** A page of the documentation: of its site where that is published, else of the repository. */
export function linkTo(page: string, docsUrl: string): string {
  const file = /^https?:/.test(docsUrl) ? page.replace(/\.md(?=#|$)/, '.html') : page;
  return `${docsUrl.replace(/\/?$/, '/')}${file}`;
}

function senderOf({ protocol, authenticator }: Decision, { owner, refusal, cause }: AuthenticationError) {
  return {
    protocol,
    ...(authenticator !== undefined && { authenticator }),
    ...(owner && { project: owner.project, piped: owner.piped, kid: owner.credentialId }),
    ...(refusal.outcome === 'unavailable' && { cause: safeCause(cause) }),
  };
}
