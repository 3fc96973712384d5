import { STATUS_CODES } from 'node:http';
import { PROBLEMS, type ProblemCode } from '../problems/problems.ts';
import type { Problem } from '../wire/problem.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** The RFC 9457 document of a refusal. */
export function problemDocument(code: ProblemCode, detail: string): Problem {
  const { status, title } = PROBLEMS[code];
  return { type: `urn:spanpass:problem:${code}`, title, status, detail, code };
}

/** A whole HTTP response, for a connection on which no request could be read. */
export function rawProblem(code: ProblemCode, detail: string): string {
  const { status } = PROBLEMS[code];
  const body = JSON.stringify(problemDocument(code, detail));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
