import { CredentialError, FormatError } from '@spanpass/credential';
import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors, type ZodFastifySchemaValidationError } from 'fastify-type-provider-zod';
import type { ProblemCode } from '../problems/problems.ts';
import { Refusal } from '../problems/refusal.ts';
import { isUnavailable } from '../store/failures.ts';

const FRAMEWORK_CODES: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'send the body as application/json; the token endpoint alone takes a form',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'the body is larger than 16 KiB'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_json', 'the body is not valid JSON'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_json', 'the body is empty'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_request', 'the body is not as long as its content-length says'],
  FST_ERR_BAD_URL: ['malformed_request', 'the path is not well-formed'],
  FST_ERR_MAX_PARAM_LENGTH: ['uri_too_long', 'a part of the path is too long'],
  FST_ERR_HANDLER_TIMEOUT: ['unavailable', 'it took too long; try again'],
};

/** Turns whatever was thrown into what the caller is told. What is `internal` or `unavailable` keeps its cause. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const where = (error as Partial<FastifyError>).validationContext ?? 'body';
    return new Refusal('invalid_request', describeIssue(where, error.validation));
  }
  if (error instanceof FormatError) return new Refusal('invalid_request', error.message);
  if (error instanceof CredentialError) return new Refusal('proof_invalid', `proof: ${error.message}`);
  if (isUnavailable(error)) {
    return new Refusal('unavailable', 'the database does not take this in at the moment; try again', {
      retryAfterSeconds: 1,
      cause: error,
    });
  }
  const { code = '', statusCode = 500 } = (error ?? {}) as { code?: string; statusCode?: number };
  const known = FRAMEWORK_CODES[code];
  if (known !== undefined) return new Refusal(...known, { retryAfterSeconds: known[0] === 'unavailable' ? 1 : 0 });
  if (error instanceof SyntaxError && statusCode === 400)
    return new Refusal('malformed_json', 'the body is not valid JSON');
  if (statusCode >= 400 && statusCode < 500) return new Refusal('malformed_request', 'the request is not understood');
  return new Refusal('internal', 'the log of the control plane says what', { cause: error });
}

/** Names the member at fault and what is wrong with it, and repeats nothing of what was sent but a member's name. */
function describeIssue(where: string, issues: readonly ZodFastifySchemaValidationError[]): string {
  const [issue] = issues;
  if (issue === undefined) return `${where} does not fit`;
  const path = issue.instancePath.split('/').filter(Boolean).join('.');
  const name = printable(path) || where;
  if (issue.keyword === 'unrecognized_keys') {
    const [unknown = ''] = (issue.params as { keys?: string[] }).keys ?? [];
    return `${name}: the member ${printable(unknown)} is not known here`;
  }
  return `${name}: ${issue.message ?? 'does not fit'}`;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 64);
}
