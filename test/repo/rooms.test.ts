import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repoRoot } from '../engines/root.ts';
import { importsOf } from './imports-of.ts';
import { forbiddenImports } from './rooms.ts';

it('imports between packages go down the arrows only', async () => {
  expect(await forbiddenImports(repoRoot)).toEqual([]);
});

describe('a planted import is found', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'spanpass-rooms-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function plant(name: string, file: string, source: string, manifest: object = {}): Promise<string[]> {
    const folder = join(root, 'packages', 'planted');
    const path = join(folder, 'src', file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name, ...manifest }));
    await writeFile(path, source);
    return forbiddenImports(root);
  }

  it.each([
    ['static', `import { Server } from '@spanpass/server';`],
    ['of a type', `import type { Server } from '@spanpass/server';`],
    ['over several lines', `import {\n  Server,\n} from '@spanpass/server';`],
    ['re-exported', `export * from '@spanpass/server';`],
    ['for its effects', `import '@spanpass/server';`],
    ['dynamic', `const server = await import('@spanpass/server');`],
    ['of a part', `import { x } from '@spanpass/server/testing';`],
  ])('%s', async (_how, source) => {
    expect(await plant('@spanpass/client', 'a.ts', source)).toEqual([
      'packages/planted/src/a.ts: imports @spanpass/server',
    ]);
  });

  it('as a dependency, even for tests', async () => {
    const manifest = { devDependencies: { '@spanpass/client': '0.1.0' } };
    expect(await plant('@spanpass/tracing', 'a.ts', '', manifest)).toEqual([
      'packages/planted/package.json: depends on @spanpass/client',
    ]);
  });

  it('by a relative path into another package', async () => {
    expect(await plant('@spanpass/client', 'b/a.ts', `import { x } from '../../../server/src/x.ts';`)).toEqual([
      'packages/planted/src/b/a.ts: reaches out of its package: ../../../server/src/x.ts',
    ]);
  });

  it('that the package does not declare, or declares for tests only', async () => {
    const manifest = { devDependencies: { nock: '1.0.0' } };
    expect(await plant('@spanpass/client', 'a.ts', `import 'nock'; import 'zod';`, manifest)).toEqual([
      'packages/planted/src/a.ts: imports nock, which its package.json does not declare',
      'packages/planted/src/a.ts: imports zod, which its package.json does not declare',
    ]);
    expect(await plant('@spanpass/client', 'a.ts', '', manifest)).toEqual([]);
    expect(await plant('@spanpass/client', 'a.test.ts', `import nock from 'nock';`, manifest)).toEqual([]);
  });

  it('of input and output in the credential package', async () => {
    const source = `import { readFile } from 'node:fs/promises'; import { createHash } from 'node:crypto';`;
    expect(await plant('@spanpass/credential', 'a.ts', source)).toEqual([
      'packages/planted/src/a.ts: does input or output: node:fs/promises',
    ]);
  });

  it('and a package that is no room', async () => {
    expect(await plant('@spanpass/extra', 'a.ts', '')).toEqual([
      'packages/planted: @spanpass/extra is not among the rooms',
    ]);
  });
});

it('comments import nothing', () => {
  expect(importsOf(`// import 'a';\n/* import 'b'; */\n * @example import { c } from 'c';\nimport 'd';`)).not.toContain(
    'a',
  );
  expect(importsOf(`/** import { b } from 'b'; */ import 'd';`)).toEqual(['d']);
});
