import { afterAll, beforeAll, expect, it } from 'vitest';
import { revokeBeforeFollowers } from '../bench/control-plane/followers.ts';
import { ADMIN_TOKEN, AUTH_SERVER_TOKEN } from '../bench/control-plane/registries.ts';
import { describeWithEngine } from '../engines/describe.ts';
import { keepMeasurements } from '../harness/measurements.ts';
import { freePorts } from '../harness/ports.ts';
import { startPostgres } from '../harness/postgres.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startControlPlane } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

const FOLLOWERS = 1000;
const REVOCATIONS = 10;

await describeWithEngine(['postgres'], 'a revocation before a thousand followers of one replica', engines => {
  const stage = new Stage();
  /** One whom all of them follow, and one that revokes. */
  const urls: string[] = [];
  let followed: RunningProcess;
  const kids: string[] = [];

  beforeAll(async () => {
    const { url: databaseUrl } = await startPostgres(stage, engines.postgres);
    for (const name of ['followed', 'other']) {
      const { port } = await freePorts('port');
      const folder = await tempDir(stage, name);
      const tokens = { adminToken: ADMIN_TOKEN, authServerToken: AUTH_SERVER_TOKEN };
      const process = await startControlPlane(stage, { folder, port, databaseUrl, ...tokens });
      followed ??= process;
      urls.push(`http://127.0.0.1:${port}`);
    }
    for (let n = 0; n < 2 * REVOCATIONS; n++) {
      await post('/v1/projects/shop/pipeds', { piped: `edge-${n}` });
      const { record } = await post(`/v1/projects/shop/pipeds/edge-${n}/keys`, { generate: true });
      kids.push(record.kid);
    }
  }, 120_000);
  afterAll(() => stage.dispose());

  async function post(path: string, body: unknown) {
    const answer = await fetch(`${urls[0]}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(201);
    return (await answer.json()) as { record: { kid: string } };
  }

  it.each([
    ['on the same replica', 0],
    ['on another replica', 1],
  ])('%s reaches the last of them within a second', { timeout: 120_000 }, async (_, at) => {
    const registry = { url: urls[0] ?? '', revokeAt: urls[at], process: followed, pipeds: 2 * REVOCATIONS };
    const some = kids.slice(at * REVOCATIONS, (at + 1) * REVOCATIONS);
    const { p50Ms, maxMs } = await revokeBeforeFollowers(
      { ...registry, kids: some },
      { followers: FOLLOWERS, revocations: REVOCATIONS },
    );
    await keepMeasurements(`thousand-followers-${at}`, { followers: FOLLOWERS, p50Ms, maxMs });
    expect(maxMs).toBeLessThan(1000);
  });
});
