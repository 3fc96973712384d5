import { appendFile, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestClock } from '../../fixture.test.support.ts';
import { type PipecdFile, type PipecdFileOptions, pipecdFile } from './file-source.ts';

const HASH = '$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga';
const OTHER = '$2a$10$fVH8e28OQRj9tqiDXs1e1uxpsjN0c7II7YPKXua2NAKYvM6iQk7dq';
/** As PipeCD's datastore holds it, with members that count for nothing here. */
const exported = {
  id: '3f0c1a52-9b1d-4c55-8f5e-6d2f1f3b7a10',
  name: 'edge',
  project_id: 'shop',
  version: 'v0.50.0',
  started_at: 1700000100,
  keys: [
    { hash: HASH, creator: 'hello', created_at: 1700000000 },
    { hash: OTHER, creator: 'hello', created_at: 1700000900 },
  ],
  created_at: 1700000000,
  updated_at: 1700000000,
  _extra: '',
};
const piped = exported.id;

let folder: string;
let path: string;
let source: PipecdFile;
const onError = vi.fn<(error: Error) => void>();
const clock = createTestClock();
const signal = new AbortController().signal;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spanpass-pipecd-'));
  path = join(folder, 'pipeds.json');
  vi.restoreAllMocks();
  onError.mockClear();
});
afterEach(async () => {
  await source?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let replaced = 0;
/** As a tool that writes with care does: a new file, put in the place of the old one. */
async function replace(content: unknown): Promise<void> {
  const next = join(folder, `next-${replaced++}`);
  await writeFile(next, typeof content === 'string' ? content : JSON.stringify(content));
  await rename(next, path);
}

async function started(content: unknown, options: Partial<PipecdFileOptions> = {}): Promise<PipecdFile> {
  await replace(content);
  source = pipecdFile({ path, onError, pollMs: 3_600_000, clock: clock.now, ...options });
  await source.start();
  return source;
}

describe('an export of PipeCD', () => {
  it('says who there is, newest key first', async () => {
    await started([exported, { ...exported, id: 'no-key', keys: undefined, disabled: true }]);
    expect(source.peek('shop', piped)).toEqual({
      project: 'shop',
      piped,
      pipedStatus: 'active',
      projectStatus: 'active',
      scopes: ['traces'],
      hashes: [OTHER, HASH],
      revision: 1,
    });
    expect(source.peek('shop', 'no-key')).toMatchObject({ pipedStatus: 'disabled', hashes: [] });
    expect(source.lookup('shop', 'nobody', signal)).toBeUndefined();
    expect(source.peek('bank', piped)).toBeUndefined();
    expect(Object.isFrozen(source.peek('shop', piped))).toBe(true);
  });

  it.each([
    ['what is no JSON', '{"', 'not JSON'],
    ['what is no list', {}, 'not a list'],
    ['an entry that is no object', [7], 'entry 0: it is missing, malformed, redacted or too many'],
    ['no project', [exported, { ...exported, project_id: undefined }], 'entry 1: project_id is'],
    ['an id that is no id', [{ ...exported, id: '../x' }], 'entry 0: id is'],
    ['a redacted hash', [{ ...exported, keys: [{ hash: 'redacted' }] }], 'entry 0: keys.0.hash is'],
    [
      'a hash of a cost beyond bounds',
      [{ ...exported, keys: [{ hash: HASH.replace('$10$', '$20$') }] }],
      'entry 0: keys.0.hash is',
    ],
    [
      'three keys',
      [{ ...exported, keys: [1, 2, 3].map(created_at => ({ hash: HASH, created_at })) }],
      'entry 0: keys is',
    ],
    ['disabled as a text', [{ ...exported, disabled: 'false' }], 'entry 0: disabled is'],
    ['a piped twice', [exported, { ...exported, disabled: true }], 'entry 1: the same piped a second time'],
    ['too many', [exported, exported, exported], 'more than 2 entries'],
    ['too much', ' '.repeat(5000), 'longer than 4096 bytes'],
  ])('with %s is refused, naming the place and no value', async (_, content, problem) => {
    const refused = started(content, { maxBytes: 4096, maxPipeds: 2 });
    await expect(refused).rejects.toThrow(problem);
    await expect(refused).rejects.toThrow(`${path}: `);
    await expect(refused).rejects.not.toThrow(/\$2a|\.\.\/x/);
  });

  it('that is not there is an error at the start', async () => {
    source = pipecdFile({ path });
    await expect(source.start()).rejects.toThrow(`${path}: can not be read (ENOENT)`);
    expect(() => source.lookup('shop', piped, signal)).toThrow(
      expect.objectContaining({ code: 'key_source_unavailable' }),
    );
  });
});

describe('a change of the file', () => {
  it('replaces the records, but keeps the objects of those that are as they were', async () => {
    await started([exported, { ...exported, id: 'other' }]);
    const before = source.peek('shop', piped);
    await replace([
      { ...exported, name: 'renamed' },
      { ...exported, id: 'other', disabled: true },
    ]);
    await source.reload();
    expect(source.peek('shop', piped)).toBe(before);
    expect(source.peek('shop', 'other')).toMatchObject({ pipedStatus: 'disabled', revision: 2 });
    await replace([]);
    await source.reload();
    expect(source.lookup('shop', piped, signal)).toBeUndefined();
    expect(onError).not.toHaveBeenCalled();
  });

  it('is seen by itself', async () => {
    await started([exported], { pollMs: 5 });
    await replace([{ ...exported, disabled: true }]);
    await vi.waitFor(() => expect(source.peek('shop', piped)?.pipedStatus).toBe('disabled'), 5000);
  });

  it('in the same file is seen too, though size and date stay', async () => {
    const content = JSON.stringify([exported]);
    await writeFile(path, content);
    await utimes(path, 1_700_000_000, 1_700_000_000);
    source = pipecdFile({ path, pollMs: 3_600_000 });
    await source.start();
    await writeFile(path, content.replace('shop', 'bank'));
    await utimes(path, 1_700_000_000, 1_700_000_000);
    await source.reload();
    expect(source.peek('bank', piped)).toBeDefined();
  });

  it('for the worse is refused, told once, and the old content stays for its time', async () => {
    await started([exported], { maxStaleMs: 1000 });
    await appendFile(path, 'x');
    const parse = vi.spyOn(JSON, 'parse');
    await source.reload();
    await source.reload();
    expect(parse).toHaveBeenCalledTimes(1);
    expect(onError.mock.calls.map(([error]) => error.message)).toEqual([`${path}: PipeCD export: not JSON`]);
    clock.advance(1000);
    expect(source.peek('shop', piped)).toBeDefined();
    clock.advance(1);
    expect(source.peek('shop', piped)).toBeUndefined();
    expect(() => source.lookup('shop', piped, signal)).toThrow(
      expect.objectContaining({ code: 'key_source_unavailable' }),
    );
    await replace([exported]);
    await source.reload();
    expect(source.peek('shop', piped)).toBeDefined();
  });

  it('that takes the file away is the same', async () => {
    await started([exported]);
    await rm(path);
    await source.reload();
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ message: `${path}: can not be read (ENOENT)` }));
    expect(source.peek('shop', piped)).toBeDefined();
  });
});

it.each([
  { path: '' },
  { pollMs: 0 },
  { maxStaleMs: -1 },
  { maxBytes: Number.NaN },
  { maxPipeds: 0.5 },
  { scopes: ['everything'] as never },
])('refuses %o', options => {
  expect(() => pipecdFile({ path: 'x', ...options })).toThrow(TypeError);
});
