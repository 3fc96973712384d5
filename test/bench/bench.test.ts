import { expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { PROFILES } from './profile.ts';
import { allRows } from './rows/index.ts';
import { runBench } from './run.ts';
import { allTables } from './table.ts';

/** One of each kind, and all of ours. */
const ROWS = [
  'gateway/jwt-cached',
  'gateway/jwt-exchanged',
  'gateway/jwt-generated',
  'gateway/spanpass-grpc',
  'gateway/spanpass-http2',
  'gateway/spanpass-http',
  'server/grpc-echo',
  'server/spanpass',
  'wall/node/http2-echo',
  'cold/spanpass',
  'client/credential',
  'spans/durable',
  'spans/spool',
  'imports/@spanpass/client',
  'storm/restart',
  'workers/2-own',
  'memory/1000',
];

await describeWithEngine(['envoy', 'h2load'], 'the bench', () => {
  it('names each row once, in its group', () => {
    const ids = allRows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(ROWS));
  });

  it('runs, whatever it finds', { timeout: 300_000 }, async () => {
    const rows = allRows.filter(({ id }) => ROWS.includes(id));
    const lines: string[] = [];
    const results = await runBench({ rows, profile: PROFILES.smoke, say: line => lines.push(line) });
    const measured = results.groups.flatMap(group => group.rows);
    expect(measured.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    for (const { id, figures, failed } of measured) {
      expect(failed, id).toBeUndefined();
      const values = Object.values(figures).flatMap(({ median, min, max }) => [median, min, max]);
      expect(values.length, id).toBeGreaterThan(0);
      expect(values.every(Number.isFinite), `${id}: ${JSON.stringify(figures)}`).toBe(true);
    }
    const text = allTables(results);
    for (const { label } of rows) expect(text).toContain(`| ${label}`);
    expect(lines.length).toBeGreaterThan(rows.length);
  });
});
