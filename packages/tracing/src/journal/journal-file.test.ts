import { appendFileSync, readFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scratchFolder, seeded } from '../durable/testing/scratch.ts';
import { JournalFile } from './journal-file.ts';
import { headerPayload, readJournal } from './journal-reader.ts';
import type { SpanRecord } from './span-record.ts';

const HEADER = { project: 'shop', piped: 'edge-1', version: '1.2.3' };

let scratch: ReturnType<typeof scratchFolder>;
let path: string;
let clock: { nowMs: number };
let file: JournalFile;
beforeEach(() => {
  scratch = scratchFolder({ fast: true });
  path = join(scratch.path, 'journal');
  clock = { nowMs: 1_000 };
  file = create([]);
});
afterEach(() => {
  file.close();
  scratch[Symbol.dispose]();
});

const create = (payloads: readonly Buffer[]) =>
  new JournalFile({ path, header: headerPayload(HEADER), nowMs: () => clock.nowMs }, payloads);

function record(n: number, more: Partial<SpanRecord> = {}): Buffer {
  const span: SpanRecord = {
    kind: 'span',
    traceId: 'ab'.repeat(16),
    spanId: n.toString(16).padStart(16, '0'),
    name: `span ${n}`,
    spanKind: 0,
    scope: { name: 'test' },
    startTime: [1, 0],
    attributes: { text: 'x'.repeat(n) },
    events: [],
    links: [],
    ...more,
  };
  return Buffer.from(JSON.stringify(span));
}

const names = () => readJournal(path)?.spans.map(span => span.name);

test('what was appended is there, what was taken back is not; the header says whose it is', () => {
  const places = [1, 2, 3].map(n => file.append(record(n)));
  file.takeBack(places[1] ?? 0);
  expect(names()).toEqual(['span 1', 'span 3']);
  expect(readJournal(path)?.header).toEqual(HEADER);
});

test('made anew, it holds what it is given, and says where', () => {
  file.append(record(1));
  file.close();
  file = create([record(2), record(3)]);
  expect(names()).toEqual(['span 2', 'span 3']);
  file.takeBack(file.places[0] ?? 0);
  file.append(record(4));
  expect(names()).toEqual(['span 3', 'span 4']);
});

describe('the last sign of life', () => {
  const alive = () => readJournal(path)?.aliveAtMs;

  test('is the last write, whatever the clock did', () => {
    expect(alive()).toBe(1_000);
    clock.nowMs = 9_000;
    file.append(record(1));
    expect(alive()).toBe(9_000);
    clock.nowMs = 3_000;
    file.beat();
    expect(alive()).toBe(3_000);
    clock.nowMs = 2_000;
    file.append(record(2));
    expect(alive()).toBe(2_000);
  });

  test('costs no room', () => {
    const before = readFileSync(path).length;
    for (let i = 0; i < 100; i++) file.beat();
    expect(readFileSync(path)).toHaveLength(before);
  });
});

describe('damage', () => {
  test('a tail that is torn anywhere costs the last record only', () => {
    file.append(record(1));
    const whole = file.bytes;
    file.append(record(200));
    const bytes = readFileSync(path);
    for (let length = whole; length < bytes.length; length++) {
      truncateSync(path, length);
      expect(names()).toEqual(['span 1']);
    }
    writeFileSync(path, bytes);
    expect(names()).toEqual(['span 1', 'span 200']);
  });

  test('zeros and rubbish behind the end are passed over', () => {
    file.append(record(1));
    appendFileSync(path, Buffer.alloc(10_000));
    appendFileSync(path, 'rubbish');
    expect(names()).toEqual(['span 1']);
  });

  test('of 2 000 single bytes, each costs one record at most, and none makes one up', () => {
    const random = seeded(7);
    for (let n = 1; n <= 20; n++) file.append(record(n * 10));
    const bytes = readFileSync(path);
    const all = names() ?? [];
    for (let i = 0; i < 2_000; i++) {
      const broken = Buffer.from(bytes);
      const at = Math.floor(random() * bytes.length);
      broken.writeUInt8(broken.readUInt8(at) ^ (1 + Math.floor(random() * 255)), at);
      writeFileSync(path, broken);
      const content = readJournal(path);
      if (!content) continue;
      expect(content.header).toEqual(HEADER);
      expect(content.spans.length).toBeGreaterThanOrEqual(19);
      expect(all).toEqual(expect.arrayContaining(content.spans.map(span => span.name)));
    }
  });

  test.each([
    ['empty', ''],
    ['something else', '{"kind":"journal"}'],
  ])('a file that is %s is none', (_, text) => {
    writeFileSync(path, text);
    expect(readJournal(path)).toBeUndefined();
  });

  test('records that are whole, but say nothing that can be used, are passed over', () => {
    for (const payload of ['null', '[]', '{', '{"kind":"span"}', '{"kind":"part"}', '{"kind":"other"}']) {
      file.append(Buffer.from(payload));
    }
    file.append(record(1, { spanId: '../../../../etc/x' }));
    file.append(record(2, { startTime: [1, Number.NaN] }));
    file.append(record(3));
    expect(names()).toEqual(['span 3']);
  });

  test('a journal of a later version is nobody’s, but whole', () => {
    file.close();
    const header = Buffer.from(JSON.stringify({ kind: 'journal', v: 2, ...HEADER }));
    file = new JournalFile({ path, header, nowMs: () => 0 }, []);
    expect(readJournal(path)?.header).toEqual({ project: '', piped: '', version: '' });
  });
});

test('it is astray once it is removed, renamed, or replaced', () => {
  expect(file.isAstray()).toBe(false);
  renameSync(path, `${path}.other`);
  expect(file.isAstray()).toBe(true);
  renameSync(`${path}.other`, path);
  expect(file.isAstray()).toBe(false);
  writeFileSync(`${path}.other`, '');
  renameSync(`${path}.other`, path);
  expect(file.isAstray()).toBe(true);
  unlinkSync(path);
  expect(file.isAstray()).toBe(true);
});
