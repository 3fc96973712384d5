import { z } from 'zod';
import { Failure, oneLine } from '../failure.ts';
import { printable } from '../output/table.ts';

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 15_000;

export interface AskOptions {
  readonly base: URL;
  readonly token: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
}

/** RFC 9457 */
const problemSchema = z.object({
  title: z.string().max(500).optional(),
  detail: z.string().max(1000).optional(),
  code: z.string().regex(/^[a-z0-9_]{1,64}$/),
});

/**
 * Asks the control plane, and returns the JSON that it answers with. Follows no redirects, which could carry the token
 * elsewhere.
 *
 * @throws Failure when it can't be reached, or refuses; then with its `problemCode`
 */
export async function ask({ base, token, method, path, body }: AskOptions): Promise<unknown> {
  const url = `${base.origin}${base.pathname.replace(/\/+$/, '')}${path}`;
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json, application/problem+json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    ({ status } = response);
    text = await readBounded(response);
  } catch (error) {
    throw new Failure(
      `can't reach the control plane at ${base.origin} (${oneLine(error)}): start it with 'spanpass up', or name another with --control-plane`,
      { cause: error },
    );
  }
  const answer = parse(text);
  if (status >= 200 && status < 300 && answer !== undefined) return answer;
  throw refusal(base, status, answer);
}

function refusal(base: URL, status: number, answer: unknown): Failure {
  const parsed = problemSchema.safeParse(answer);
  if (!parsed.success) return new Failure(`${base.origin} does not answer like a control plane (HTTP ${status})`);
  const { title, detail, code } = parsed.data;
  if (status === 401) {
    const advice = 'see --help on where it comes from';
    return new Failure(`the control plane does not know this admin token: ${advice}`, { problemCode: code });
  }
  return new Failure(`the control plane refused: ${printable(detail ?? title ?? code)} (${code})`, {
    problemCode: code,
  });
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
