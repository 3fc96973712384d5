import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditRowHash, GENESIS_HASH } from './row-hash.ts';
import { type ChainedRow, verifyAuditChain } from './verify-chain.ts';

/** A chain as the control plane writes it. */
function chain(length: number): ChainedRow[] {
  const rows: ChainedRow[] = [];
  for (let seq = 1; seq <= length; seq++) {
    const content = {
      seq,
      atMs: 1_893_456_000_000 + seq * 700,
      actor: { role: 'owner', tokenId: 'a-token', ...(seq % 2 === 0 && { peerAddress: '127.0.0.1' }) },
      action: 'piped.registered',
      target: { project: 'shop', piped: `edge-${seq}` },
      revision: seq,
    };
    const hash = auditRowHash(rows.at(-1)?.hash ?? GENESIS_HASH, content);
    rows.push({ ...content, at: Math.floor(content.atMs / 1000), hash });
  }
  return rows;
}

describe('the chain of audit rows', () => {
  it('holds as it was written, and says where it stands', async () => {
    const rows = chain(5);
    expect(await verifyAuditChain(rows)).toEqual({ intact: true, rows: 5, head: { seq: 5, hash: rows[4]?.hash } });
    expect(await verifyAuditChain([])).toEqual({ intact: true, rows: 0, head: { seq: 0, hash: GENESIS_HASH } });
  });

  it('has hashes that others can compute', () => {
    const content = {
      seq: 1,
      atMs: 0,
      actor: { role: 'system' },
      action: 'é',
      target: { b: '2', a: '1' },
      revision: 0,
    };
    // printf '16:spanpass-audit-1,64:000…,1:1,1:0,6:system,-,-,2:é,1:0,1:a,1:1,1:b,1:2,' | sha256sum
    expect(auditRowHash(GENESIS_HASH, content)).toBe(
      'd99b70b147b9fe6c811239836bcb1d6b5735e598189ac0df657f8f3c6d9c508a',
    );
  });

  it('shows any change of any member, at its row', async () => {
    const members: ((row: ChainedRow) => ChainedRow)[] = [
      row => ({ ...row, atMs: row.atMs + 1, at: Math.floor((row.atMs + 1) / 1000) }),
      row => ({ ...row, at: row.at + 1 }),
      row => ({ ...row, actor: { ...row.actor, role: 'system' } }),
      row => ({ ...row, actor: { role: row.actor.role } }),
      row => ({ ...row, actor: { ...row.actor, peerAddress: '10.0.0.1' } }),
      row => ({ ...row, action: 'piped.enabled' }),
      row => ({ ...row, target: { ...row.target, piped: 'edge-9' } }),
      row => ({ ...row, target: { project: 'shop' } }),
      row => ({ ...row, target: { ...row.target, kid: '' } }),
      row => ({ ...row, revision: row.revision + 1 }),
      row => ({ ...row, hash: 'ab'.repeat(32) }),
    ];
    for (const [at, change] of members.entries()) {
      const rows = chain(5);
      rows[2] = change(rows[2] as ChainedRow);
      expect(await verifyAuditChain(rows), String(at)).toEqual({ intact: false, rows: 2, fault: 'changed', seq: 3 });
    }
  });

  it('shows a row that was removed, moved, or is there twice', async () => {
    const [a, b, c, d] = chain(4) as [ChainedRow, ChainedRow, ChainedRow, ChainedRow];
    expect(await verifyAuditChain([a, c, d])).toMatchObject({ fault: 'missing', seq: 2 });
    expect(await verifyAuditChain([b, c])).toMatchObject({ fault: 'missing', seq: 1 });
    expect(await verifyAuditChain([a, b, b, c])).toMatchObject({ fault: 'out_of_order', seq: 2 });
    expect(await verifyAuditChain([a, c, b, d])).toMatchObject({ fault: 'missing', seq: 2 });
    // Numbers changed to hide it.
    expect(await verifyAuditChain([a, { ...c, seq: 2 }, { ...b, seq: 3 }, d])).toMatchObject({
      fault: 'changed',
      seq: 2,
    });
    expect(await verifyAuditChain([a, { ...c, seq: 2 }, { ...d, seq: 3 }])).toMatchObject({ fault: 'changed', seq: 2 });
  });

  it('shows a cut-off end and a chain that was computed anew only to who knows a head', async () => {
    const rows = chain(5);
    const heads = [{ seq: 5, hash: String(rows[4]?.hash) }];
    expect(await verifyAuditChain(rows.slice(0, 3))).toMatchObject({ intact: true });
    expect(await verifyAuditChain(rows.slice(0, 3), heads)).toEqual({
      intact: false,
      rows: 3,
      fault: 'cut_off',
      seq: 4,
    });
    const forged = rows.slice(0, 2);
    for (const row of rows.slice(2)) {
      const content = { ...row, actor: { role: 'system' } };
      forged.push({ ...content, hash: auditRowHash(String(forged.at(-1)?.hash), content) });
    }
    expect(await verifyAuditChain(forged)).toMatchObject({ intact: true });
    expect(await verifyAuditChain(forged, heads)).toEqual({ intact: false, rows: 4, fault: 'rewritten', seq: 5 });
    expect(await verifyAuditChain(rows, [...heads, { seq: 2, hash: String(rows[1]?.hash) }])).toMatchObject({
      intact: true,
    });
    expect(await verifyAuditChain(rows, [{ seq: 2, hash: GENESIS_HASH }])).toMatchObject({
      fault: 'rewritten',
      seq: 2,
    });
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'row'],
    ['a further member', { ...chain(1)[0], note: 'x' }],
    ['a target that is no text', { ...chain(1)[0], target: { kid: 7 } }],
    ['no hash', { ...chain(1)[0], hash: undefined }],
  ])('takes %s for no row', async (_, row) => {
    expect(await verifyAuditChain([row])).toEqual({ intact: false, rows: 0, fault: 'malformed', seq: 1 });
  });

  it('has no two rows with one encoding', () => {
    const text = fc.oneof(fc.constant(undefined), fc.constantFrom('', '-', ',', '1:a,', '-,'), fc.string());
    const key = fc.string({ minLength: 1 });
    const content = fc.record({
      seq: fc.nat(99),
      atMs: fc.nat(99),
      actor: fc.record({ role: fc.string(), tokenId: text, peerAddress: text }),
      action: fc.string(),
      target: fc.dictionary(key, fc.string(), { maxKeys: 3 }),
      revision: fc.nat(99),
    });
    const essence = (one: typeof content extends fc.Arbitrary<infer T> ? T : never) =>
      JSON.stringify([
        one.seq,
        one.atMs,
        one.actor.role,
        one.actor.tokenId ?? null,
        one.actor.peerAddress ?? null,
        one.action,
        one.revision,
        Object.entries(one.target).sort(([a], [b]) => (a < b ? -1 : 1)),
      ]);
    fc.assert(
      fc.property(content, content, (one, other) => {
        const same = auditRowHash(GENESIS_HASH, one) === auditRowHash(GENESIS_HASH, other);
        expect(same).toBe(essence(one) === essence(other));
      }),
      { numRuns: 2000 },
    );
  });
});
