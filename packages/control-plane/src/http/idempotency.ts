import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Idempotency } from '../registry/idempotency.ts';

/** Part of the schema of each call that makes something. A comma in it says that there was more than one. */
export const idempotencyHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x2b\x2d-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters without a comma')
    .optional()
    .describe(
      'The same key with the same call has one effect within 24 hours. What was shown once is not shown again: an enrollment token is replaced by a fresh one, else the answer is 409 `secret_shown_already`.',
    ),
});

/** The call, if it may come more than once. */
export function idempotencyOf(request: FastifyRequest): Idempotency | undefined {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || request.caller === undefined) return undefined;
  const { method, params, body } = request;
  const call = canonical([method, request.routeOptions.url, params, body ?? null]);
  return { tokenId: request.caller.id, key, requestHash: createHash('sha256').update(call).digest('hex') };
}

/** JSON with its members in order, so that a call is the same however its sender writes it. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
