import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Spool } from '../spool/spool.ts';
import { RecordingLog, scratchFolder } from '../testing/scratch.ts';
import type { DeadLetter } from './dead-letter-file.ts';
import { DeadLetters } from './dead-letters.ts';
import { resendDeadLetters } from './resend.ts';

let scratch: ReturnType<typeof scratchFolder>;
let letters: DeadLetters;

beforeEach(() => {
  scratch = scratchFolder();
  letters = new DeadLetters(scratch.path);
});
afterEach(() => scratch[Symbol.dispose]());

function letter(id: string, more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id,
    kind: 'traces',
    items: 2,
    bytes: 7,
    appendedAtMs: 1,
    refusedAtMs: 2,
    reason: 'HTTP 400',
    message: 'm',
    ...more,
  };
}

const folder = () => join(scratch.path, 'dead-letters');

describe('dead letters', () => {
  it('of a spool that never had any are none', async () => {
    expect(await letters.list()).toEqual([]);
    expect(await letters.read('1')).toBeUndefined();
    expect(await letters.trim(0)).toEqual([]);
  });

  it('read back byte for byte, oldest first', async () => {
    const payload = Buffer.from('a\nb\0\xff', 'latin1');
    await letters.add(letter('002-b'), Buffer.from('x'));
    await letters.add(letter('001-a', { kind: 'logs' }), payload);
    expect((await letters.list()).map(({ id }) => id)).toEqual(['001-a', '002-b']);
    expect(await letters.read('001-a')).toEqual({ letter: letter('001-a', { kind: 'logs' }), payload });
  });

  it('are one letter if the same record dies twice', async () => {
    await letters.add(letter('001'), Buffer.from('x'));
    await letters.add(letter('001'), Buffer.from('x'));
    expect(await letters.list()).toHaveLength(1);
    expect(readdirSync(folder())).toHaveLength(1);
  });

  it('are for this user alone', async () => {
    await letters.add(letter('001'), Buffer.from('x'));
    expect(statSync(join(folder(), '001.letter')).mode & 0o077).toBe(0);
  });

  it('an id is never a path', async () => {
    writeFileSync(join(scratch.path, 'secret.letter'), '{}\n');
    for (const id of ['../secret', '', '.', 'a/b', 'ABC']) {
      expect(await letters.read(id)).toBeUndefined();
      await letters.remove(id);
    }
    expect(readdirSync(scratch.path)).toContain('secret.letter');
  });

  it.each(['', 'x', '{}\n', 'null\n', '{"v":2}\n', `${'x'.repeat(9_000)}\n`])('a file with %j is none', async text => {
    mkdirSync(folder());
    writeFileSync(join(folder(), '001.letter'), text);
    writeFileSync(join(folder(), 'readme.txt'), 'hello');
    expect(await letters.list()).toEqual([]);
    expect(await letters.read('001')).toBeUndefined();
  });
});

describe('resending', () => {
  it('puts all, or those that are named, back into the spool', async () => {
    await using spool = new Spool({ folder: scratch.path });
    for (const id of ['001', '002', '003']) await letters.add(letter(id), Buffer.from(id));
    expect(await resendDeadLetters(spool, ['002', '004'])).toEqual({ resent: ['002'], kept: ['004'] });
    expect((await letters.list()).map(({ id }) => id)).toEqual(['001', '003']);
    expect(await resendDeadLetters(spool)).toEqual({ resent: ['001', '003'], kept: [] });
    await using batch = await spool.take('traces', { maxRecords: 9, maxBytes: 999 });
    expect(batch?.records.map(({ payload, items }) => [payload.toString(), items])).toEqual([
      ['002', 2],
      ['001', 2],
      ['003', 2],
    ]);
  });

  it('keeps what the spool does not take', async () => {
    await using spool = new Spool({ folder: scratch.path, maxRecordBytes: 3, log: new RecordingLog() });
    await letters.add(letter('001'), Buffer.from('long'));
    expect(await resendDeadLetters(spool)).toEqual({ resent: [], kept: ['001'] });
    expect(await letters.list()).toHaveLength(1);
  });
});
