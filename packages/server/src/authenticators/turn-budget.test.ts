import { expect, it } from 'vitest';
import { TurnBudget } from './turn-budget.ts';

function create(maxMs: number) {
  let now = 0;
  const over: (() => void)[] = [];
  const budget = new TurnBudget({ maxMs, clock: () => now, afterTurn: callback => over.push(callback) });
  const spend = (ms: number) =>
    budget.spend({
      now: () => {
        now += ms;
        return ms;
      },
    });
  return { budget, spend, over };
}

it('has time until it is spent, and again in the next turn', () => {
  const { budget, spend, over } = create(1);
  expect(spend(0.6)).toBe(0.6);
  expect(budget.hasTime).toBe(true);
  spend(5);
  expect(budget.hasTime).toBe(false);
  expect(over).toHaveLength(1);
  over[0]?.();
  expect(budget.hasTime).toBe(true);
  spend(0.1);
  expect(over).toHaveLength(2);
});

it('counts what failed, too', () => {
  const { budget } = create(1);
  let now = 0;
  const failing = new TurnBudget({ maxMs: 1, clock: () => (now += 2), afterTurn: () => {} });
  expect(() =>
    failing.spend({
      now: () => {
        throw new RangeError('no');
      },
    }),
  ).toThrow(RangeError);
  expect(failing.hasTime).toBe(false);
  expect(budget.hasTime).toBe(true);
});

it('does what found no time in later turns, in order, as far as each has time', async () => {
  const { budget, spend, over } = create(1);
  const done: number[] = [];
  const later = (ms: number) => budget.later({ now: () => done.push(spend(ms)) });
  const all = [later(0.4), later(0.7), later(2), later(0.1)];
  expect([done, over.length]).toEqual([[], 1]);
  over[0]?.();
  expect([done, over.length]).toEqual([[0.4, 0.7], 2]);
  over[1]?.();
  expect(done).toEqual([0.4, 0.7, 2]);
  over[2]?.();
  expect(await Promise.all(all)).toEqual([1, 2, 3, 4]);
  expect(over).toHaveLength(4);
});

it('rejects with what such work throws, and goes on', async () => {
  const { budget, over } = create(0);
  const failing = budget.whenItHasTime(() => {
    throw new RangeError('no');
  });
  const next = budget.whenItHasTime(() => 'done');
  for (const end of over) end();
  await expect(failing).rejects.toThrow(RangeError);
  expect(await next).toBe('done');
});

it('never has time where none may be spent', () => {
  expect(create(0).budget.hasTime).toBe(false);
});

it('ends its turn by itself', async () => {
  const budget = new TurnBudget({ maxMs: Number.MIN_VALUE });
  budget.spend({ now: () => {} });
  while (!budget.hasTime) await new Promise(resolve => setImmediate(resolve));
});
