import { afterEach, expect, vi } from 'vitest';
import { createPiped, createTestClock, type TestPiped } from '../fixture.test.support.ts';
import { ControlPlaneKeys, type ControlPlaneKeysOptions } from './control-plane-keys.ts';
import { startFakeControlPlane } from './fake-control-plane.test.support.ts';

/** Two pipeds whose keys every control plane here knows. */
export const one: TestPiped = await createPiped();
export const other: TestPiped = await createPiped({ piped: 'edge-2' });

const open: AsyncDisposable[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const disposable of open.splice(0).reverse()) await disposable[Symbol.asyncDispose]();
});

/** Keys that do not follow the feed yet. Time is the test's, the network is real. */
export async function createKeys(options: Partial<ControlPlaneKeysOptions> = {}) {
  const controlPlane = await startFakeControlPlane();
  const clock = createTestClock(0);
  const problems: string[] = [];
  const failures: unknown[] = [];
  controlPlane.snapshotNow = clock.now;
  const keys = new ControlPlaneKeys({
    url: controlPlane.url,
    token: controlPlane.token,
    monotonicNow: clock.now,
    now: clock.now,
    random: () => 0,
    onFeedProblem: ({ code, detail }) => problems.push(detail === undefined ? code : `${code} ${detail}`),
    onLookupFailure: error => failures.push(error),
    ...options,
  });
  open.push(controlPlane, keys);
  const get = async (kid: string, peerAddress = '192.0.2.1') =>
    keys.get(kid, { signal: AbortSignal.timeout(5000), peerAddress });
  return { controlPlane, clock, keys, get, problems, failures };
}

/** Keys whose feed is live. */
export async function createLiveKeys(options: Partial<ControlPlaneKeysOptions> = {}) {
  const subject = await createKeys(options);
  subject.controlPlane.put(one.record);
  subject.controlPlane.put(other.record);
  subject.keys.start();
  await until(() => subject.keys.freshness === 'live');
  return subject;
}

export function until(condition: () => boolean) {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5000, interval: 5 });
}
