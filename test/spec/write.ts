/** Writes the test vectors: `npm run vectors -w test`. The keys stay as they are. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { vectorsFolder } from './keys.ts';
import { vectorFiles } from './vectors.ts';

for (const [name, content] of Object.entries(vectorFiles())) {
  await writeFile(join(vectorsFolder, name), `${JSON.stringify(content, null, 2)}\n`);
}
await run('npx', ['biome', 'format', '--write', vectorsFolder], { cwd: repoRoot });
