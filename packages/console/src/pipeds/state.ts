import type { Piped } from '../api/types.ts';

/** Seen within this, it passes now: auth servers report every half minute. */
const RECENT_SECONDS = 15 * 60;
const ENDS_SOON_SECONDS = 7 * 86_400;

export interface State {
  readonly label: string;
  readonly colour: 'green' | 'red' | 'yellow' | 'blue' | 'gray';
  /** What it means, and what to do. */
  readonly why: string;
}

/** Why a piped appears or does not, in one word. */
export function stateOf(piped: Piped, now: number): State {
  const { keys, lastSeenAt, keysEndAt, pipecdKeys } = piped;
  if (piped.projectStatus === 'disabled') {
    return {
      label: 'Project disabled',
      colour: 'gray',
      why: 'The whole project is disabled: all of its pipeds are refused.',
    };
  }
  if (piped.pipedStatus === 'disabled') {
    return {
      label: 'Disabled',
      colour: 'gray',
      why: 'It is disabled: whatever it sends is refused, until it is enabled.',
    };
  }
  if (keys === 0 && pipecdKeys === 0) {
    return keysEndAt === undefined && lastSeenAt === undefined
      ? { label: 'Not enrolled', colour: 'blue', why: 'It is registered, and has not shown its enrollment token yet.' }
      : { label: 'No valid key', colour: 'red', why: 'Its keys were revoked or have ended: enroll it anew.' };
  }
  const refused = lastRefusal(piped);
  if (refused !== undefined && now - refused.lastAt < RECENT_SECONDS && refused.lastAt > (lastSeenAt ?? 0)) {
    return { label: 'Refused', colour: 'red', why: `The last thing it showed was refused: ${refused.lastReason}.` };
  }
  if (lastSeenAt === undefined) {
    return { label: 'Never seen', colour: 'blue', why: 'It has a key, and nothing of it has come to the gateway yet.' };
  }
  if (keysEndAt !== undefined && keysEndAt - now < ENDS_SOON_SECONDS && pipecdKeys === 0) {
    return {
      label: 'Key ends soon',
      colour: 'yellow',
      why: 'It has not renewed its key: it will be refused when that ends.',
    };
  }
  if (now - lastSeenAt > RECENT_SECONDS) {
    return { label: 'Silent', colour: 'yellow', why: 'It has a good key, and has sent nothing for a while.' };
  }
  return { label: 'Passing', colour: 'green', why: 'What it sends passes.' };
}

/** The last refusal of something that its own key had signed. */
export function lastRefusal({ refusals }: Piped) {
  return refusals.verified;
}
