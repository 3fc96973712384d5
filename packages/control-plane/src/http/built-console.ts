import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** Where the console's built files are; nowhere in a checkout that has not built it. */
export function builtConsole(): string | undefined {
  try {
    const index = createRequire(import.meta.url).resolve('@spanpass/console/index.html');
    return existsSync(index) ? dirname(index) : undefined;
  } catch {
    return undefined;
  }
}
