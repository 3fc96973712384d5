import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const SOURCE = import.meta.dirname;

/** All that a source file imports, itself or through its neighbours, from outside this package. */
async function packagesBehind(file: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(file)) return new Set();
  seen.add(file);
  const found = new Set<string>();
  const text = await readFile(file, 'utf8');
  for (const [, kind, target = ''] of text.matchAll(/^(?:import|export)( type)? [^;]*?from '([^']+)';/gms)) {
    if (!target.startsWith('.')) found.add(target);
    else if (!kind) for (const name of await packagesBehind(join(dirname(file), target), seen)) found.add(name);
  }
  return found;
}

describe('the package', () => {
  it('has a client that brings none of the server along', async () => {
    expect([...(await packagesBehind(join(SOURCE, 'api-client/index.ts')))].sort()).toEqual([
      '@spanpass/credential',
      'node:crypto',
      'zod',
    ]);
    // The same look at the server finds more.
    expect(await packagesBehind(join(SOURCE, 'index.ts'))).toContain('fastify');
  });

  it('ships its migrations and its OpenAPI document, and no tests', () => {
    const packed = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: join(SOURCE, '..'),
      encoding: 'utf8',
    });
    const [{ files }] = JSON.parse(packed.stdout);
    const paths: string[] = files.map(({ path }: { path: string }) => path);
    for (const path of ['dist/index.js', 'dist/api-client/index.js', 'drizzle/meta/_journal.json', 'openapi.json']) {
      expect(paths).toContain(path);
    }
    expect(paths.filter(path => /^drizzle\/\d+_\w+\.sql$/.test(path)).length).toBeGreaterThanOrEqual(2);
    expect(paths.filter(path => path.includes('.test.'))).toEqual([]);
  });
});
