import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this workspace package, the same whether the TypeScript or the compiled file runs. */
export const testRoot = findUp(dirname(fileURLToPath(import.meta.url)));

export const repoRoot = dirname(testRoot);

function findUp(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('no package.json above this file');
  return findUp(parent);
}
