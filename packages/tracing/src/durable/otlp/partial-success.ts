import { lastAt, textAt } from './wire.ts';

export interface PartialSuccess {
  readonly rejectedItems: number;
  readonly message: string;
}

const NONE: PartialSuccess = Object.freeze({ rejectedItems: 0, message: '' });

/** Reads an Export…ServiceResponse of any signal: they differ in names only. What can't be read rejects nothing. */
export function partialSuccessOf(response: Uint8Array): PartialSuccess {
  try {
    const partial = lastAt(response, 1)?.bytes;
    if (!partial) return NONE;
    const rejected = BigInt.asIntN(64, lastAt(partial, 1)?.number ?? 0n);
    return { rejectedItems: rejected > 0n ? Number(rejected) : 0, message: textAt(partial, 2) };
  } catch {
    return NONE;
  }
}
