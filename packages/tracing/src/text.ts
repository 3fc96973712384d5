/** A status message is a line in a list of traces; stacks have their own, longer bound. */
const MAX_MESSAGE_CHARS = 1024;
const MAX_STACK_CHARS = 16 * 1024;

/** What follows `bearer` has to be long: "bearer token missing" is a sentence. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g, '[redacted]'],
  [/\b(bearer|basic)\s+[\w.~+/,=-]{16,}/gi, '$1 [redacted]'],
  [/-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?(-----END [^-]*-----|$)/g, '[redacted]'],
];

/** What was thrown, in the shape that `Span.recordException` takes. */
export interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

/** Errors of another realm are errors too, so this asks for the shape. */
interface ErrorLike {
  readonly name?: unknown;
  readonly message: string;
  readonly stack?: unknown;
  readonly cause?: unknown;
}

/** Text of unknown origin made fit for a trace: bounded, and without passes or private keys that errors like to quote. */
export function message(text: string): string {
  const safe = withoutSecrets(text.slice(0, MAX_STACK_CHARS));
  return safe.length <= MAX_MESSAGE_CHARS ? safe : `${safe.slice(0, MAX_MESSAGE_CHARS - 1)}…`;
}

/** Anything can be thrown; this never throws itself. */
export function thrown(value: unknown): Thrown {
  try {
    return described(value);
  } catch {
    return { name: typeof value, message: 'a value that cannot be shown was thrown' };
  }
}

export function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

function described(value: unknown): Thrown {
  if (isErrorLike(value)) {
    const name = typeof value.name === 'string' && value.name !== '' ? value.name : 'Error';
    const stack = typeof value.stack === 'string' ? withoutSecrets(value.stack.slice(0, MAX_STACK_CHARS)) : undefined;
    return { name, message: message(value.message), ...(stack === undefined ? {} : { stack }) };
  }
  const text = typeof value === 'string' ? value : `${JSON.stringify(value) ?? String(value)} was thrown`;
  return { name: typeof value, message: message(text) };
}

function withoutSecrets(text: string): string {
  return SECRETS.reduce((rest, [pattern, mark]) => rest.replace(pattern, mark), text);
}
