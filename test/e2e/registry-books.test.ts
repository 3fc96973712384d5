import { auditRowHash, GENESIS_HASH } from '@spanpass/control-plane/client';
import { describe, expect, it } from 'vitest';
import { type Books, expectBooksToHold, expectFollowed } from './registry-books.ts';
import type { SeenChange } from './registry-follower.ts';
import type { WrittenPiped } from './registry-writers.ts';

type Entry = readonly [action: string, revision: number];

function booksOf(entries: readonly Entry[], statuses: readonly string[], status: string): Books {
  let hash = GENESIS_HASH;
  const audit = entries.map(([action, revision], at) => {
    const content = {
      ...{ seq: at + 1, atMs: 1000, actor: { role: 'owner' as const } },
      ...{ action: action as 'piped.disabled', target: { project: 'shop', piped: 'p' }, revision },
    };
    hash = auditRowHash(hash, content);
    return { ...content, at: 1, hash };
  });
  const changes = statuses.map(
    (pipedStatus, at): SeenChange => ({ revision: at + 1, kind: 'piped', project: 'shop', piped: 'p', pipedStatus }),
  );
  return { audit, changes, pipeds: new Map([['p', status]]), keyStatus: async () => undefined };
}

const REGISTERED: readonly Entry[] = [
  ['piped.registered', 1],
  ['enrollment_token.created', 1],
];
const DISABLED: Entry = ['piped.disabled', 2];
const written = (more: Partial<WrittenPiped> = {}): WrittenPiped[] => [
  { piped: 'p', acknowledged: ['register', 'disable'], unanswered: undefined, kid: undefined, ...more },
];

describe('books that are held against what was acknowledged', () => {
  it('hold when it is all there', async () => {
    const books = booksOf([...REGISTERED, DISABLED], ['active', 'disabled'], 'disabled');
    expect(await expectBooksToHold(books, written())).toBe(0);
    expect(await expectBooksToHold(books, written({ acknowledged: ['register'], unanswered: 'disable' }))).toBe(1);
  });

  it.each([
    ['a write is lost', booksOf(REGISTERED, ['active'], 'active')],
    ['only its audit row is lost', booksOf(REGISTERED, ['active', 'disabled'], 'disabled')],
    ['only its change is lost', booksOf([...REGISTERED, DISABLED], ['active'], 'disabled')],
    ['only what it did is lost', booksOf([...REGISTERED, DISABLED], ['active', 'disabled'], 'active')],
    ['it is there twice', booksOf([...REGISTERED, DISABLED, DISABLED], ['active', 'disabled'], 'disabled')],
  ])('do not when %s', async (_, books) => {
    await expect(expectBooksToHold(books, written())).rejects.toThrow();
  });

  it('show that a follower missed one, or saw one twice', () => {
    const books = booksOf([...REGISTERED, DISABLED], ['active', 'disabled'], 'disabled');
    const [first, second] = books.changes as [SeenChange, SeenChange];
    expectFollowed([first, second], books, 0);
    expect(() => expectFollowed([second], books, 0)).toThrow();
    expect(() => expectFollowed([first, second, second], books, 0)).toThrow();
  });
});
