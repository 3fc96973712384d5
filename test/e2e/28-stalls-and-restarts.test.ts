import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { passFor } from '../harness/passes.ts';
import { startPostgres } from '../harness/postgres.ts';
import type { RunningProcess } from '../harness/process.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { type Fleet, type FleetServer, startFleet } from './fleet.ts';

const MAX_STALE_MS = 7_000;

await describeWithEngine(['postgres'], 'what stands still, and what comes back', engines => {
  const stage = new Stage();
  let databaseUrl: string;
  let fleet: Fleet;
  let controlPlane: RunningProcess;
  let server: FleetServer;
  let lasting: EnrolledPiped;
  let enrolled = 0;

  beforeAll(async () => {
    databaseUrl = (await startPostgres(stage, engines.postgres)).url;
    fleet = await startFleet(stage, { databaseUrl, settings: () => [{ maxStaleMs: MAX_STALE_MS }] });
    controlPlane = fleet.controlPlane;
    server = fleet.servers[0] as FleetServer;
    lasting = await newPiped();
  });
  afterAll(() => stage.dispose());

  const newPiped = () => fleet.admin.enroll('shop', `piped-${++enrolled}`);
  const check = async (piped: EnrolledPiped) => server.client.check(await passFor(piped.keyFile));

  it('an auth server that was stopped applies what it missed before it answers', { timeout: 120_000 }, async () => {
    for (const stopMs of [1_300, 2_500, 4_000]) {
      const piped = await newPiped();
      const pass = await passFor(piped.keyFile);
      expect(await server.client.check(pass)).toBe('allowed');
      server.process.signal('SIGSTOP');
      await sleep(100);
      await fleet.admin.revoke(piped.keyFile.kid);
      // They lie in its socket when it goes on, beside the news.
      const early = Array.from({ length: 5 }, () => server.client.check(pass));
      await sleep(stopMs);
      const others = Array.from({ length: 5 }, () => server.client.check(pass));
      server.process.signal('SIGCONT');
      const late = await Promise.all(Array.from({ length: 20 }, () => server.client.check(pass)));
      const answers = [...(await Promise.all([...early, ...others])), ...late];
      expect([stopMs, [...new Set(answers)]]).toEqual([stopMs, ['key_revoked']]);
      expect(await check(lasting)).toBe('allowed');
    }
  });

  it('a control plane that stands still is lost: known keys serve for maxStale, then 503', {
    timeout: 120_000,
  }, async () => {
    const unknown = await newPiped();
    expect(await check(lasting)).toBe('allowed');
    controlPlane.signal('SIGSTOP');
    const stoppedAt = performance.now();
    await sleep(4_000);
    expect(await check(lasting)).toBe('allowed');
    expect(await check(unknown)).toBe('key_source_unavailable');
    await sleep(Math.max(0, MAX_STALE_MS + 500 - (performance.now() - stoppedAt)));
    for (const piped of [lasting, unknown]) expect(await check(piped)).toBe('key_source_unavailable');
    expect(await server.client.health()).toBe('2');
    controlPlane.signal('SIGCONT');
    await waitFor('the feed', async () => (await check(unknown)) === 'allowed', 20_000);
    expect(await check(lasting)).toBe('allowed');
  });

  it('a control plane that was killed is followed again from where it was', { timeout: 120_000 }, async () => {
    const piped = await newPiped();
    expect(await check(piped)).toBe('allowed');
    await controlPlane.stop('SIGKILL');
    expect([await check(piped), await check(lasting)]).toEqual(['allowed', 'allowed']);
    // The new one knows it before the server has found the new one.
    server.way.cut();
    controlPlane = await fleet.restartControlPlane();
    await fleet.admin.revoke(piped.keyFile.kid);
    server.way.mend();
    await waitFor('the backlog', async () => (await check(piped)) === 'key_revoked', 10_000);
    expect(await check(lasting)).toBe('allowed');
  });

  it('a server whose place in the feed was compacted away asks for everything anew', { timeout: 120_000 }, async () => {
    const piped = await newPiped();
    expect(await check(piped)).toBe('allowed');
    server.way.cut();
    await fleet.admin.revoke(piped.keyFile.kid);
    await newPiped();
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query('delete from changes');
    await client.end();
    server.way.mend();
    await waitFor('the reset', async () => (await check(piped)) === 'key_revoked', 10_000);
    expect(await check(lasting)).toBe('allowed');
  });
});
