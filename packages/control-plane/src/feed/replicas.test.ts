import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LISTENER_APPLICATION } from '../store/change-listener.ts';
import { DATABASES, query } from '../testing/databases.test.support.ts';
import { followChanges, type TestFollower } from '../testing/event-stream.test.support.ts';
import {
  AUTH_SERVER_TOKEN,
  names,
  startPlaneOn,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

/** Polls that come too late to help. */
const HARDLY_EVER = { pollMs: 60_000, heartbeatMs: 60_000 };

/** Between processes, so there is nothing to be seen of it on the embedded database. */
describe.each(DATABASES.filter(({ name }) => name === 'PostgreSQL'))('a change on one replica, on $name', database => {
  let writer: TestPlane;
  /** Hears of changes at once, or not at all. */
  let listening: TestPlane;
  /** Polls, and never gets to listen for long. */
  let polling: TestPlane;
  const newName = names('project');

  beforeAll(async () => {
    writer = await startTestPlane(database);
    listening = await startPlaneOn({ ...writer.options, port: 0, changeFeed: HARDLY_EVER });
    polling = await startPlaneOn({ ...writer.options, port: 0, changeFeed: { pollMs: 50 } });
  });
  afterAll(async () => {
    for (const plane of [polling, listening, writer]) await plane?.[Symbol.asyncDispose]();
  });

  async function followed(plane: TestPlane): Promise<TestFollower> {
    return followChanges(plane.url, AUTH_SERVER_TOKEN, { since: await writer.revision() });
  }

  async function written(follower: TestFollower): Promise<number> {
    const project = newName();
    const startedAt = performance.now();
    await writer.call('POST', '/v1/projects', { body: { project } });
    await follower.until(({ data }) => data.project === project);
    return performance.now() - startedAt;
  }

  const listeners = () =>
    query(
      writer.options.databaseUrl ?? '',
      `select pid from pg_stat_activity where application_name = '${LISTENER_APPLICATION}' and datname = current_database()`,
    );
  async function cutListeners(): Promise<void> {
    for (const { pid } of await listeners()) {
      await query(writer.options.databaseUrl ?? '', `select pg_terminate_backend(${pid})`);
    }
  }

  it('reaches the followers of another one at once, without waiting for a poll', async () => {
    await expect.poll(async () => (await listeners()).length).toBe(3);
    await using follower = await followed(listening);
    for (let n = 0; n < 5; n++) expect(await written(follower)).toBeLessThan(5000);
  });

  it('is caught up on when the connection was cut, and heard of again', async () => {
    await using follower = await followed(listening);
    await written(follower);
    const before = await listeners();
    await cutListeners();
    // Whether this comes before or after it listens again.
    await written(follower);
    await expect.poll(async () => (await listeners()).length).toBe(3);
    expect((await listeners()).map(({ pid }) => pid)).not.toEqual(expect.arrayContaining(before.map(({ pid }) => pid)));
    await written(follower);
    expect(writer.log.text).toContain('other replicas are not heard at once');
  });

  it('arrives by polling where nothing is heard', async () => {
    await using follower = await followed(polling);
    let cutting = true;
    const cutter = (async () => {
      while (cutting) await cutListeners();
    })();
    for (let n = 0; n < 5; n++) expect(await written(follower)).toBeLessThan(5000);
    cutting = false;
    await cutter;
  });

  it('ends its connection with the control plane', async () => {
    const one = await startPlaneOn({ ...writer.options, port: 0 });
    await expect.poll(async () => (await listeners()).length).toBe(4);
    await one.plane.close();
    await expect.poll(async () => (await listeners()).length).toBe(3);
  });
});

describe.each(DATABASES)('a change on $name', database => {
  it('reaches the followers of its own replica without waiting for a poll', async () => {
    await using test = await startTestPlane(database, { changeFeed: HARDLY_EVER });
    await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since: await test.revision() });
    await test.call('POST', '/v1/projects', { body: { project: 'shop' } });
    await follower.until(({ event, data }) => event === 'change' && data.project === 'shop');
  });
});
