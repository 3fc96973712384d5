import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { passFor } from '../harness/passes.ts';
import { startPostgres } from '../harness/postgres.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { adminToken, type Fleet, type FleetServer, startFleet } from './fleet.ts';

await describeWithEngine(['postgres'], 'an auth server that starts while the control plane is down', engines => {
  const stage = new Stage();
  let fleet: Fleet;
  let server: FleetServer;
  let snapshotFile: string;
  let snapshotKeysFile: string;
  let good: EnrolledPiped;
  let bad: EnrolledPiped;
  let late: EnrolledPiped;

  beforeAll(async () => {
    const { url } = await startPostgres(stage, engines.postgres);
    fleet = await startFleet(stage, {
      databaseUrl: url,
      settings: async (folder, controlPlaneUrl) => {
        snapshotKeysFile = join(folder, 'snapshot-keys.json');
        await writeFile(snapshotKeysFile, await snapshotKey(controlPlaneUrl));
        snapshotFile = join(folder, 'keys.snapshot');
        return [{ snapshotFile, snapshotKeysFile, snapshotEveryMs: 1000, logLevel: 'debug' }];
      },
    });
    server = fleet.servers[0] as FleetServer;
    good = await fleet.admin.enroll('shop', 'piped-good');
    bad = await fleet.admin.enroll('shop', 'piped-bad');
    late = await fleet.admin.enroll('shop', 'piped-late');
  });
  afterAll(() => stage.dispose());

  async function snapshotKey(controlPlaneUrl: string, ...more: string[]): Promise<string> {
    const env = { ...process.env, SPANPASS_ADMIN_TOKEN: adminToken };
    const args = [spanpassCommand, 'control-plane', 'snapshot-key', '--control-plane', controlPlaneUrl, ...more];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return stdout;
  }

  const check = async (piped: EnrolledPiped) => server.client.check(await passFor(piped.keyFile));
  const kept = () => server.process.output().match(/"kind":"kept"/g)?.length ?? 0;
  const untilKept = async () => {
    const before = kept();
    // One may have been on its way; the next one was asked for after this.
    await waitFor('a snapshot', () => kept() >= before + 2, 30_000);
  };

  it('keeps a snapshot of what it has at hand, for its owner alone', async () => {
    expect([await check(good), await check(bad)]).toEqual(['allowed', 'allowed']);
    await untilKept();
    const text = await readFile(snapshotFile, 'latin1');
    for (const { keyFile } of [good, bad]) expect(text).toContain(keyFile.kid);
    expect(text).not.toContain(late.keyFile.kid);
  });

  it('answers from it, and takes back nothing that it has known', { timeout: 120_000 }, async () => {
    await fleet.admin.revoke(bad.keyFile.kid);
    await waitFor('the revocation', async () => (await check(bad)) === 'key_revoked');
    await fleet.controlPlane.stop('SIGKILL');
    await server.process.stop('SIGKILL');
    server = await server.restart();
    expect(server.process.output()).toContain('"kind":"loaded"');
    expect(await check(good)).toBe('allowed');
    for (const piped of [bad, late]) expect(await check(piped)).toBe('key_source_unavailable');
  });

  it('goes on from there as soon as the control plane is back', { timeout: 120_000 }, async () => {
    const controlPlane = await fleet.restartControlPlane();
    await waitFor('the feed', async () => (await check(late)) === 'allowed', 30_000);
    expect([await check(good), await check(bad)]).toEqual(['allowed', 'key_revoked']);
    await untilKept();
    await controlPlane.stop('SIGKILL');
  });

  it('answers nothing from one that was tampered with, and says why', { timeout: 120_000 }, async () => {
    await server.process.stop('SIGKILL');
    const text = await readFile(snapshotFile, 'latin1');
    expect(text).toContain('"keyStatus":"active"');
    await writeFile(snapshotFile, text.replace('"scopes":["traces"', '"scopes":["traces","logs"'), 'latin1');
    const restarted = server.restart();
    restarted.catch(() => {});
    // It is not ready, so starting it does not end; it answers all the same.
    await waitFor('an answer', async () => (await check(good)) !== 'status 14', 30_000);
    expect([await check(good), await check(bad)]).toEqual(['key_source_unavailable', 'key_source_unavailable']);
    await fleet.restartControlPlane();
    server = await restarted;
    expect(server.process.output()).toContain('"kind":"not-loaded","reason":"body_mismatch"');
    expect([await check(good), await check(bad)]).toEqual(['allowed', 'key_revoked']);
  });

  it('takes no snapshot by a key that was not pinned yet, and one by it once it is', { timeout: 120_000 }, async () => {
    await untilKept();
    const shown = await snapshotKey(fleet.controlPlaneUrl, '--rotate', '0');
    expect(JSON.parse(shown).keys).toHaveLength(1);
    const refused = '"kind":"not-kept","reason":"key_not_pinned"';
    await waitFor('the refusal', () => server.process.output().includes(refused), 30_000);
    expect([await check(good), await check(bad)]).toEqual(['allowed', 'key_revoked']);
    await writeFile(snapshotKeysFile, shown);
    await server.process.stop();
    server = await server.restart();
    await waitFor('the feed', async () => (await check(good)) === 'allowed', 30_000);
    // The one on disk was signed by the key that was replaced.
    expect(server.process.output()).toContain('"kind":"not-loaded","reason":"key_not_pinned"');
    await untilKept();
  });
});
