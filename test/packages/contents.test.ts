import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repoRoot, testRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { type Packed, packAll } from './pack.ts';
import { manifestOf, publishedRooms } from './published.ts';

const tool = (name: string) => [testRoot, repoRoot].map(at => join(at, 'node_modules', '.bin', name)).find(existsSync);

/** Kilobytes that a package may take on disk; the control plane brings the console's page along as a dependency. */
const mostKilobytes = {
  credential: 130,
  client: 140,
  tracing: 420,
  server: 640,
  console: 1100,
  'control-plane': 1150,
  cli: 640,
} as const;

const stage = new Stage();
let packed: Packed[];
beforeAll(async () => {
  packed = await packAll(await tempDir(stage, 'packed'));
});
afterAll(() => stage.dispose());

describe.each(publishedRooms)('the package of %s', room => {
  const manifest = manifestOf(room);
  const own = () => packed.find(({ name }) => name === manifest.name) ?? expect.fail(`${manifest.name} was not packed`);

  it('says on which Node.js it runs, under which licence, and what has side effects', () => {
    expect(manifest).toMatchObject({ license: 'Apache-2.0', engines: { node: '>=20.19' } });
    // The command, and the process that it starts for each worker.
    const programs = ['./bin/spanpass.js', './dist/main.js', './dist/auth-server/worker-main.js'];
    expect(manifest.sideEffects).toEqual(room === 'cli' ? programs : false);
  });

  it('holds what runs, its types, and nothing that has no source', () => {
    const wanted =
      room === 'console'
        ? /^(dist\/(index\.html|favicon\.svg|licences\.md|assets\/[\w.-]+\.(js|css|woff2))|README\.md|LICENSE|package\.json)$/
        : /^(bin\/spanpass\.js|dist\/.+\.(js|d\.ts)|drizzle\/.+|openapi\.json|README\.md|LICENSE|package\.json)$/;
    const { files } = own();
    expect(files.filter(file => !wanted.test(file) || /\.test\.|readme-|testdata|fixture/.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    if (room === 'console') return;
    // A build over an older one leaves what was renamed since: remove `dist` and build again.
    const withoutSource = files
      .filter(file => file.startsWith('dist/'))
      .map(file => file.replace(/^dist/, 'src').replace(/(\.d\.ts|\.js)$/, '.ts'))
      .filter(file => !existsSync(join(repoRoot, 'packages', room, file)));
    expect(withoutSource).toEqual([]);
  });

  it(`is no larger than ${mostKilobytes[room]} kB`, () => {
    expect(own().unpackedSize / 1000).toBeLessThan(mostKilobytes[room]);
  });

  it('pleases publint', async () => {
    expect(await run(tool('publint') ?? 'publint', ['--strict', own().tarball])).toContain('All good!');
  });

  // The console is a page: it has no types.
  it.skipIf(room === 'console')('has types for each way in which an ESM import is resolved', async () => {
    const args = [own().tarball, '--profile', 'esm-only', '--format', 'json'];
    const { analysis, problems = {} } = JSON.parse(await run(tool('attw') ?? 'attw', args)) as {
      analysis: { entrypoints: Record<string, unknown> };
      problems?: Record<string, unknown>;
    };
    // What is left out are require() and resolution without `exports`: neither can load an ES module.
    expect(Object.keys(problems).filter(kind => !['CJSResolvesToESM', 'NoResolution'].includes(kind))).toEqual([]);
    expect(Object.keys(analysis.entrypoints).sort()).toEqual(Object.keys(manifest.exports ?? {}).sort());
  });
});
