import type { FleetKey, FleetToken } from './fleet.test.support.ts';
import type { Truth } from './registry.test.support.ts';

/** What was asked, and by which clock it may be judged. */
export interface Question {
  readonly key: FleetKey;
  readonly token: FleetToken;
  readonly path: string;
}

const SKEW_SECONDS = 60;

/**
 * The answer to a question if this were all that is true: written from the rules alone, and sharing no code with what it
 * judges.
 */
export function answerUnder({ records }: Truth, { key, token, path }: Question, wallMs: number): string {
  const untimely = untimeliness(token, wallMs);
  if (untimely !== undefined) return untimely;
  const record = records.get(key.kid);
  const seconds = wallMs / 1000;
  if (record === undefined) return 'key_unknown';
  if (token.forged) return 'signature_invalid';
  if (record.keyStatus === 'revoked') return 'key_revoked';
  if (record.keyStatus === 'retired') return 'key_retired';
  if (seconds < record.notBefore) return 'key_not_yet_valid';
  if (seconds >= record.notAfter) return 'key_expired';
  if (record.pipedStatus === 'disabled') return 'piped_disabled';
  if (record.projectStatus === 'disabled') return 'project_disabled';
  const signal = path === '/v1/traces' ? 'traces' : 'logs';
  return record.scopes.includes(signal) ? `allowed ${record.project}/${record.piped}` : 'scope_denied';
}

/** What no key could change. */
function untimeliness({ iat, exp }: FleetToken, wallMs: number): string | undefined {
  const seconds = wallMs / 1000;
  if (iat > seconds + SKEW_SECONDS) return 'issued_in_future';
  return seconds >= exp + SKEW_SECONDS ? 'expired' : undefined;
}

export interface Knowledge {
  /** The least that the server must know by now: it was told so, or it stood still and has to ask. */
  readonly revision: number;
  /** The oldest moment whose truth may still be believed. */
  readonly notBefore: number;
  /** The server's clock when it was asked and when it answered, in milliseconds. */
  readonly wallMs: readonly number[];
  /** Whether it may say that it can't tell. */
  readonly mayBeUnsure: boolean;
  /** Whether it must. */
  readonly mustBeUnsure: boolean;
}

/** All answers that would be right. */
export function rightAnswers(history: readonly Truth[], question: Question, known: Knowledge): ReadonlySet<string> {
  const answers = new Set<string>();
  if (known.mayBeUnsure) answers.add('key_source_unavailable');
  if (known.mustBeUnsure) {
    return new Set(known.wallMs.map(wallMs => untimeliness(question.token, wallMs) ?? 'key_source_unavailable'));
  }
  for (const truth of history) {
    if (truth.revision < known.revision || truth.until < known.notBefore) continue;
    for (const wallMs of known.wallMs) answers.add(answerUnder(truth, question, wallMs));
  }
  return answers;
}
