import { expect, it } from 'vitest';
import { requireOwnBackends } from './pooling.ts';

const born = '2026-01-01 00:00:00.000001+00';
const session =
  (...pids: number[]) =>
  async () => ({ pid: pids.length > 1 ? pids.shift() : pids[0], backend_start: born });
const refused = expect.objectContaining({ code: 'database_pooled' });

it('lets two sessions pass that have a backend each', async () => {
  await requireOwnBackends(session(7), session(8));
});

it('lets backends pass that have the same number on two machines', async () => {
  await requireOwnBackends(session(7), async () => ({ pid: 7, backend_start: '2026-01-01 00:00:00.000002+00' }));
});

it.each([
  ['at once', session(7), session(7)],
  ['when others were lent first', session(7, 9, 7), session(8, 10, 7)],
])('refuses two sessions that were lent the same backend, %s', async (_, one, other) => {
  await expect(requireOwnBackends(one, other)).rejects.toEqual(refused);
});
