import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { SnapshotEvent } from '../keys/snapshot/snapshot-event.ts';
import { keyLog } from './key-log.ts';

const LEVELS: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn' };

describe('the log of snapshots', () => {
  it('tells the first of a row that go alike, louder where something is wrong', () => {
    const lines: string[] = [];
    const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
    const { onSnapshot } = keyLog(logger);
    const kept: SnapshotEvent = { kind: 'kept', revision: 7, records: 2 };
    const refused: SnapshotEvent = { kind: 'not-kept', reason: 'refused', detail: '503' };
    for (const event of [
      { kind: 'not-loaded', reason: 'missing' } as const,
      kept,
      kept,
      refused,
      refused,
      { kind: 'not-kept', reason: 'key_not_pinned' } as const,
      kept,
    ]) {
      onSnapshot(event);
    }
    const told = lines.map(line => JSON.parse(line));
    expect(told.map(({ level }) => LEVELS[level])).toEqual(['info', 'info', 'debug', 'warn', 'debug', 'warn', 'info']);
    expect(told[3]).toMatchObject({ msg: 'key snapshot', snapshot: refused });
  });
});
