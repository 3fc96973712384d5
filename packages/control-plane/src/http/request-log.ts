import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '../problems/refusal.ts';
import type { Context } from './context.ts';

export interface RequestLog {
  answered(request: FastifyRequest, reply: FastifyReply): void;
  failed(request: FastifyRequest, refusal: Refusal): void;
}

/** One line per call: its route, never its URL, which may hold anything. Reads are frequent, and shown at `debug`. */
export function requestLog({ logger, metrics }: Pick<Context, 'logger' | 'metrics'>): RequestLog {
  return {
    answered(request, reply) {
      const { method } = request;
      const route = routeOf(request);
      const status = reply.statusCode;
      metrics.observe({ method: knownMethod(method), route, status, seconds: reply.elapsedTime / 1000 });
      const level = method === 'GET' && status < 400 ? 'debug' : 'info';
      const { refusedWith: code, caller, ip: peer } = request;
      const ms = Math.round(reply.elapsedTime);
      logger[level]({ method: knownMethod(method), route, status, code, ms, peer, tokenId: caller?.id }, 'answered');
    },
    failed(request, refusal) {
      request.refusedWith = refusal.code;
      if (refusal.code !== 'internal' && refusal.code !== 'unavailable') return;
      const level = refusal.code === 'internal' ? 'error' : 'warn';
      logger[level]({ route: routeOf(request), code: refusal.code, err: refusal.cause }, 'failed');
    },
  };
}

function routeOf(request: FastifyRequest): string {
  return request.is404 ? 'unmatched' : (request.routeOptions.url ?? 'unmatched');
}

function knownMethod(method: string): string {
  return ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'].includes(method) ? method : 'other';
}
