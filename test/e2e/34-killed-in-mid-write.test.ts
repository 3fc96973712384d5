import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { freePorts } from '../harness/ports.ts';
import { type RunningPostgres, startPostgres } from '../harness/postgres.ts';
import { randomOf } from '../harness/random.ts';
import { startControlPlane } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { type Books, expectBooksToHold, expectFollowed, readBooks } from './registry-books.ts';
import { followRegistry } from './registry-follower.ts';
import { PROJECT, type RegistryWorld, startRegistryWorld, tokens } from './registry-world.ts';
import { startWriters } from './registry-writers.ts';

const ROUNDS = 4;
const seed = Number(process.env.SPANPASS_SEED ?? Date.now() % 1_000_000);

/** Writes, does `harm` in mid-write, and again and again; then holds what was acknowledged against what is there. */
async function harmed(world: RegistryWorld, harm: () => Promise<void>): Promise<Books> {
  const random = randomOf(seed);
  const follower = followRegistry({ urls: [world.url], token: tokens.authServer, since: 0 });
  const writers = startWriters({ url: () => world.url, token: tokens.admin, project: PROJECT });
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const before = writers.count;
      await waitFor('writes', () => writers.count > before + 20, 60_000);
      await sleep(random() * 150);
      await harm();
    }
    const before = writers.count;
    await waitFor('writes after all that', () => writers.count > before + 20, 60_000);
    await writers.stop();
    const books = await readBooks(world.url, tokens);
    const untold = await expectBooksToHold(books, writers.pipeds);
    const last = books.changes.at(-1)?.revision ?? 0;
    await waitFor('the follower', () => follower.known >= last, 15_000);
    await follower.stop();
    expectFollowed(follower.changes, books, 0);
    expect(follower.resets).toBe(0);
    const unanswered = writers.pipeds.filter(one => one.unanswered !== undefined).length;
    process.stderr.write(
      `seed ${seed}: ${writers.count} writes acknowledged, ${unanswered} not, of which ${untold} are there\n`,
    );
    // Else nothing was under way when it happened.
    expect(unanswered).toBeGreaterThan(0);
    return books;
  } finally {
    await Promise.allSettled([writers.stop(), follower.stop()]);
  }
}

const killControlPlane = (stage: Stage, world: RegistryWorld) => async () => {
  await world.controlPlane.stop('SIGKILL');
  world.controlPlane = await startControlPlane(stage, world.settings);
};

describe('a control plane on its embedded database that is killed in mid-write', () => {
  const stage = new Stage();
  let world: RegistryWorld;
  beforeAll(async () => {
    world = await startRegistryWorld(stage);
  });
  afterAll(() => stage.dispose());

  it('has all that it acknowledged, and its followers miss nothing', { timeout: 180_000 }, async () => {
    await harmed(world, killControlPlane(stage, world));
  });

  it('lets no second one at its data, and goes on', { timeout: 60_000 }, async () => {
    const { port } = await freePorts('port');
    await expect(startControlPlane(stage, { ...world.settings, port })).rejects.toThrow(/is in use by the process \d+/);
    expect((await fetch(`${world.url}/readyz`)).status).toBe(200);
  });
});

await describeWithEngine(['postgres'], 'on a PostgreSQL server', engines => {
  const stage = new Stage();
  let database: RunningPostgres;
  let world: RegistryWorld;
  beforeAll(async () => {
    database = await startPostgres(stage, engines.postgres);
    world = await startRegistryWorld(stage, { databaseUrl: database.url });
  });
  afterAll(() => stage.dispose());

  /** What the table says, as against what the control plane reads from it. */
  async function changesTable(): Promise<readonly unknown[]> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query('select revision::int, body from changes order by revision');
    await client.end();
    return rows.map(({ revision, body }) => ({ revision, ...body }));
  }

  it('a control plane that is killed in mid-write has all that it acknowledged', { timeout: 180_000 }, async () => {
    const books = await harmed(world, killControlPlane(stage, world));
    expect(books.changes).toMatchObject(await changesTable());
  });

  it('a database that is killed in mid-write has all that was acknowledged', { timeout: 180_000 }, async () => {
    const fresh = await startPostgres(stage, engines.postgres);
    const own = await startRegistryWorld(stage, { databaseUrl: fresh.url });
    await harmed(own, async () => {
      await fresh.kill();
      await fresh.restart();
    });
    expect(own.controlPlane.hasExited()).toBe(false);
  });
});
