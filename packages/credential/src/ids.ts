import { z } from 'zod';

/**
 * A project's or piped's id: 1 to 64 of `A-Z a-z 0-9 . _ -`. `.` and `..` are refused, since URL parsers take them as
 * path segments of their own.
 */
const ID_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

export const idSchema = z.string().regex(ID_PATTERN, 'must be 1 to 64 of A-Z a-z 0-9 . _ -');

/** Whether it is one, for whoever asks about each request. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID_PATTERN.test(value);
}

/** An RFC 7638 SHA-256 thumbprint in base64url: 43 characters, the last of which carries 4 bits. */
export const KID_PATTERN = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

export const kidSchema = z.string().regex(KID_PATTERN, 'must be an RFC 7638 SHA-256 thumbprint');

export const SIGNALS = Object.freeze(['traces', 'metrics', 'logs', 'profiles'] as const);

/** A kind of telemetry, as OTLP names them. */
export type Signal = (typeof SIGNALS)[number];

export const scopesSchema = z.array(z.enum(SIGNALS)).max(SIGNALS.length);

/** RFC 7519 NumericDate, whole seconds. */
export const secondsSchema = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
