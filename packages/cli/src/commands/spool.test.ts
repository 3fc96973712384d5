import { join } from 'node:path';
import { DeadLetters, Spool } from '@spanpass/tracing/durable';
import { expect, it } from 'vitest';
import { cli, dir, ok } from './commands.test.helper.ts';

const letter = {
  id: '',
  kind: 'logs',
  items: 2,
  bytes: 3,
  appendedAtMs: 1_000,
  refusedAtMs: 2_000,
  reason: 'HTTP 400',
  message: 'malformed',
} as const;

it('lists what is pending and what was dropped, for each signal', async () => {
  const folder = join(dir, 'spool');
  const spool = new Spool({ folder });
  spool.append('traces', Buffer.from('one'), 3);
  spool.append('traces', Buffer.from('two'), 4);
  spool.append('metrics', Buffer.from('three'), 1);
  spool.countDrop('too_large', 'logs', 5);
  await spool.close();

  const { pending, drops, deadLetters } = JSON.parse(await ok(['spool', 'list', '--spool', folder, '--json']));
  expect(pending).toHaveLength(2);
  expect(pending).toContainEqual(expect.objectContaining({ signal: 'traces', records: 2, items: 7 }));
  expect(pending).toContainEqual(expect.objectContaining({ signal: 'metrics', records: 1, items: 1 }));
  expect(drops).toEqual([{ signal: 'logs', reason: 'too_large', items: 5 }]);
  expect(deadLetters).toEqual([]);
  expect(await ok(['spool', 'list', '--spool', folder])).toContain('There are no dead letters.\n');
});

it('shows a dead letter, and says so if there is none', async () => {
  const folder = join(dir, 'spool');
  await using _spool = new Spool({ folder });
  const id = 'ab-1';
  await new DeadLetters(folder).add({ ...letter, id }, Buffer.from([255, 255, 255]));

  const shown = JSON.parse(await ok(['spool', 'show', id, '--spool', folder, '--json']));
  expect(shown.letter).toMatchObject({ id, reason: 'HTTP 400', message: 'malformed' });
  expect(shown.summary.kind).toBe('unreadable');
  expect(await cli(['spool', 'show', 'none', '--spool', folder])).toMatchObject({
    code: 1,
    err: `spanpass: no dead letter 'none' in ${folder} (see: spanpass spool list)\n`,
  });
});

it('puts dead letters back into the spool, and names those that it could not', async () => {
  const folder = join(dir, 'spool');
  await new Spool({ folder }).close();
  const letters = new DeadLetters(folder);
  await letters.add({ ...letter, id: 'ab-1' }, Buffer.from('abc'));

  expect(await cli(['spool', 'resend', 'ab-1', 'ab-2', '--spool', folder])).toEqual({
    code: 1,
    out: '1 put back into the spool.\n',
    err: 'spanpass: not found, or refused by the spool: ab-2\n',
  });
  expect(await letters.list()).toEqual([]);
  const { pending } = JSON.parse(await ok(['spool', 'list', '--spool', folder, '--json']));
  expect(pending).toMatchObject([{ signal: 'logs', records: 1, items: 2 }]);
});

it('does not take a folder that is not there for an empty spool', async () => {
  const folder = join(dir, 'mistyped');
  for (const call of [['list'], ['show', 'ab-1'], ['resend']]) {
    const err = `spanpass: there is no spool folder ${folder}\n`;
    expect(await cli(['spool', ...call, '--spool', folder])).toEqual({ code: 1, out: '', err });
  }
});

it('puts them back without dropping what waits there beyond the usual bounds', async () => {
  const folder = join(dir, 'spool');
  const longAgo = Date.now() - 30 * 24 * 3_600_000;
  const clock = { now: () => longAgo, monotonicMs: () => performance.now(), after: () => () => {} };
  {
    await using spool = new Spool({ folder, clock, maxAgeMs: 365 * 24 * 3_600_000 });
    spool.append('traces', Buffer.from('old'), 3);
  }
  const letters = new DeadLetters(folder);
  await letters.add({ ...letter, id: 'ab-1' }, Buffer.alloc(10 * 1024 * 1024));
  expect(await ok(['spool', 'resend', '--spool', folder])).toBe('1 put back into the spool.\n');
  const { pending, drops } = JSON.parse(await ok(['spool', 'list', '--spool', folder, '--json']));
  expect(drops).toEqual([]);
  expect(pending).toContainEqual(expect.objectContaining({ signal: 'traces', items: 3 }));
  expect(pending).toContainEqual(expect.objectContaining({ signal: 'logs', items: 2 }));
});
