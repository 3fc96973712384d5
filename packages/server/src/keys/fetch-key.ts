import type { IncomingMessage } from 'node:http';
import { type KeyRecord, parseKeyRecord } from '@spanpass/credential';
import type { Endpoint } from './endpoint.ts';
import { readBody } from './read-body.ts';

/** What the control plane says of a kid. */
export interface KeyAnswer {
  /** None: no key has this kid. */
  readonly record: KeyRecord | undefined;
  /** The control plane's revision as of the read. */
  readonly revision: number;
}

export type FetchKey = (kid: string) => Promise<KeyAnswer>;

export interface FetchKeyOptions {
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/** The control plane did not give an answer that can be used. The message holds nothing that it wrote. */
export class KeyLookupError extends Error {
  override readonly name = 'KeyLookupError';
}

/**
 * Asks `GET /v1/keys/{kid}`. That no key has the kid is believed only if the control plane says just that: any other
 * 404 may come from something that is not the control plane.
 */
export function fetchKeyFrom(endpoint: Endpoint, { timeoutMs, maxAnswerBytes }: FetchKeyOptions): FetchKey {
  return async kid => {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await endpoint.get(`/v1/keys/${kid}`, { accept: 'application/json', signal });
    const found = response.statusCode === 200;
    if (!found && response.statusCode !== 404) throw unexpected(response);
    const body = await readJson(response, maxAnswerBytes);
    if (!found && codeOf(body) !== 'key_unknown') throw unexpected(response);
    const revision = revisionOf(response);
    if (!found) return { record: undefined, revision };
    const record = await parseKeyRecord(body);
    if (record.kid !== kid) throw new KeyLookupError('the control plane answered with another key');
    return { record, revision };
  };
}

function unexpected(response: IncomingMessage): KeyLookupError {
  response.destroy();
  return new KeyLookupError(`the control plane answered ${response.statusCode}`);
}

async function readJson(response: IncomingMessage, maxBytes: number): Promise<unknown> {
  const bytes = await readBody(response, maxBytes);
  if (bytes === undefined) throw new KeyLookupError('the answer of the control plane is too large');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new KeyLookupError('the answer of the control plane is not JSON');
  }
}

function revisionOf(response: IncomingMessage): number {
  const header = response.headers['x-spanpass-revision'];
  if (typeof header !== 'string' || !/^\d{1,15}$/.test(header)) {
    throw new KeyLookupError('the answer of the control plane carries no revision');
  }
  return Number(header);
}

function codeOf(problem: unknown): unknown {
  return typeof problem === 'object' && problem !== null && 'code' in problem ? problem.code : undefined;
}
