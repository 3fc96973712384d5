import type { KeySource } from '../keys/key-source.ts';
import { AuthenticationError } from '../refusals.ts';

/**
 * The keys that were looked up already, and no others: whoever only tries something must neither cause lookups nor use up
 * what a peer may cause. A key that is not at hand is `key_source_unavailable`.
 */
export function keysAtHand(keys: KeySource): KeySource {
  return {
    get(kid) {
      const record = keys.peek(kid);
      if (record === undefined) throw new AuthenticationError('key_source_unavailable');
      return record;
    },
    peek: kid => keys.peek(kid),
  };
}
