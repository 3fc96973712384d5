import { describe, expect, it } from 'vitest';
import { callerOf, RateBound } from './rate-bound.ts';

describe('RateBound', () => {
  const setup = (maxCallers?: number) => {
    const clock = { now: 0 };
    const options = { burst: 2, perSecond: 0.5, clock: () => clock.now };
    return { clock, bound: new RateBound({ ...options, ...(maxCallers && { maxCallers }) }) };
  };

  it('lets a burst through, then one at a time', () => {
    const { clock, bound } = setup();
    expect([bound.take('a'), bound.take('a'), bound.take('a')]).toEqual([0, 0, 2]);
    clock.now += 1000;
    expect(bound.take('a')).toBe(1);
    clock.now += 1000;
    expect([bound.take('a'), bound.take('a')]).toEqual([0, 2]);
  });

  it('never saves up more than a burst', () => {
    const { clock, bound } = setup();
    bound.take('a');
    clock.now += 1_000_000;
    expect([bound.take('a'), bound.take('a'), bound.take('a')]).toEqual([0, 0, 2]);
  });

  it('counts callers apart', () => {
    const { bound } = setup();
    expect([bound.take('a'), bound.take('a'), bound.take('b')]).toEqual([0, 0, 0]);
  });

  it('forgets the one not heard of for longest', () => {
    const { bound } = setup(2);
    bound.take('a');
    bound.take('a');
    bound.take('b');
    bound.take('a');
    bound.take('c');
    expect(bound.take('a')).toBeGreaterThan(0);
    expect(bound.take('b')).toBe(0);
  });

  it('is not fooled by a clock that goes back', () => {
    const { clock, bound } = setup();
    bound.take('a');
    bound.take('a');
    clock.now -= 10_000;
    expect(bound.take('a')).toBe(2);
  });

  it('takes the addresses that one IPv6 host may choose from for one caller', () => {
    expect(callerOf('2001:db8:1:2:3:4:5:6')).toBe(callerOf('2001:db8:1:2:ffff::1'));
    expect(callerOf('2001:db8:1:2:3:4:5:6')).not.toBe(callerOf('2001:db8:1:3:3:4:5:6'));
    expect(callerOf('192.0.2.1')).toBe('192.0.2.1');
    expect(callerOf('::ffff:192.0.2.1')).not.toBe(callerOf('::ffff:192.0.2.2'));
  });
});
