import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, test, vi } from 'vitest';
import { deploymentInfo, harness, RecordingExporter } from '../harness.test.helper.ts';
import { createDeploymentTracing } from '../tracing.ts';
import { bench } from './testing/each-bench.ts';
import { eventsOf, forever, inTheMiddle, listen, MINUTE, STAGE, times } from './testing/interrupted-piped.ts';
import { ownersIn, pronounceDead } from './testing/journal-bench.ts';

describe('a folder that processes share', () => {
  test('the journal of one that lives is not taken', async () => {
    const first = await inTheMiddle(bench);
    const second = bench.open();
    expect(second.tracing.recover()).toEqual([]);
    expect(second.exporter.spans).toEqual([]);
    first.deployment.end('success');
    expect(first.exporter.named('Deploy').status.code).toBe(SpanStatusCode.OK);
  });

  test.each([{ piped: 'edge-2' }, { project: 'other' }])('nor that of %j', async other => {
    await inTheMiddle(bench);
    const stranger = bench.restart(other);
    expect(stranger.tracing.recover()).toEqual([]);
    stranger.tracing.resume(deploymentInfo()).end();
    expect(stranger.exporter.spans.map(span => span.name)).toEqual(['Deploy']);
    expect(bench.open().tracing.recover()).toHaveLength(1);
  });

  test('of two that start at once, one gets it', async () => {
    await inTheMiddle(bench);
    bench.kill();
    const both = [bench.open(), bench.open()];
    const found = both.flatMap(({ tracing }) => tracing.recover());
    expect(found).toHaveLength(1);
    found[0]?.end('success');
    expect(both.flatMap(({ exporter }) => exporter.spans)).toHaveLength(4);
  });

  test('what a process holds that can’t be told dead yet is taken up from what it wrote, and not again afterwards', async () => {
    await inTheMiddle(bench);
    const [first = ''] = ownersIn(bench.folder);
    vi.useFakeTimers();
    const second = bench.open({ graceMs: 0 });
    bench.clock.nowMs += MINUTE;
    second.tracing.resume(deploymentInfo()).end('success');
    expect(times(second.exporter.named('Deploy'))).toEqual([0, 2 * MINUTE]);
    expect(second.exporter.attributesOf('Deploy')).toMatchObject({ 'git.commit': 'abc' });
    expect(second.exporter.spans).toHaveLength(1);
    pronounceDead(bench.folder, first);
    vi.advanceTimersByTime(10_000);
    const later = second.exporter.spans.slice(1).map(span => span.name);
    expect(later).toEqual(['wait for pods', 'apply', STAGE.name]);
  });
});

describe('a clock that is set back', () => {
  test('nothing ends before it began, and the last write counts, not the latest time', async () => {
    const { tracing } = bench.open();
    const deployment = tracing.start(deploymentInfo());
    bench.clock.nowMs += 10 * MINUTE;
    void deployment.stage(STAGE, forever);
    bench.clock.nowMs -= 9 * MINUTE;
    void deployment.stage({ id: 's-2', name: 'LATER' }, forever);
    bench.clock.nowMs -= MINUTE * 30;
    const next = bench.restart();
    expect(times(next.exporter.named(STAGE.name))).toEqual([10 * MINUTE, 10 * MINUTE]);
    expect(eventsOf(next.exporter.named(STAGE.name))).toEqual([['deployment.interrupted', 10 * MINUTE]]);
    expect(times(next.exporter.named('LATER'))).toEqual([MINUTE, MINUTE]);
    const lines = listen();
    next.tracing.resume(deploymentInfo()).end('success');
    expect(times(next.exporter.named('Deploy'))).toEqual([0, 0]);
    expect(lines.filter(line => !line.includes('Inconsistent start and end time'))).toEqual([]);
  });
});

describe('a journal that can’t be read', () => {
  const leave = (file: string, text: string) => writeFileSync(join(bench.folder, file), text);

  test('is put aside, and said', () => {
    bench.open();
    const lines = listen();
    leave('0123456789abcdef.0123456789abcdef.journal', 'no journal');
    const { tracing } = bench.open();
    expect(tracing.recover()).toEqual([]);
    expect(bench.files()).toContain('0123456789abcdef.0123456789abcdef.journal.damaged');
    expect(lines).toEqual([
      '@spanpass/tracing 0123456789abcdef.0123456789abcdef.journal holds no readable journal: what it may have held is lost',
    ]);
  });

  test('a folder that can’t be used: the deployment goes on, and it is said', async () => {
    bench.open();
    leave('file', '');
    const lines = listen();
    const { tracing, exporter } = harness({ journal: { folder: `${bench.folder}/file/journals` } });
    await tracing.start(deploymentInfo()).run(d => d.stage(STAGE, () => {}));
    expect(exporter.spans).toHaveLength(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('there is no journal of open spans, those of a killed process will be lost');
  });
});

test('without a journal, nothing is recovered, and nothing is written', async () => {
  const { tracing } = harness();
  expect(tracing.recover(() => expect.fail('nothing to decide'))).toEqual([]);
});

test.each([
  ['no folder', { folder: '' }, 'journal.folder must be a path'],
  ['too few bytes', { folder: '/x', maxBytes: 100 }, 'journal.maxBytes must be a whole number from 65536'],
  ['half a byte', { folder: '/x', maxBytes: 100_000.5 }, 'journal.maxBytes must be'],
  ['no number', { folder: '/x', graceMs: Number.NaN }, 'journal.graceMs must be at least 0'],
  ['a grace that is over', { folder: '/x', graceMs: -1 }, 'journal.graceMs must be at least 0'],
])('options with %s are refused', (_, journal, message) => {
  const exporter = new RecordingExporter();
  const make = () => createDeploymentTracing({ project: 'p', piped: 'd', version: '1', exporter, journal });
  expect(make).toThrow(TypeError);
  expect(make).toThrow(message);
});
