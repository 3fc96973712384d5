import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CachedBuild, cacheDir, cached } from './cache.ts';
import { checkWheel } from './envoy.ts';
import { withLock } from './lock.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'spanpass-cache-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

function tool(build: CachedBuild['build']): CachedBuild {
  return { name: 'tool', version: '1.2.3', executable: 'tool', build };
}

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync('true').pid;
}

describe('the cache of engines', () => {
  it('lies where XDG says', () => {
    expect(cacheDir({ XDG_CACHE_HOME: '/somewhere' })).toBe('/somewhere/spanpass-engines');
    expect(cacheDir({})).toMatch(/\/\.cache\/spanpass-engines$/);
  });

  it('builds once, then finds', async () => {
    let builds = 0;
    const what = tool(async out => {
      builds += 1;
      await writeFile(join(out, 'tool'), 'made');
    });
    const [first, second] = await Promise.all([cached(what, root), cached(what, root)]);
    expect(first).toBe(join(root, 'tool', '1.2.3', 'tool'));
    expect(second).toBe(first);
    expect(await cached(what, root)).toBe(first);
    expect(builds).toBe(1);
    expect(await readFile(first, 'utf8')).toBe('made');
    expect(await readdir(join(root, 'tool'))).toEqual(['1.2.3']);
  });

  it('leaves nothing of a build that failed, and tries again', async () => {
    const failing = tool(async out => {
      await writeFile(join(out, 'tool'), 'half');
      throw new Error('no network');
    });
    await expect(cached(failing, root)).rejects.toThrow('no network');
    expect(await readdir(join(root, 'tool'))).toEqual([]);
    const path = await cached(
      tool(out => writeFile(join(out, 'tool'), 'whole')),
      root,
    );
    expect(await readFile(path, 'utf8')).toBe('whole');
  });

  it('refuses a build without its executable', async () => {
    await expect(
      cached(
        tool(async () => {}),
        root,
      ),
    ).rejects.toThrow('the build left no tool');
  });

  it('takes over the lock of a process that is gone', async () => {
    await mkdir(join(root, 'tool'));
    await writeFile(join(root, 'tool', '1.2.3.lock'), String(deadPid()));
    const path = await cached(
      tool(out => writeFile(join(out, 'tool'), 'made')),
      root,
    );
    expect(existsSync(path)).toBe(true);
  });

  it('waits for a live owner, and says so when it waited long enough', async () => {
    const lock = join(root, 'lock');
    await writeFile(lock, String(process.pid));
    await expect(withLock(lock, async () => {}, 0)).rejects.toThrow(`still held by process ${process.pid}`);
  });
});

describe('the pinned wheel', () => {
  it('is refused when its bytes differ', async () => {
    const wheel = join(root, 'a.whl');
    await writeFile(wheel, 'spanpass');
    await expect(checkWheel(wheel, '0'.repeat(64))).rejects.toThrow('not the pinned');
    await expect(checkWheel(wheel, undefined)).resolves.toBeUndefined();
  });
});
