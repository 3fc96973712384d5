import { parseKeyRecord } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES, SERVED } from '../testing/databases.test.support.ts';
import { followChanges, isHeartbeat } from '../testing/event-stream.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  names,
  startPlaneOn,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

describe.each(DATABASES)('GET /v1/changes on $name', database => {
  let test: TestPlane;
  const newName = names('piped');

  beforeAll(async () => {
    test = await startTestPlane(database, { changeFeed: { pollMs: 20, heartbeatMs: 40 } });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const follow = (from?: Parameters<typeof followChanges>[2]) => followChanges(test.url, AUTH_SERVER_TOKEN, from);

  it('begins at the current revision, with a heartbeat that says which', async () => {
    await test.register('shop', newName());
    await using follower = await follow();
    const first = await follower.next();
    const revision = await test.revision();
    expect(first).toEqual({ id: undefined, event: 'heartbeat', data: { revision, auditHead: expect.any(String) } });
  });

  it('tells of keys, pipeds and projects as they change', async () => {
    const piped = newName();
    await test.register('told', piped);
    await using follower = await follow();
    await follower.next();
    const { kid } = await test.generate('told', piped);
    await test.call('POST', `/v1/projects/told/pipeds/${piped}/disable`);
    await test.call('POST', '/v1/projects/told/disable');
    await test.call('POST', `/v1/keys/${kid}/revoke`);
    const last = await test.revision();
    const at = new Date(test.clock.now).toISOString();
    const changes = (await follower.until(({ id }) => id === String(last))).filter(event => !isHeartbeat(event));
    expect(changes.map(({ data }) => data)).toEqual([
      { revision: last - 3, at, kind: 'key', record: expect.objectContaining({ kid, keyStatus: 'active' }) },
      { revision: last - 2, at, kind: 'piped', project: 'told', piped, pipedStatus: 'disabled' },
      { revision: last - 1, at, kind: 'project', project: 'told', projectStatus: 'disabled' },
      {
        revision: last,
        at,
        kind: 'key',
        record: expect.objectContaining({ kid, keyStatus: 'revoked', revision: last }),
      },
    ]);
    const record = await parseKeyRecord(changes[3]?.data.record);
    expect(record).toEqual((await test.call('GET', `/v1/keys/${kid}`)).body);
  });

  it('goes on from a revision, before the first heartbeat', async () => {
    const since = await test.revision();
    for (let n = 0; n < 3; n++) await test.register('resumed', newName());
    const last = await test.revision();
    await using follower = await follow({ since });
    const events = await follower.until(isHeartbeat);
    expect(events.map(({ id }) => id)).toEqual(
      ['1', '2', '3', '4'].map(n => String(since + Number(n))).concat(undefined as never),
    );
    expect(events.at(-1)?.data).toMatchObject({ revision: last });
  });

  it('believes Last-Event-ID rather than the URL', async () => {
    const last = await test.revision();
    await using follower = await follow({ since: 0, lastEventId: String(last) });
    expect(await follower.next()).toMatchObject({ event: 'heartbeat', data: { revision: last } });
  });

  it('sends a long backlog whole', async () => {
    const since = await test.revision();
    const piped = newName();
    await test.register('long', piped);
    for (let n = 0; n < 150; n++) {
      await test.call('POST', `/v1/projects/long/pipeds/${piped}/disable`);
      await test.call('POST', `/v1/projects/long/pipeds/${piped}/enable`);
    }
    await using follower = await follow({ since });
    const ids = (await follower.until(isHeartbeat)).slice(0, -1).map(({ id }) => Number(id));
    expect(ids).toEqual(Array.from({ length: 302 }, (_, at) => since + 1 + at));
  });

  it('says reset to a follower from the future', async () => {
    const last = await test.revision();
    await using follower = await follow({ since: last + 5 });
    expect(await follower.next()).toEqual({ id: String(last), event: 'reset', data: { revision: last } });
    expect(await follower.next()).toMatchObject({ event: 'heartbeat', data: { revision: last } });
  });

  it('keeps beating', async () => {
    await using follower = await follow();
    for (let n = 0; n < 4; n++) expect((await follower.next()).event).toBe('heartbeat');
  });

  it('counts its followers', async () => {
    await using follower = await follow();
    await follower.next();
    expect(await test.plane.metrics()).toMatch(/^spanpass_control_plane_followers [1-9]\d*$/m);
  });

  it('takes no more followers than it may have', async () => {
    await using database_ = await startTestPlane(database, { changeFeed: { maxFollowers: 1 } });
    await using follower = await followChanges(database_.url, ADMIN_TOKEN);
    await follower.next();
    const refused = await database_.call('GET', '/v1/changes', { token: AUTH_SERVER_TOKEN });
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(refused.headers.get('retry-after')).toBe('5');
    follower.close();
  });

  it('ends its streams when the control plane closes', async () => {
    await using closing = await startTestPlane(database);
    await using follower = await followChanges(closing.url, AUTH_SERVER_TOKEN);
    await follower.next();
    await closing.plane.close();
    // A heartbeat may have been on its way.
    await expect(follower.until(() => false)).rejects.toThrow('the stream has ended');
  });
});

describe.each(SERVED === undefined ? [] : [SERVED])('replicas', served => {
  it('learn of each other', async () => {
    await using one = await startTestPlane(served);
    await using two = await startPlaneOn({ ...one.options, changeFeed: { pollMs: 20, heartbeatMs: 40 } });
    await using follower = await followChanges(two.url, AUTH_SERVER_TOKEN);
    await follower.next();
    await one.register('shop', 'edge-1');
    const [event] = (await follower.until(({ id }) => id === '2')).filter(({ data }) => data.kind === 'piped');
    expect(event?.data.piped).toBe('edge-1');
  });
});
