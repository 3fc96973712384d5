import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { followChanges } from '../testing/event-stream.test.support.ts';
import {
  AUTH_SERVER_TOKEN,
  type Json,
  startPlaneOn,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

const PIPEDS = ['a', 'b', 'c'];
const OPERATIONS = ['disable', 'enable', 'generate', 'revoke', 'disable project', 'enable project'] as const;

interface Step {
  readonly replica: number;
  readonly piped: string;
  readonly operation: (typeof OPERATIONS)[number];
}

const step: fc.Arbitrary<Step> = fc.record({
  replica: fc.constantFrom(0, 1),
  piped: fc.constantFrom(...PIPEDS),
  operation: fc.constantFrom(...OPERATIONS),
});

describe.each(DATABASES)('two replicas at the same time on $name', database => {
  let replicas: [TestPlane, TestPlane];
  beforeAll(async () => {
    const one = await startTestPlane(database, { apiRate: { burst: 100_000, perSecond: 100_000 } });
    replicas = [one, database.name === 'PostgreSQL' ? await startPlaneOn({ ...one.options, port: 0 }) : one];
  });
  afterAll(async () => {
    await replicas[1][Symbol.asyncDispose]();
    await replicas[0][Symbol.asyncDispose]();
  });

  it('lose no update: what they acknowledged, what they tell followers and what they keep are one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 6 }),
        async writers => {
          const [one] = replicas;
          const project = `p-${crypto.randomUUID()}`;
          for (const piped of PIPEDS) await one.register(project, piped);
          const since = await one.revision();
          const acknowledged: number[] = [];
          const kids: Record<string, string[]> = {};

          const take = async ({ replica, piped, operation }: Step) => {
            const { call } = replicas[replica] as TestPlane;
            const path = `/v1/projects/${project}/pipeds/${piped}`;
            const kid = kids[piped]?.at(-1);
            const answer =
              operation === 'generate'
                ? await call('POST', `${path}/keys`, { body: { generate: true } })
                : operation === 'revoke'
                  ? kid && (await call('POST', `/v1/keys/${kid}/revoke`))
                  : operation.endsWith('project')
                    ? await call('POST', `/v1/projects/${project}/${operation.split(' ')[0]}`)
                    : await call('POST', `${path}/${operation}`);
            if (!answer) return;
            expect([200, 201, 409]).toContain(answer.status);
            if (answer.status === 201) {
              const { record } = answer.body;
              kids[piped] = [...(kids[piped] ?? []), record.kid];
              acknowledged.push(record.revision);
            }
            const etag = /^"(\d+)"$/.exec(answer.headers.get('etag') ?? '')?.[1];
            if (etag !== undefined) acknowledged.push(Number(etag));
          };
          await Promise.all(
            writers.map(async steps => {
              for (const next of steps) await take(next);
            }),
          );

          const last = await one.revision();
          const changes = await changesBetween(one, since, last);
          expect(changes.map(({ revision }) => revision)).toEqual(
            Array.from({ length: last - since }, (_, at) => since + 1 + at),
          );
          for (const revision of acknowledged) expect(revision).toBeLessThanOrEqual(last);

          // Followed from the beginning, the changes come to what is there.
          const state = foldedBy(changes);
          for (const { call } of replicas) {
            const { items } = (await call('GET', `/v1/pipeds?project=${project}`)).body;
            for (const { piped, pipedStatus, projectStatus } of items) {
              expect(pipedStatus).toBe(state.pipeds.get(piped) ?? 'active');
              expect(projectStatus).toBe(state.project ?? 'active');
              const keys = (await call('GET', `/v1/projects/${project}/pipeds/${piped}/keys`)).body.items as Json[];
              expect(keys.map(({ kid }) => kid).sort()).toEqual([...(kids[piped] ?? [])].sort());
              for (const { kid, keyStatus } of keys) expect(keyStatus).toBe(state.keys.get(kid));
              expect(keys.filter(({ keyStatus }) => keyStatus === 'active').length).toBeLessThanOrEqual(2);
            }
          }
          const audit = (await one.call('GET', `/v1/audit?project=${project}`)).body.items as Json[];
          const told = audit.map(({ revision }) => revision).filter(revision => revision > since);
          expect(told).toEqual(changes.map(({ revision }) => revision));
        },
      ),
      { numRuns: 10 },
    );
  }, 240_000);
});

async function changesBetween(test: TestPlane, since: number, last: number): Promise<Json[]> {
  if (last === since) return [];
  await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since });
  const events = await follower.until(({ id }) => id === String(last));
  return events.filter(({ event }) => event === 'change').map(({ data }) => data);
}

function foldedBy(changes: Json[]) {
  const state = {
    project: undefined as string | undefined,
    pipeds: new Map<string, string>(),
    keys: new Map<string, string>(),
  };
  for (const change of changes) {
    if (change.kind === 'project') state.project = change.projectStatus;
    if (change.kind === 'piped') state.pipeds.set(change.piped, change.pipedStatus);
    if (change.kind === 'key') state.keys.set(change.record.kid, change.record.keyStatus);
  }
  return state;
}
