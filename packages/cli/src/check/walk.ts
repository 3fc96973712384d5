import { AuthenticationError, type RefusalCode } from '@spanpass/server';
import type { Asked } from './ask-server.ts';
import { detailOf } from './details.ts';
import { REQUEST_STEPS, SIGNED_STEPS, STEP_OF, STEPS, type StepName } from './steps.ts';

export interface Step {
  readonly step: StepName;
  /** What has to be so. */
  readonly what: string;
  /** `skipped`: the server did not get that far. */
  readonly state: 'pass' | 'fail' | 'skipped';
  /** Why it failed. */
  readonly reason?: RefusalCode;
  /** What was found. Nothing of the signature, and nothing secret. */
  readonly detail?: string;
}

const SIGNED = 'piped-jwt';

/** What the server did, step by step: those before the one that failed passed, since it takes them in this order. */
export function walk(asked: Asked): readonly Step[] {
  const { verdict } = asked;
  const reason = verdict instanceof AuthenticationError ? verdict.code : undefined;
  const names = stepsOf(asked, reason);
  const failed = reason === undefined ? names.length : names.indexOf(failedStep(asked, reason, names));
  return names.map((step, at): Step => {
    const state = at < failed ? 'pass' : at === failed ? 'fail' : 'skipped';
    const detail = state === 'skipped' ? undefined : detailOf(step, asked);
    return {
      step,
      what: STEPS[step],
      state,
      ...(state === 'fail' && reason && { reason }),
      ...(detail !== undefined && { detail }),
    };
  });
}

/** Signed credentials are walked through in detail, also where all that kept them from being taken is their form. */
function stepsOf({ asked }: Asked, reason: RefusalCode | undefined): StepName[] {
  const taker = asked.find(({ took }) => took)?.name;
  const isSigned = taker === SIGNED || (taker === undefined && reason !== undefined && isOfForm(reason));
  return ['credential', 'authenticator', ...(isSigned ? SIGNED_STEPS : []), ...REQUEST_STEPS];
}

function isOfForm(reason: RefusalCode): boolean {
  return ['form', 'purpose'].includes(STEP_OF[reason]) || reason === 'claims_malformed';
}

function failedStep({ parsed }: Asked, reason: RefusalCode, names: readonly StepName[]): StepName {
  // Claims that are no JSON object are found when the credential is taken apart; members of the wrong type, after that.
  const isForm = reason === 'claims_malformed' && parsed === undefined;
  const step = isForm ? 'form' : STEP_OF[reason];
  return names.includes(step) ? step : 'authenticator';
}
