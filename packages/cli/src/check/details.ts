import { AuthenticationError } from '@spanpass/server';
import { clip, printable } from '../output/table.ts';
import { time } from '../output/time.ts';
import type { Asked } from './ask-server.ts';
import type { StepName } from './steps.ts';

const MAX_WIDTH = 64;

/** What was found at a step, for those that have something to show. */
export function detailOf(step: StepName, asked: Asked): string | undefined {
  return DETAILS[step]?.(asked);
}

const DETAILS: Partial<Record<StepName, (asked: Asked) => string | undefined>> = {
  authenticator({ asked }) {
    const taker = asked.find(({ took }) => took);
    return taker ? taker.name : `none of ${asked.map(({ name }) => name).join(', ')}`;
  },
  form({ parsed }) {
    const { alg, kid } = parsed?.unverifiedHeader ?? {};
    return parsed && `${shown(alg)}, kid ${shown(kid)}`;
  },
  purpose: ({ parsed }) => parsed && shown(parsed.unverifiedHeader.typ),
  key: ({ record }) => record && `of ${record.piped} of ${record.project}, revision ${record.revision}`,
  algorithm: ({ parsed, record }) => expected(parsed?.unverifiedHeader.alg, record?.alg),
  owner({ parsed, record }) {
    const { sub, project } = parsed?.unverifiedClaims ?? {};
    return record && expected(`${shown(sub)} of ${shown(project)}`, `${record.piped} of ${record.project}`);
  },
  audience: ({ parsed, question }) => expected(parsed?.unverifiedClaims.aud, question.audience),
  times({ parsed }) {
    const { iat, exp } = parsed?.unverifiedClaims ?? {};
    return typeof iat === 'number' && typeof exp === 'number' ? `${time(iat)} to ${time(exp)}` : undefined;
  },
  'key state': ({ record }) => record && `${record.keyStatus}, ${time(record.notBefore)} to ${time(record.notAfter)}`,
  piped: ({ record }) => record && `${record.piped} is ${record.pipedStatus}`,
  project: ({ record }) => record && `${record.project} is ${record.projectStatus}`,
  certificate({ question, verdict }) {
    if (verdict instanceof AuthenticationError && verdict.code === 'certificate_mismatch') {
      return question.certificate ? 'bound to another one' : 'bound to one, and none was shown (--certificate)';
    }
    return undefined;
  },
  path: ({ question }) => shown(question.path),
  scope({ verdict, record }) {
    const scopes = verdict instanceof AuthenticationError ? record?.scopes : verdict.scopes;
    return scopes && `may send ${scopes.join(', ')}`;
  },
};

function expected(found: unknown, wanted: string | undefined): string | undefined {
  if (wanted === undefined) return undefined;
  return found === wanted ? wanted : `is ${shown(found)}, must be ${wanted}`;
}

/** What somebody sent, in so many characters, none of which steers a terminal. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'absent');
  return clip(printable(text), MAX_WIDTH);
}
