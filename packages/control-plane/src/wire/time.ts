import { z } from 'zod';

/** RFC 7519 NumericDate, whole seconds: the only form of time on the wire. */
export const seconds = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
