import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { followChanges, type StreamEvent } from '../testing/event-stream.test.support.ts';
import {
  type Answer,
  AUTH_SERVER_TOKEN,
  names,
  newPair,
  startPlaneOn,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

describe.each(DATABASES)('writers at the same time on $name', database => {
  /** Two replicas where the database can be shared, else the same one twice. */
  let replicas: [TestPlane, TestPlane];
  const newName = names('piped');

  beforeAll(async () => {
    const one = await startTestPlane(database);
    replicas = [one, database.name === 'PostgreSQL' ? await startPlaneOn({ ...one.options, port: 0 }) : one];
  });
  afterAll(async () => {
    await replicas[1][Symbol.asyncDispose]();
    await replicas[0][Symbol.asyncDispose]();
  });

  const statuses = (answers: Answer[]) => answers.map(({ status }) => status).sort();
  const replica = (at: number) => replicas[at % 2] as TestPlane;

  it('let one key win an enrollment token', async () => {
    for (let round = 0; round < 5; round++) {
      const piped = newName();
      const { enrollmentToken } = await replicas[0].register('raced', piped);
      const pairs = await Promise.all(Array.from({ length: 4 }, () => newPair()));
      const answers = await Promise.all(pairs.map((pair, at) => replica(at).enroll(enrollmentToken, pair)));
      expect(statuses(answers)).toEqual([201, 401, 401, 401]);
      const { items } = (await replicas[0].call('GET', `/v1/projects/raced/pipeds/${piped}/keys`)).body;
      expect(items).toHaveLength(1);
    }
  });

  it('answer all of the same enrollment with the same record', async () => {
    const { enrollmentToken } = await replicas[0].register('raced', newName());
    const pair = await newPair();
    const answers = await Promise.all([0, 1, 2, 3].map(at => replica(at).enroll(enrollmentToken, pair)));
    expect(statuses(answers)).toEqual([200, 200, 200, 201]);
    for (const { body } of answers) expect(body.record).toEqual(answers[0]?.body.record);
  });

  it('never get a piped beyond two active keys', async () => {
    for (let round = 0; round < 5; round++) {
      const piped = newName();
      await replicas[0].register('raced', piped);
      const path = `/v1/projects/raced/pipeds/${piped}/keys`;
      const create = (at: number) => replica(at).call('POST', path, { body: { generate: true } });
      expect(statuses(await Promise.all([0, 1, 2, 3].map(create)))).toEqual([201, 201, 409, 409]);
    }
  });

  it('register a piped once', async () => {
    const project = newName();
    const register = (at: number) =>
      replica(at).call('POST', `/v1/projects/${project}/pipeds`, { body: { piped: 'same' } });
    expect(statuses(await Promise.all([0, 1, 2, 3].map(register)))).toEqual([201, 409, 409, 409]);
  });

  it('make followers see every revision once and in order, whichever replica wrote it', async () => {
    const since = await replicas[0].revision();
    const tokens = [AUTH_SERVER_TOKEN] as const;
    const followers = await Promise.all(replicas.map(({ url }) => followChanges(url, tokens[0], { since })));
    const kids: string[] = [];
    const writer = async (at: number) => {
      const { call, register, generate } = replica(at);
      const piped = newName();
      await register('ordered', piped);
      const { kid } = await generate('ordered', piped);
      kids.push(kid);
      await call('POST', `/v1/projects/ordered/pipeds/${piped}/disable`);
      await call('POST', `/v1/projects/ordered/pipeds/${piped}/enable`);
      await call('POST', `/v1/keys/${kid}/revoke`);
    };
    await Promise.all(Array.from({ length: 8 }, (_, at) => writer(at)));
    // The project, and five changes by each of the eight.
    const last = since + 1 + 8 * 5;
    expect(await replicas[0].revision()).toBe(last);
    for (const follower of followers) {
      const events = await follower.until(event => event.id === String(last));
      const changes = events.filter(({ event }) => event === 'change');
      expect(changes.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: last - since }, (_, at) => since + 1 + at),
      );
      expect(changes.map(({ data }) => data.revision)).toEqual(changes.map(({ id }) => Number(id)));
      expect(new Set(revokedIn(changes))).toEqual(new Set(kids));
      for (const { event, data } of events) if (event === 'heartbeat') expect(data.revision).toBeLessThanOrEqual(last);
      follower.close();
    }
  });
});

function revokedIn(changes: StreamEvent[]): string[] {
  return changes.flatMap(({ data }) =>
    data.kind === 'key' && data.record.keyStatus === 'revoked' ? [data.record.kid] : [],
  );
}
