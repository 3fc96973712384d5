import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LineBudget } from './line-budget.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('tells of what was left out when nothing else of its kind comes, and once only', () => {
  const told: [string, number][] = [];
  const budget = new LineBudget<string>({ maxPerSecond: 2, now: Date.now }, (key, lines) => told.push([key, lines]));
  expect([1, 2, 3, 4].map(() => budget.take('a'))).toEqual([0, 0, undefined, undefined]);
  expect(budget.take('b')).toBe(0);
  vi.advanceTimersByTime(999);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(2000);
  expect(told).toEqual([['a', 2]]);
  expect(budget.take('a')).toBe(0);
});

it('leaves the count to the next line where there is one', () => {
  const told: unknown[] = [];
  const budget = new LineBudget<string>({ maxPerSecond: 1, now: Date.now }, (...line) => told.push(line));
  vi.setSystemTime(500);
  expect([budget.take('a'), budget.take('a')]).toEqual([0, undefined]);
  vi.setSystemTime(1000);
  expect(budget.take('a')).toBe(1);
  vi.advanceTimersByTime(5000);
  expect(told).toEqual([]);
});
