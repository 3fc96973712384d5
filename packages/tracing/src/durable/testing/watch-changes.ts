import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Change =
  | 'writeSync'
  | 'ftruncateSync'
  | 'renameSync'
  | 'unlinkSync'
  | 'writeFileSync'
  | 'appendFileSync'
  | 'openSync'
  | 'mkdirSync'
  | 'utimesSync';

/**
 * Calls `before` ahead of each call that changes something on disk, but not of those that it makes itself, until it is
 * disposed. A killed process leaves exactly what its system calls did: a copy made in `before` is a state that a kill can
 * leave.
 */
export function watchChanges(changes: readonly Change[], before: (call: Change) => void): Disposable {
  const mutable = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = changes.map(name => [name, mutable[name]] as const);
  let inside = false;
  for (const [name, original] of originals) {
    mutable[name] = (...args) => {
      if (!inside) {
        inside = true;
        before(name);
        inside = false;
      }
      return original?.(...args);
    };
  }
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]() {
      for (const [name, original] of originals) if (original) mutable[name] = original;
      syncBuiltinESMExports();
    },
  };
}
