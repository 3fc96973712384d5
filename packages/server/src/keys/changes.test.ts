import type { KeyRecord } from '@spanpass/credential';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPiped } from '../fixture.test.support.ts';
import { applyChange, type Change, concerns, parseChange, parsePosition } from './changes.ts';

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
