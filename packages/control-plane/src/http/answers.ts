import type { FastifyReply } from 'fastify';
import { PROBLEMS } from '../problems/problems.ts';
import type { Refusal } from '../problems/refusal.ts';
import { problemSchema } from '../wire/problem.ts';
import { PROBLEM_TYPE, problemDocument } from './problem-document.ts';

const problemResponse = (description: string) => ({
  description,
  content: { [PROBLEM_TYPE]: { schema: problemSchema } },
});

/** The part of a route's response schema that all routes share. */
export const PROBLEM_RESPONSES = Object.freeze({
  '4xx': problemResponse('The call is refused; `code` says why.'),
  '5xx': problemResponse('Not now; try again.'),
});

/**
 * The serializer of answers that are frequent, or large, and whose every member is set in this package: they are not
 * held against their schema again, which takes longer than to make them. Tests do so instead.
 */
export const madeHere = () => (answer: unknown) => JSON.stringify(answer);

/** Sends a refusal as a problem document. */
export function sendProblem(reply: FastifyReply, refusal: Refusal): FastifyReply {
  const { status } = PROBLEMS[refusal.code];
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (refusal.retryAfterSeconds) reply.header('retry-after', Math.ceil(refusal.retryAfterSeconds));
  // As text, so that no route's own serializer has a say in it.
  return reply
    .code(status)
    .header('content-type', PROBLEM_TYPE)
    .serializer((payload: unknown) => String(payload))
    .send(JSON.stringify(problemDocument(refusal.code, refusal.message)));
}
