import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeyPair, readUnverifiedAuditHead, signAuditHead } from '@spanpass/credential';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuditHeadEvent, AuditHeadKeeper } from './audit-heads.ts';
import { createLiveKeys, until } from './live-keys.test.support.ts';

const signer = await createKeyPair('ES256');
const headOf = (seq: number, digit = 'a') => signAuditHead(signer, { seq, hash: digit.repeat(64), at: 1_893_456_000 });

let folder: string;
let path: string;
let events: AuditHeadEvent[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spanpass-heads-'));
  path = join(folder, 'audit.heads');
  events = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = () => new AuditHeadKeeper(path, event => events.push(event));
const keep = async (keeper: AuditHeadKeeper, ...heads: string[]) => {
  for (const head of heads) {
    keeper.take(head);
    await keeper.close();
  }
};
const kept = async () =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map(jws => readUnverifiedAuditHead(jws).seq);

describe('the heads of the audit', () => {
  it('are kept in a file for its owner alone, the newest last, across restarts', async () => {
    await keep(open(), await headOf(3), await headOf(5));
    await keep(open(), await headOf(8));
    expect(await kept()).toEqual([3, 5, 8]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(events.map(({ kind }) => kind)).toEqual(['kept', 'kept', 'kept']);
  });

  it('never give way to an earlier one, nor to another story of the same row', async () => {
    const keeper = open();
    await keep(keeper, await headOf(5), await headOf(4), await headOf(5, 'b'), await headOf(5));
    expect(await kept()).toEqual([5]);
    expect(events).toEqual([
      { kind: 'kept', seq: 5 },
      { kind: 'behind', seq: 4, keptSeq: 5 },
      { kind: 'contradicted', seq: 5, keptSeq: 5 },
      { kind: 'kept', seq: 5 },
    ]);
    events.length = 0;
    await keep(open(), await headOf(1), await headOf(5, 'c'));
    expect(events.map(({ kind }) => kind)).toEqual(['behind', 'contradicted']);
    expect(await kept()).toEqual([5]);
  });

  it('are bounded, and some of any age remain', async () => {
    const keeper = open();
    const length = 400;
    await keep(keeper, ...(await Promise.all(Array.from({ length }, (_, at) => headOf((at + 1) * 10)))));
    const seqs = await kept();
    expect(seqs).toHaveLength(64);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect([seqs[0], seqs.at(-1)]).toEqual([10, 4000]);
    for (let from = 0; from < 4000; from += 1000) {
      expect(seqs.filter(seq => seq > from && seq <= from + 1000).length, String(from)).toBeGreaterThan(2);
    }
  });

  it('are not taken when they are none', async () => {
    await keep(open(), 'x', 'x'.repeat(5000), await headOf(0));
    expect(events).toEqual([
      { kind: 'not-kept', reason: 'malformed' },
      { kind: 'not-kept', reason: 'malformed' },
      { kind: 'kept', seq: 0 },
    ]);
  });

  it('leave a file alone that is not theirs, and say so', async () => {
    await writeFile(path, 'something of value\n');
    await keep(open(), await headOf(3));
    await writeFile(join(folder, 'long'), 'x'.repeat(1 << 20));
    path = join(folder, 'long');
    await keep(open(), await headOf(3));
    path = join(folder, 'nowhere', 'heads');
    await keep(open(), await headOf(3));
    expect(events).toEqual([
      { kind: 'not-kept', reason: 'malformed' },
      { kind: 'not-kept', reason: 'malformed' },
      { kind: 'not-kept', reason: 'ENOENT' },
    ]);
    expect(await readFile(join(folder, 'audit.heads'), 'utf8')).toBe('something of value\n');
  });

  it('come with heartbeats, and a heartbeat without one is as good', async () => {
    const { controlPlane, keys } = await createLiveKeys({
      auditHeadFile: path,
      onAuditHead: event => events.push(event),
    });
    controlPlane.send('heartbeat', { revision: controlPlane.revision, auditHead: await headOf(7) });
    await until(() => events.length === 1);
    controlPlane.heartbeat();
    controlPlane.send('heartbeat', { revision: controlPlane.revision, auditHead: { seq: 8 } });
    controlPlane.send('heartbeat', { revision: controlPlane.revision, auditHead: 'x'.repeat(2000) });
    controlPlane.send('heartbeat', { revision: controlPlane.revision, auditHead: await headOf(9) });
    await until(() => events.length === 2);
    expect(await kept()).toEqual([7, 9]);
    expect(keys.freshness).toBe('live');
  });
});
