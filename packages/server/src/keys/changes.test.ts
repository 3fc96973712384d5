import type { KeyRecord } from '@spanpass/credential';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPiped } from '../fixture.test.support.ts';
import { applyChange, type Change, concerns, parseChange, parsePosition, takesAccess } from './changes.ts';

let record: KeyRecord;
beforeAll(async () => {
  record = { ...(await createPiped()).record, revision: 5 };
});

const piped = (changes: object = {}): Change => ({
  kind: 'piped',
  revision: 6,
  project: 'shop',
  piped: 'edge-1',
  pipedStatus: 'disabled',
  ...changes,
});
const project = (changes: object = {}): Change => ({
  kind: 'project',
  revision: 6,
  project: 'shop',
  projectStatus: 'disabled',
  ...changes,
});
const key = (changes: object = {}): Change => ({
  kind: 'key',
  revision: 6,
  record: { ...record, scopes: [...record.scopes], ...changes },
});

describe('parseChange', () => {
  it('reads each kind, and does not mind members that it does not know', () => {
    for (const change of [key(), piped(), piped({ scopes: ['logs'] }), project()]) {
      expect(parseChange(JSON.stringify({ ...change, more: 1 }))).toMatchObject({ kind: change.kind, revision: 6 });
    }
  });

  it.each([
    '',
    'null',
    '{"kind":"key"}',
    '{"kind":"other","revision":1}',
    '{"kind":"project","revision":1.5,"project":"a","projectStatus":"active"}',
    '{"kind":"project","revision":1,"project":"a","projectStatus":"paused"}',
    '{"kind":"project","revision":1,"project":"a/b","projectStatus":"active"}',
  ])('does not guess at %s', data => {
    expect(parseChange(data)).toBeUndefined();
  });
});

describe('when a change was written', () => {
  it.each([
    ['2026-11-24T12:00:00.250Z', Date.UTC(2026, 10, 24, 12, 0, 0, 250)],
    ['2026-11-24T12:00:00Z', Date.UTC(2026, 10, 24, 12)],
    [undefined, undefined],
    ['yesterday', undefined],
    [1_795_521_600, undefined],
    [null, undefined],
  ])('is read from %j, and a change that does not say it holds all the same', (at, ms) => {
    const change = parseChange(JSON.stringify({ ...project(), at }));
    expect([change?.kind, change?.at]).toEqual(['project', ms]);
  });
});

describe('takesAccess', () => {
  it('tells a revocation and a disable from everything else', () => {
    expect([key({ keyStatus: 'revoked' }), piped(), project()].map(takesAccess)).toEqual([true, true, true]);
    const harmless = [key(), piped({ pipedStatus: 'active' }), project({ projectStatus: 'active' })];
    expect(harmless.map(takesAccess)).toEqual([false, false, false]);
  });
});

describe('parsePosition', () => {
  it.each([
    ['{"revision":3}', 3],
    ['{"revision":"3"}', undefined],
    ['{"revision":-1}', undefined],
    ['{}', undefined],
    ['x', undefined],
  ])('of %s is %s', (data, revision) => {
    expect(parsePosition(data)).toBe(revision);
  });
});

describe('concerns', () => {
  it('finds the records of a key, a piped and a project', () => {
    expect([key(), piped(), project()].map(change => concerns(change, record))).toEqual([true, true, true]);
    const others = [key({ kid: 'x' }), piped({ piped: 'x' }), piped({ project: 'x' }), project({ project: 'x' })];
    expect(others.map(change => concerns(change, record))).toEqual([false, false, false, false]);
  });
});

describe('applyChange', () => {
  it('takes over what a change says, and keeps the key itself', () => {
    expect(applyChange(record, key({ keyStatus: 'revoked' }))).toEqual({
      ...record,
      keyStatus: 'revoked',
      revision: 6,
    });
    expect(applyChange(record, piped())).toEqual({ ...record, pipedStatus: 'disabled', revision: 6 });
    expect(applyChange(record, project())).toEqual({ ...record, projectStatus: 'disabled', revision: 6 });
    expect(applyChange(record, key())?.publicJwk).toBe(record.publicJwk);
    expect(Object.isFrozen(applyChange(record, piped()))).toBe(true);
  });

  it('leaves a record that knows it already alone: the highest revision wins', () => {
    for (const revision of [4, 5]) expect(applyChange(record, piped({ revision }))).toBe(record);
  });

  it('asks again where the change does not say all', () => {
    expect(applyChange(record, piped({ scopes: ['logs'] }))).toBeUndefined();
    expect(applyChange(record, piped({ scopes: ['traces'] }))).toMatchObject({ pipedStatus: 'disabled' });
    expect(applyChange(record, key({ project: 'other' }))).toBeUndefined();
    expect(applyChange(record, key({ alg: 'EdDSA' }))).toBeUndefined();
  });
});
