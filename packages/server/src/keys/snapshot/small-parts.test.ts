import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SnapshotFiles } from './snapshot-files.ts';
import { formatStrike, parseStrike, type Strike } from './strikes.ts';

const kid = 'A'.repeat(43);

describe('a strike', () => {
  it.each<Strike>([
    { kind: 'key', revision: 5, kid },
    { kind: 'piped', revision: 999_999_999_999_999, project: 'a.b', piped: '-_.' },
    { kind: 'project', revision: 0, project: 'x'.repeat(64) },
  ])('is read as it was written: %o', strike => {
    const line = formatStrike(strike);
    expect(line.endsWith('\n')).toBe(true);
    expect(parseStrike(line.slice(0, -1))).toEqual(strike);
  });

  it.each([
    '',
    'key',
    `-1 key ${kid}`,
    `1 key ${kid} `,
    `1 key ${kid}A`,
    '1 piped shop',
    '1 piped shop edge 1',
    '1 project a/b',
    '1e3 project shop',
    '1 tenant shop',
  ])('is not guessed at: %j', line => {
    expect(parseStrike(line)).toBeUndefined();
  });
});

describe('a disk that takes no more', () => {
  let folder: string;
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.runIf(process.platform === 'linux')('refuses a note, and the floor bars what could not be noted on', async () => {
    folder = await mkdtemp(join(tmpdir(), 'spanpass-full-'));
    const file = join(folder, 'keys.snapshot');
    await symlink('/dev/full', file);
    const files = new SnapshotFiles(file);
    expect(await files.open()).toBeUndefined();
    files.adopt({ jws: '', body: new Uint8Array(), strikes: [] });
    expect(() => files.strike({ kind: 'key', revision: 7, kid })).toThrow('unwritable');
    files.remove('drop');
    expect(() => files.strike({ kind: 'key', revision: 8, kid })).not.toThrow();
    files.close();
  });

  it('that does not even let a snapshot go leaves it barred', async () => {
    folder = await mkdtemp(join(tmpdir(), 'spanpass-stuck-'));
    const file = join(folder, 'keys.snapshot');
    await writeFile(file, '');
    const files = new SnapshotFiles(file);
    await files.open();
    // A folder can't be replaced by a file.
    await mkdir(`${file}.refused`);
    files.remove('set-aside');
    files.close();
    expect(await readFile(`${file}.floor`, 'latin1')).toBe(`${Number.MAX_SAFE_INTEGER}\n`);
    const again = new SnapshotFiles(file);
    expect(await again.open()).toBe(Number.MAX_SAFE_INTEGER);
    again.close();
  });
});
