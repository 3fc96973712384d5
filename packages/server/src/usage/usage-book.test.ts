import { describe, expect, it } from 'vitest';
import { UsageBook } from './usage-book.ts';

describe('who was known by something else than its own key', () => {
  const owner = { project: 'shop', piped: 'old-1', credentialId: 'an id of another kind' };
  const decided = (book: UsageBook, decision: object) => book.decided(decision as never);

  it('is reported with by what, once, and again when the report was lost', () => {
    let nowMs = 5_000;
    const book = new UsageBook({ now: () => nowMs });
    decided(book, { authenticator: 'pipecd-key', owner });
    nowMs = 9_000;
    decided(book, { authenticator: 'pipecd-key', owner });
    decided(book, { authenticator: 'Not A Name', owner });
    const report = book.take(10);
    const entry = { project: 'shop', piped: 'old-1', authenticator: 'pipecd-key', lastUsedAt: 9 };
    expect(report).toEqual({ keys: [], refusals: [], pipeds: [entry], dropped: 0 });
    expect(book.isEmpty).toBe(true);
    expect(book.take(10)).toEqual({ keys: [], refusals: [], dropped: 0 });
    book.putBack(report);
    expect(book.take(10).pipeds).toEqual([entry]);
  });

  it('is bounded', () => {
    const book = new UsageBook({ maxKeys: 2 });
    for (const piped of ['a', 'b', 'c', 'a']) decided(book, { authenticator: 'mtls', owner: { ...owner, piped } });
    expect(book.take(10)).toMatchObject({ pipeds: [{ piped: 'a' }, { piped: 'b' }], dropped: 1 });
  });
});
