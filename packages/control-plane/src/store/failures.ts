/**
 * SQLSTATE classes and codes (PostgreSQL, appendix A) that say "not now" rather than "never": connection exceptions, a
 * server that starts, stops or has run out of something, timeouts, and conflicts between transactions.
 */
const TRANSIENT_STATES = /^(08...|53...|57P0[1-5]|57014|25P03|55P03|55006|40001|40P01|58030)$/;
const TRANSIENT_ERRNOS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOSPC',
  'EDQUOT',
  'EIO',
]);
/** What the drivers say in words alone. */
const TRANSIENT_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|PGlite is clos|PGlite failed)/;

/** Whether the database can't answer at the moment, as against having answered with a refusal. */
export function isUnavailable(error: unknown): boolean {
  for (const cause of causes(error)) {
    if (!(cause instanceof Error)) continue;
    // WebAssembly's: the embedded database has come to a halt, and takes nothing in until it is started again.
    if (cause.name === 'RuntimeError') return true;
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && (TRANSIENT_STATES.test(code) || TRANSIENT_ERRNOS.has(code))) return true;
    if (TRANSIENT_MESSAGES.test(cause.message)) return true;
  }
  return false;
}

/** The error at the root, which a driver threw: the ones around it repeat the statement and its parameters. */
export function rootCause(error: unknown): unknown {
  return causes(error).at(-1);
}

function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  let next: unknown = error;
  while (next !== undefined && next !== null && found.length < 10) {
    found.push(next);
    next = next instanceof AggregateError ? next.errors[0] : (next as { cause?: unknown }).cause;
  }
  return found;
}
