import { describe, expect, it } from 'vitest';
import { codeOf, createTestClock, deferred } from '../fixture.test.support.ts';
import { VerificationLanes, type VerificationLimits } from './verification-lanes.ts';

const FORGED = new Error('forged');
const isForged = (error: unknown) => error === FORGED;
const attacker = '198.51.100.7';

function setUp(limits: VerificationLimits = {}) {
  const { now: clock, advance } = createTestClock(0);
  const lanes = new VerificationLanes({ clock, threads: true, ...limits });
  const run = (address: string, kid: string, verify: () => Promise<unknown> = async () => 'verified') =>
    lanes.run({ address, kid }, { now: () => expect.unreachable(), onThread: verify, isForged });
  const forge = async (times: number, { address = attacker, kid = 'victim' } = {}) => {
    for (let time = 0; time < times; time++) await run(address, kid, () => Promise.reject(FORGED)).catch(() => {});
  };
  return { run, forge, advance };
}

describe('forged signatures', () => {
  it('of an address leave it a narrow lane, where who is honest still gets through', async () => {
    const { run, forge } = setUp({ forgedBurst: 5, maxSuspectRunning: 1, maxSuspectWaiting: 1 });
    await forge(5);
    const gate = deferred<string>();
    const [first, second] = [run(attacker, 'a', () => gate.promise), run(attacker, 'b')];
    expect(await codeOf(() => run(attacker, 'c'))).toBe('throttled');
    gate.resolve('verified');
    expect(await Promise.all([first, second])).toEqual(['verified', 'verified']);
    expect(await run(attacker, 'c')).toBe('verified');
  });

  it('cost nobody else anything: no other address, and not the key whose kid they claim', async () => {
    const { run, forge } = setUp({ forgedBurst: 5, freshBurst: 3, maxSuspectRunning: 1, maxSuspectWaiting: 0 });
    await forge(1000);
    const blocked = deferred<string>();
    const busy = run(attacker, 'x', () => blocked.promise);
    const waits = Array.from({ length: 3 }, () => run('192.0.2.1', 'victim'));
    expect(await Promise.all(waits)).toEqual(['verified', 'verified', 'verified']);
    blocked.resolve('verified');
    await busy;
  });

  it('are forgotten with time, and do not count where the signature was right', async () => {
    const { run, forge, advance } = setUp({
      forgedBurst: 2,
      forgedPerSecond: 1,
      maxSuspectRunning: 1,
      maxSuspectWaiting: 0,
    });
    const expired = new Error('expired');
    for (let time = 0; time < 10; time++) await run(attacker, 'k', () => Promise.reject(expired)).catch(() => {});
    await forge(2);
    const gate = deferred<string>();
    const inLane = run(attacker, 'k', () => gate.promise);
    expect(await codeOf(() => run(attacker, 'k'))).toBe('throttled');
    advance(1000);
    expect(await run(attacker, 'k')).toBe('verified');
    gate.resolve('verified');
    await inLane;
  });
});

it('a key that brings new credentials without end is throttled, and no other', async () => {
  const { run, advance } = setUp({ freshBurst: 3, freshPerSecond: 1 });
  for (let time = 0; time < 3; time++) await run('192.0.2.1', 'busy');
  expect(await codeOf(() => run('192.0.2.2', 'busy'))).toBe('throttled');
  expect(await run('192.0.2.1', 'other')).toBe('verified');
  advance(1000);
  expect(await run('192.0.2.1', 'busy')).toBe('verified');
});

it('a site whose pipeds all come at once is not taken for an attacker', async () => {
  const { run, forge } = setUp({ forgedBurst: 40, maxSuspectRunning: 1, maxSuspectWaiting: 0 });
  await forge(5, { address: '192.0.2.1' });
  const site = Array.from({ length: 500 }, (_, at) => run('192.0.2.1', `piped-${at}`));
  expect(new Set(await Promise.all(site))).toEqual(new Set(['verified']));
});

it('of forgeries that all come at once no more are trusted than of those that come in turn', async () => {
  const { run } = setUp({ forgedBurst: 40, maxSuspectRunning: 1, maxSuspectWaiting: 1 });
  const gate = deferred<string>();
  let verified = 0;
  const forged = async () => {
    verified++;
    await gate.promise;
    throw FORGED;
  };
  const flood = Array.from({ length: 500 }, () => run(attacker, 'victim', forged).catch(error => error.code));
  gate.resolve('now');
  expect((await Promise.all(flood)).filter(code => code === 'throttled')).toHaveLength(500 - verified);
  // The 40 that are trusted, and those for whom the narrow lane was free meanwhile.
  expect(verified).toBeLessThan(100);
});

describe('without threads', () => {
  it('what found no time is verified on this one, in a later turn', async () => {
    const lanes = new VerificationLanes({ threads: false, maxTurnMs: 0 });
    let verified = 0;
    const verification = { now: () => ++verified, onThread: () => expect.unreachable(), isForged };
    expect(lanes.runNow({ address: attacker, kid: 'k' }, verification)).toBeUndefined();
    const waiting = Promise.all([1, 2, 3].map(() => lanes.run({ address: attacker, kid: 'k' }, verification)));
    expect(verified).toBe(0);
    expect(await waiting).toEqual([1, 2, 3]);
    expect(await lanes.laterTurn(() => 'called')).toBe('called');
  });

  it('there is a later turn to wait for only then', () => {
    expect(new VerificationLanes({ threads: true }).laterTurn(() => expect.unreachable())).toBeUndefined();
  });
});
