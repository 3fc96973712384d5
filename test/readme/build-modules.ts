import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import type { Stage } from '../harness/stage.ts';
import type { Fence } from './fences.ts';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

/** Type-checks all blocks of TypeScript at once, and says where each was built. @throws where the types are wrong, with page and line */
export async function builtModules(
  stage: Stage,
  fences: readonly Fence[],
  translated: (code: string, fence: Fence) => string,
): Promise<ReadonlyMap<Fence, string>> {
  // Below the tests, where the packages' names resolve; in `dist`, which nobody commits.
  const parent = join(repoRoot, 'test', 'dist');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'pages-'));
  stage.defer(() => rm(folder, { recursive: true, force: true }));
  const named = fences.map(fence => ({ fence, name: `${fence.page.replaceAll(/[^a-z0-9]+/gi, '-')}-${fence.line}` }));
  for (const { fence, name } of named) await writeFile(join(folder, `${name}.ts`), translated(fence.code, fence));
  const compilerOptions = { composite: false, declaration: false, declarationMap: false, rootDir: '.' };
  const files = named.map(({ name }) => `${name}.ts`);
  const config = { extends: join(repoRoot, 'tsconfig.json'), compilerOptions, files };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await run(process.execPath, [tsc, '-p', folder]);
  return new Map(named.map(({ fence, name }) => [fence, join(folder, `${name}.js`)]));
}
