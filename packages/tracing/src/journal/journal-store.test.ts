import fs from 'node:fs';
import { join } from 'node:path';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scratchFolder } from '../durable/testing/scratch.ts';
import { headerPayload, readJournal } from './journal-reader.ts';
import { JournalStore } from './journal-store.ts';
import { FakeDisk } from './testing/fake-disk.ts';

const header = headerPayload({ project: 'shop', piped: 'edge-1', version: '1.2.3' });

let scratch: ReturnType<typeof scratchFolder>;
let path: string;
let lines: string[];
beforeEach(() => {
  scratch = scratchFolder({ fast: true });
  path = join(scratch.path, 'journal');
  lines = [];
  const say = (...parts: unknown[]) => lines.push(parts.join(' '));
  diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, DiagLogLevel.INFO);
  lines.length = 0;
});
afterEach(() => {
  diag.disable();
  scratch[Symbol.dispose]();
});

const open = (maxBytes = 1024 * 1024) => new JournalStore({ path, header, nowMs: () => 1 }, maxBytes);

function part(id: string, filling = 0): Buffer {
  const ending = { kind: 'ended', outcome: 'success', reason: 'x'.repeat(filling) };
  return Buffer.from(JSON.stringify({ kind: 'part', traceId: 't', part: { id, label: id }, ending }));
}

const ids = () => readJournal(path)?.parts.map(found => found.part.id) ?? [];

describe('bounds', () => {
  test('it stays small, however much comes and goes', () => {
    const store = open();
    const stays = store.add(part('stays'));
    let largest = 0;
    for (let i = 0; i < 5_000; i++) {
      store.remove(store.add(part(`comes and goes ${i}`, 500)));
      largest = Math.max(largest, fs.statSync(path).size);
    }
    expect(ids()).toEqual(['stays']);
    expect(largest).toBeLessThanOrEqual(64 * 1024);
    store.remove(stays);
    expect(ids()).toEqual([]);
    store.close();
    expect(fs.existsSync(path)).toBe(false);
  });

  test('with much that is open, at most twice that', () => {
    const store = open();
    for (let i = 0; i < 200; i++) store.add(part(`open ${i}`, 1_000));
    const openBytes = fs.statSync(path).size;
    let largest = 0;
    for (let i = 0; i < 2_000; i++) {
      store.remove(store.add(part('goes', 1_000)));
      largest = Math.max(largest, fs.statSync(path).size);
    }
    expect(largest).toBeLessThan(2 * openBytes + 2_000);
    expect(ids()).toHaveLength(200);
    store.close();
  });

  test('what goes beyond the bound is refused, which is said once, until there is room again', () => {
    const store = open(64 * 1024);
    const slots = Array.from({ length: 100 }, (_, i) => store.add(part(`${i}`, 1_000)));
    expect(ids().length).toBeGreaterThan(50);
    expect(ids().length).toBeLessThan(62);
    expect(lines).toEqual([
      '@spanpass/tracing more spans are open than 65536 bytes of journal hold: some may be lost if this process is killed',
    ]);
    for (const slot of slots) store.remove(slot);
    store.add(part('again'));
    expect(ids()).toEqual(['again']);
    store.close();
  });
});

describe('a disk that fails', () => {
  let disk: FakeDisk;
  beforeEach(() => {
    disk = new FakeDisk();
  });
  afterEach(() => disk[Symbol.dispose]());

  test('full: said once; what ends is taken back; what is open is written when there is room', () => {
    const store = open();
    const before = store.add(part('before'));
    store.add(part('stays'));
    disk.isFull = true;
    const during = Array.from({ length: 20 }, (_, i) => store.add(part(`during ${i}`)));
    store.remove(before);
    for (const slot of during.slice(1)) store.remove(slot);
    store.tick();
    expect(ids()).toEqual(['stays']);
    expect(lines).toEqual([
      "@spanpass/tracing spans that are open if this process is killed may be lost: their journal can't be written: ENOSPC",
    ]);
    disk.isFull = false;
    store.tick();
    expect(ids()).toEqual(['stays', 'during 0']);
    expect(lines.at(-1)).toBe('@spanpass/tracing the journal of open spans can be written again');
    disk.isFull = true;
    store.add(part('more'));
    expect(lines).toHaveLength(3);
    disk.isFull = false;
    store.close();
  });

  test('full: a record is not given up for a newer one that finds no room', () => {
    const store = open();
    const slot = store.add(part('old'));
    disk.isFull = true;
    const kept = store.replace(slot, part('new'));
    expect(kept).toBe(slot);
    expect(ids()).toEqual(['old']);
    disk.isFull = false;
    store.replace(kept, part('new'));
    expect(ids()).toEqual(['new']);
    store.close();
  });

  test('full when it is opened: it is made when there is room', () => {
    disk.isFull = true;
    const store = open();
    store.add(part('open'));
    expect(fs.existsSync(path)).toBe(false);
    disk.isFull = false;
    store.tick();
    expect(ids()).toEqual(['open']);
    store.close();
  });

  test('full in the middle of a record: the torn one is nobody’s, and the next one takes its place', () => {
    const store = open();
    store.add(part('before'));
    disk.roomBytes = 40;
    store.add(part('torn'));
    expect(ids()).toEqual(['before']);
    disk.roomBytes = Number.POSITIVE_INFINITY;
    store.add(part('after'));
    expect(ids()).toEqual(['before', 'after']);
    store.tick();
    expect(ids().toSorted()).toEqual(['after', 'before', 'torn']);
    store.close();
  });

  test('read-only: what could not be taken back is gone as soon as it can be', () => {
    const store = open();
    const slot = store.add(part('ends'));
    disk.isReadOnly = true;
    store.remove(slot);
    expect(ids()).toEqual(['ends']);
    disk.isReadOnly = false;
    store.tick();
    expect(ids()).toEqual([]);
    store.close();
  });
});

test('a journal that somebody removed is written again', () => {
  const store = open();
  store.add(part('open'));
  fs.unlinkSync(path);
  store.tick();
  expect(ids()).toEqual(['open']);
  store.close();
});

test('after the end nothing is written, and what is open stays', () => {
  const store = open();
  store.add(part('open'));
  store.close();
  store.add(part('late'));
  store.tick();
  expect(ids()).toEqual(['open']);
});
