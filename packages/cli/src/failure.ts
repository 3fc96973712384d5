/**
 * What a person is told, in one line that says what to do. `exitCode` 1: refused or failed; 2: wrong usage.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: 1 | 2;

  constructor(message: string, options?: ErrorOptions & { exitCode?: 1 | 2 }) {
    super(message, options);
    this.exitCode = options?.exitCode ?? 1;
  }
}

export function wrongUsage(message: string): Failure {
  return new Failure(message, { exitCode: 2 });
}

/** Any error as one line, without a stack. */
export function oneLine(error: unknown): string {
  const text = messageOf(error)
    .replace(/\s*\n\s*/g, '; ')
    .replace(/\p{Cc}/gu, '?')
    .trim();
  return text || 'unknown error';
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  // fetch says 'fetch failed' and keeps the reason for itself.
  if (error.message === 'fetch failed' && error.cause !== undefined) return messageOf(error.cause);
  return error.message || code || error.name;
}
