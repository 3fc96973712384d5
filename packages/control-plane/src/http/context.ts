import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { ChangeFeed } from '../feed/change-feed.ts';
import type { ProblemCode } from '../problems/problems.ts';
import type { Registry } from '../registry/registry.ts';
import type { Actor } from '../store/write.ts';
import type { Role } from '../tokens/access-tokens.ts';
import type { KnownToken, TokenBook } from '../tokens/token-book.ts';
import type { ConsoleFiles } from './console-files.ts';
import type { Metrics } from './metrics.ts';
import type { RateBound } from './rate-bound.ts';

/** What the routes work on. */
export interface Context {
  readonly registry: Registry;
  readonly feed: ChangeFeed;
  readonly tokens: TokenBook;
  readonly enrollRate: RateBound;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly consoleFiles: ConsoleFiles | undefined;
  /** Where pipeds reach this control plane. */
  publicUrl(): string;
  isClosing(): boolean;
}

export type App = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;

/** Who may call a route. Every route says so, or the control plane does not start. */
export type Access = 'public' | readonly Role[];

export const ADMIN: Access = Object.freeze(['admin'] as const);
export const READERS: Access = Object.freeze(['admin', 'auth-server'] as const);

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Who calls; nobody on public routes. */
    caller: KnownToken | undefined;
    refusedWith: ProblemCode | undefined;
  }
}

/** The caller, as the audit knows him. */
export function actorOf(request: FastifyRequest): Actor {
  const { caller } = request;
  if (caller === undefined) throw new Error('a route that writes must not be public');
  return { role: caller.role, tokenId: caller.id, peerAddress: request.ip };
}
