import { setTimeout as sleep } from 'node:timers/promises';
import type { Profile } from './profile.ts';
import type { RunningPiped } from './running-piped.ts';
import { PART_NAMES, type PartName, type Stack } from './stack.ts';

export interface Fault {
  readonly name: string;
  /** Two faults that touch the same things don't go together. */
  readonly touches: readonly string[];
  /** Does harm, and mends it. */
  run(): Promise<void>;
}

const TEN_MINUTES_MS = 600_000;
const SLOW_ANSWER_MS = 1_500;

export function faultsOf(stack: Stack, pipeds: readonly RunningPiped[], { outageMs, freezeMs }: Profile): Fault[] {
  const mortal = pipeds.filter(({ isBounded }) => !isBounded);
  const stored = pipeds.filter(({ exporter }) => exporter !== 'stock');
  const harmed = (
    fault: Omit<Fault, 'run'>,
    harm: () => Promise<unknown>,
    mend: () => Promise<unknown>,
    ms = outageMs,
  ) => ({
    ...fault,
    async run() {
      await harm();
      await sleep(ms);
      await mend();
    },
  });
  const kill = (name: PartName) => {
    const part = stack.parts[name];
    return harmed(
      { name: `kill ${name}`, touches: [name] },
      () => part.kill(),
      () => part.start(),
    );
  };
  const freeze = (name: PartName) => {
    const { signal } = stack.parts[name];
    const send = (what: 'SIGSTOP' | 'SIGCONT') => async () => signal(what);
    return harmed({ name: `freeze ${name}`, touches: [name] }, send('SIGSTOP'), send('SIGCONT'), freezeMs);
  };
  const all =
    (act: (piped: RunningPiped) => Promise<unknown>, of = pipeds) =>
    () =>
      Promise.all(of.map(act));
  const clock = (name: string, ms: number) =>
    harmed(
      { name, touches: ['clock', 'pipeds', 'keys'] },
      all(piped => piped.setClockOff(ms)),
      all(piped => piped.setClockOff(0)),
    );
  const slow = (ms: number) => async () => {
    for (const way of stack.waysToAuth) way.delayMs = ms;
  };
  return [
    ...PART_NAMES.map(kill),
    ...PART_NAMES.map(freeze),
    harmed({ name: 'slow auth servers', touches: ['auth-1', 'auth-2'] }, slow(SLOW_ANSWER_MS), slow(0)),
    harmed(
      { name: 'full disk', touches: ['disk', 'pipeds', 'sidecars'] },
      all(piped => piped.fillDisk(true), stored),
      all(piped => piped.fillDisk(false), stored),
    ),
    {
      name: 'renew and revoke keys',
      touches: ['keys', 'clock', 'control-plane', 'postgres'],
      async run() {
        const old = await Promise.all(pipeds.map(piped => piped.renewKey()));
        await Promise.all(old.map(kid => stack.admin.revoke(kid)));
        await sleep(outageMs);
      },
    },
    harmed(
      { name: 'kill sidecars', touches: ['sidecars', 'disk'] },
      all(async piped => piped.sidecar?.kill()),
      all(async piped => piped.sidecar?.start()),
    ),
    harmed(
      { name: 'freeze sidecars', touches: ['sidecars', 'disk'] },
      all(async piped => piped.sidecar?.signal('SIGSTOP')),
      all(async piped => piped.sidecar?.signal('SIGCONT')),
      freezeMs,
    ),
    harmed(
      { name: 'freeze pipeds', touches: ['pipeds', 'disk', 'clock'] },
      all(async piped => piped.signal('SIGSTOP')),
      all(async piped => piped.signal('SIGCONT')),
      freezeMs,
    ),
    clock('clock 10 min ahead', TEN_MINUTES_MS),
    clock('clock 10 min behind', -TEN_MINUTES_MS),
    harmed(
      { name: 'kill pipeds', touches: ['pipeds', 'disk', 'clock'] },
      all(piped => piped.kill(), mortal),
      all(piped => piped.start(), mortal),
    ),
  ];
}

/** Some pairs of faults that can go together, as chance will have it. */
export function pairsOf(faults: readonly Fault[], count: number, random: () => number): Fault[] {
  const pairs: Fault[] = [];
  while (pairs.length < count) {
    const pick = () => faults[Math.floor(random() * faults.length)];
    const [one, other] = [pick(), pick()];
    if (!one || !other || one.touches.some(thing => other.touches.includes(thing))) continue;
    if (pairs.some(({ name }) => name.includes(one.name) && name.includes(other.name))) continue;
    pairs.push({
      name: `${one.name} + ${other.name}`,
      touches: [...one.touches, ...other.touches],
      async run() {
        await Promise.all([one.run(), other.run()]);
      },
    });
  }
  return pairs;
}

/** In another order each time that the seed is another. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map(value => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
