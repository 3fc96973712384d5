import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSnapshotKeys } from '@spanpass/credential';
import { afterEach } from 'vitest';
import { ControlPlaneKeys, type ControlPlaneKeysOptions } from '../control-plane-keys.ts';
import { snapshotSigner } from '../fake-control-plane.test.support.ts';
import { createLiveKeys, one, other, until } from '../live-keys.test.support.ts';
import type { SnapshotEvent } from './snapshot-event.ts';

export const snapshotKeys = await parseSnapshotKeys({ keys: [snapshotSigner.publicJwk] });

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function snapshotPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spanpass-snapshot-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'keys.snapshot');
}

/** Reasons, or what went well, in their order. */
export function storyOf(events: readonly SnapshotEvent[]): string[] {
  return events.map(event => ('reason' in event ? `${event.kind} ${event.reason}` : event.kind));
}

/** Live keys that have both pipeds' records at hand and a snapshot of them on disk, and what comes after them. */
export async function createKept(options: Partial<ControlPlaneKeysOptions> = {}) {
  const file = await snapshotPath();
  const events: SnapshotEvent[] = [];
  const settings = { snapshotFile: file, snapshotKeys, snapshotEveryMs: 500, maxStaleMs: 900_000 };
  const subject = await createLiveKeys({ ...settings, onSnapshot: event => events.push(event), ...options });
  const { controlPlane, keys, get, clock } = subject;
  for (const { kid } of [one, other]) await get(kid);
  /** Lets the next snapshot be asked for. */
  const renew = async () => {
    const told = events.length;
    clock.advance(600);
    await until(() => events.length > told);
  };
  await renew();
  // At a first start there is none.
  if (storyOf(events.splice(0, 1))[0] !== 'not-loaded missing') throw new Error('not a first start');

  /** The next process: by default, one that finds no control plane. */
  const restart = async (more: Partial<ControlPlaneKeysOptions> = {}, advanceMs = 0) => {
    await keys[Symbol.asyncDispose]();
    clock.advance(advanceMs);
    const restarted: SnapshotEvent[] = [];
    const next = new ControlPlaneKeys({
      ...settings,
      url: 'http://127.0.0.1:9',
      token: controlPlane.token,
      monotonicNow: clock.now,
      now: clock.now,
      random: () => 0,
      onSnapshot: event => restarted.push(event),
      ...more,
    });
    cleanups.push(() => next[Symbol.asyncDispose]());
    next.start();
    await until(() => restarted.length > 0);
    const ask = async (kid: string) => next.get(kid, { signal: AbortSignal.timeout(5000), peerAddress: '192.0.2.1' });
    return { keys: next, get: ask, events: restarted };
  };
  return {
    ...subject,
    file,
    events,
    renew,
    restart,
    read: (name = file) => readFile(name),
    write: (bytes: string | Buffer, name = file) => writeFile(name, bytes),
  };
}
