import type { FastifyRequest } from 'fastify';
import { Refusal } from '../problems/refusal.ts';
import { callerOf, type RateBound } from './rate-bound.ts';

/** An `onRequest` hook for calls that anybody may make: they are bounded before their body is read. */
export function boundedByPeer(bound: RateBound) {
  return async (request: FastifyRequest): Promise<void> => {
    const retryAfterSeconds = bound.take(callerOf(request.ip));
    if (retryAfterSeconds > 0) {
      throw new Refusal('rate_limited', 'too many attempts from this address; try again', { retryAfterSeconds });
    }
  };
}
