import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { ChangeFeed } from '../feed/change-feed.ts';
import type { ProblemCode } from '../problems/problems.ts';
import type { Registry } from '../registry/registry.ts';
import type { SignIn } from '../sign-in/sign-in.ts';
import type { Actor } from '../store/write.ts';
import type { TokenBook } from '../tokens/token-book.ts';
import type { JaegerQuery } from '../traces/jaeger.ts';
import type { ConsoleFiles } from './console-files.ts';
import type { Metrics } from './metrics.ts';
import type { RateBound } from './rate-bound.ts';

/** What the routes work on. */
export interface Context {
  readonly registry: Registry;
  readonly feed: ChangeFeed;
  readonly tokens: TokenBook;
  /** By peer address, of calls that anybody may make. */
  readonly enrollRate: RateBound;
  /** By peer address, of token requests. */
  readonly exchangeRate: RateBound;
  /** By kid, of token requests whose assertion was verified. */
  readonly exchangeKeyRate: RateBound;
  /** By token. */
  readonly apiRate: RateBound;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Where people sign in, besides by a token. */
  readonly signIn: SignIn | undefined;
  /** Where traces can be asked for. */
  readonly traces: JaegerQuery | undefined;
  readonly consoleFiles: ConsoleFiles | undefined;
  /** Where pipeds reach this control plane. */
  publicUrl(): string;
  /** Who issues access tokens, a URL. */
  issuer(): string;
  isClosing(): boolean;
}

export type App = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;

declare module 'fastify' {
  interface FastifyRequest {
    refusedWith: ProblemCode | undefined;
  }
}

/** The caller, as the audit knows him. */
export function actorOf(request: FastifyRequest): Actor {
  const { caller } = request;
  if (caller === undefined) throw new Error('a route that writes must not be public');
  const { id, role, person } = caller;
  return { role, ...(person === undefined ? { tokenId: id } : { person }), peerAddress: request.ip };
}
