import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { Owners } from './owners.ts';

const OTHER = '0123456789abcdef';

let scratch: ReturnType<typeof scratchFolder>;
let clock: FakeClock;
let owners: Owners;

beforeEach(() => {
  scratch = scratchFolder();
  clock = new FakeClock();
  owners = new Owners(scratch.path, clock);
});
afterEach(() => scratch[Symbol.dispose]());

function writeOther(text: string, seconds = 1): void {
  const path = join(scratch.path, `${OTHER}.owner`);
  writeFileSync(path, text);
  utimesSync(path, seconds, seconds);
}

it('an owner without a file is dead, this one never is', () => {
  expect(owners.isDead(OTHER)).toBe(true);
  owners.resign();
  expect(owners.isDead(owners.id)).toBe(false);
});

it.each([
  ['of another container', JSON.stringify({ pid: 1, host: 'h', startTicks: '1', pidNamespace: 'x', bootId: 'y' })],
  ['whose file was torn', ''],
])('an owner %s is dead when it gives no sign of life for 30 s, by this clock', (_, text) => {
  writeOther(text);
  expect(owners.isDead(OTHER)).toBe(false);
  clock.advance(29_999);
  clock.jump(3_600_000);
  expect(owners.isDead(OTHER)).toBe(false);
  writeOther(text, 2);
  expect(owners.isDead(OTHER)).toBe(false);
  clock.advance(29_999);
  expect(owners.isDead(OTHER)).toBe(false);
  clock.advance(1);
  expect(owners.isDead(OTHER)).toBe(true);
});

it('gives a sign of life each 5 s', () => {
  const path = join(scratch.path, `${owners.id}.owner`);
  utimesSync(path, 1, 1);
  clock.advance(4_999);
  owners.beat();
  expect(statSync(path).mtimeMs).toBe(1_000);
  clock.advance(1);
  owners.beat();
  expect(statSync(path).mtimeMs).toBeGreaterThan(1_000);
});
