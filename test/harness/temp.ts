import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stage } from './stage.ts';

/** A folder that goes away with the stage. */
export async function tempDir(stage: Stage, name: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `spanpass-${name}-`));
  stage.defer(() => rm(path, { recursive: true, force: true }));
  return path;
}
