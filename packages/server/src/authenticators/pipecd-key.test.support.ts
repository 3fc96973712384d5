import { compare as bcrypt, hashSync } from '@node-rs/bcrypt';
import { vi } from 'vitest';
import type { AuthenticatorOutcome, CheckedRequest } from '../contract.ts';
import { requestWith } from '../fixture.test.support.ts';
import type { PipecdRecord } from './pipecd/record.ts';
import { type PipecdKeyOptions, pipecdKey } from './pipecd-key.ts';
import { KEY, memoryPipeds, recordOf } from './pipeds.test.support.ts';

export const GOOD = `Bearer shop,edge-1,${KEY}`;
/** What `KEY` is compared with. */
export const hashed = hashSync(KEY, { cost: 4, version: '2a' });

/** The authenticator, what it rests on, and a way to ask it that answers `<project>/<piped>` or a code. */
export function subject(options: Partial<PipecdKeyOptions> = {}, ...records: PipecdRecord[]) {
  const pipeds = memoryPipeds(...(records.length > 0 ? records : [recordOf({ hashes: [hashed] })]));
  const compare = vi.fn(options.compare ?? bcrypt);
  const authenticator = pipecdKey({ pipeds, ...options, compare });
  const ask = async (authorization: string, changes: Partial<CheckedRequest> = {}) =>
    summary(await authenticator.authenticate(requestWith(authorization, changes), new AbortController().signal));
  return { pipeds, compare, authenticator, ask };
}

export function summary(outcome: AuthenticatorOutcome): string {
  if (outcome.kind === 'refused') return outcome.error.code;
  if (outcome.kind === 'not-mine') return 'not-mine';
  const { project, piped } = outcome.facts.principal;
  return `${project}/${piped}`;
}
