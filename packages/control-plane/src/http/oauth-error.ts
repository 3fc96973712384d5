import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../problems/problems.ts';
import type { Refusal } from '../problems/refusal.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How calls of this route are refused. Default: with a problem document. */
    refusals?: 'oauth';
  }
}

/** RFC 6749 section 5.2, and of section 4.1.2.1 what it has no word for. */
const ERRORS = [
  'invalid_request',
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'temporarily_unavailable',
  'server_error',
] as const;

type OAuthError = (typeof ERRORS)[number];

/** What is missing here is an `invalid_request`. */
const ERROR_OF: Readonly<Partial<Record<ProblemCode, OAuthError>>> = Object.freeze({
  client_assertion_invalid: 'invalid_client',
  client_assertion_used: 'invalid_client',
  piped_disabled: 'unauthorized_client',
  project_disabled: 'unauthorized_client',
  grant_unsupported: 'unsupported_grant_type',
  scope_invalid: 'invalid_scope',
  rate_limited: 'temporarily_unavailable',
  unavailable: 'temporarily_unavailable',
  internal: 'server_error',
});

const oauthErrorSchema = z.object({
  error: z.enum(ERRORS),
  error_description: z.string(),
  /** As in problem documents, and finer than `error`. */
  code: z.string(),
});

const oauthResponse = (description: string) => ({
  description,
  content: { 'application/json': { schema: oauthErrorSchema } },
});

/** The part of a route's response schema that OAuth routes share. */
export const OAUTH_RESPONSES = Object.freeze({
  '4xx': oauthResponse('The request is refused (RFC 6749 section 5.2); `code` says why.'),
  '5xx': oauthResponse('Not now; try again.'),
});

/** Sends a refusal as RFC 6749 section 5.2 has it. */
export function sendOAuthError(reply: FastifyReply, { code, message, retryAfterSeconds }: Refusal): FastifyReply {
  const error = ERROR_OF[code] ?? 'invalid_request';
  // The section knows 400 and, for a client that is not who it says, 401.
  const status = error === 'unauthorized_client' ? 400 : PROBLEMS[code].status;
  if (retryAfterSeconds) reply.header('retry-after', Math.ceil(retryAfterSeconds));
  // The section's alphabet for descriptions has neither quotes nor backslashes.
  const error_description = message.replace(/[^\x20-\x7e]|["\\]/g, "'");
  return reply
    .code(status)
    .headers({ 'content-type': 'application/json', 'cache-control': 'no-store', pragma: 'no-cache' })
    .serializer((payload: unknown) => String(payload))
    .send(JSON.stringify({ error, error_description, code }));
}
