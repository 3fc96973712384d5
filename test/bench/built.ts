import { join } from 'node:path';
import { testRoot } from '../engines/root.ts';

/** A script of this folder as the build leaves it, for a process of its own: `peers/grpc-echo`. */
export function builtScript(name: string): string {
  return join(testRoot, 'dist', 'bench', `${name}.js`);
}
