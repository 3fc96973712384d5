import type { StageInfo } from './api.ts';
import { SPAN_PLAN } from './names.ts';
import { type Ending, isBad, OUTCOMES } from './outcome.ts';
import { thrown } from './text.ts';
import type { WorkEnd } from './work.ts';

/** How the deployment ends, as far as its stages say it. */
export interface Verdict {
  readonly ending: Ending & { readonly kind: 'ended' };
  readonly errorType?: string | undefined;
}

/** What ran: a stage, or the plan. */
export interface Part {
  /** Unique within the deployment. */
  readonly id: string;
  /** How a reason speaks of it. */
  readonly label: string;
  readonly rollback?: boolean | undefined;
}

/** Its id is empty, which no stage's is. */
export const PLAN: Part = { id: '', label: SPAN_PLAN };

export function partOf({ id, name, rollback }: StageInfo): Part {
  return { id, label: `stage ${name}`, rollback };
}

interface Run extends WorkEnd {
  readonly part: Part;
}

/** What became of the plan and the stages of one deployment, in the order in which they ended. */
export class Stages {
  /** By id: where a stage runs again, its last run is the one that counts. */
  readonly #runs = new Map<string, Run>();
  readonly #onEnded: (part: Part, end: WorkEnd) => void;

  constructor(onEnded: (part: Part, end: WorkEnd) => void = () => {}) {
    this.#onEnded = onEnded;
  }

  ended(part: Part, end: WorkEnd): void {
    this.restore(part, end);
    this.#onEnded(part, end);
  }

  /** It ended in another process. */
  restore(part: Part, end: WorkEnd): void {
    this.#runs.delete(part.id);
    this.#runs.set(part.id, { part, ...end });
  }

  /** How the one ended whose last run threw `error`: its signal may know more than the error says. */
  endingBy(error: unknown): Ending | undefined {
    return this.#all().find(run => run.failure !== undefined && run.failure.error === error)?.ending;
  }

  /** The first one that went wrong decides; rollback stages that went wrong as well are named after it. */
  verdict(): Verdict {
    const wrong = this.#all().filter(({ ending }) => ending.kind === 'interrupted' || isBad(ending.outcome));
    const first = wrong.find(run => !run.part.rollback) ?? wrong[0];
    if (!first) return { ending: { kind: 'ended', outcome: 'success' } };
    const rollbacks = wrong.filter(run => run.part.rollback && run !== first);
    return {
      ending: {
        kind: 'ended',
        outcome: first.ending.kind === 'interrupted' ? 'error' : first.ending.outcome,
        reason: [first, ...rollbacks].map(said).join('; '),
      },
      errorType: first.failure && thrown(first.failure.error).name,
    };
  }

  #all(): Run[] {
    return [...this.#runs.values()];
  }
}

function said({ part, ending }: Run): string {
  const verb = ending.kind === 'interrupted' ? 'was interrupted' : OUTCOMES[ending.outcome].verb;
  return `${part.label} ${verb}${ending.reason === undefined ? '' : `: ${ending.reason}`}`;
}
