import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Precondition, Versioned } from '../registry/precondition.ts';

/** RFC 9110, section 8.8.3. */
const TAG = '(?:W/)?"[\\x21\\x23-\\x7e]*"';
const TAGS = new RegExp(`^(?:\\*|${TAG}(?:[ \\t]*,[ \\t]*${TAG})*)$`);

/** Part of the schema of each call that changes something. */
export const ifMatchHeaders = z.looseObject({
  'if-match': z
    .string()
    .max(1024)
    .regex(TAGS, 'must be * or entity tags')
    .optional()
    .describe('The `etag` of what is to be changed. If it has another one by now, nothing is changed: 412.'),
});

/** Sends something with its entity tag, which changes when it does. */
export function sendVersioned<T>(reply: FastifyReply, { value, revision }: Versioned<T>): T {
  reply.header('etag', `"${revision}"`);
  return value;
}

/** A weak tag, and one that was made elsewhere, is never the current one (RFC 9110, section 13.1.1). */
export function preconditionOf({ headers }: FastifyRequest): Precondition {
  const text = headers['if-match'];
  if (text === undefined || text === '*') return undefined;
  return [...text.matchAll(/(?<!W\/)"(\d{1,15})"/g)].map(([, revision]) => Number(revision));
}
