import { describe, expect, it } from 'vitest';
import { Gathered } from './gathered.ts';

/** Reads that end when the test says so. */
function setUp(options: { maxUnderWay?: number; maxKeys?: number } = {}) {
  const reads: { keys: readonly string[]; end: (suffix: string) => void; fail: (error: Error) => void }[] = [];
  const gathered = new Gathered<string, string>({
    maxUnderWay: 2,
    maxKeys: 3,
    ...options,
    read: keys =>
      new Promise((resolve, reject) => {
        reads.push({ keys, end: suffix => resolve(key => key + suffix), fail: reject });
      }),
  });
  const turn = () => new Promise(resolve => setImmediate(resolve));
  return { reads, gathered, turn };
}

describe('questions that are gathered', () => {
  it('are asked together when they come together, each only once', async () => {
    const { reads, gathered, turn } = setUp();
    const answers = Promise.all(['a', 'b', 'a'].map(key => gathered.ask(key)));
    await turn();
    expect(reads.map(({ keys }) => keys)).toEqual([['a', 'b']]);
    reads[0]?.end('!');
    expect(await answers).toEqual(['a!', 'b!', 'a!']);
  });

  it('are never answered by what was read before they were asked', async () => {
    const { reads, gathered, turn } = setUp();
    const early = gathered.ask('a');
    await turn();
    const late = gathered.ask('a');
    await turn();
    expect(reads).toHaveLength(2);
    reads[1]?.end(' as of later');
    reads[0]?.end(' as of earlier');
    expect(await Promise.all([early, late])).toEqual(['a as of earlier', 'a as of later']);
  });

  it('wait while enough is under way, and go on when one read has ended', async () => {
    const { reads, gathered, turn } = setUp();
    const answers: Promise<string>[] = [];
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      answers.push(gathered.ask(key));
      await turn();
    }
    expect(reads.map(({ keys }) => keys)).toEqual([['a'], ['b']]);
    reads[0]?.end('!');
    await answers[0];
    await turn();
    expect(reads.map(({ keys }) => keys).slice(2)).toEqual([['c', 'd', 'e']]);
    for (let at = 1; at < 4; at++) {
      reads[at]?.end('!');
      await turn();
      await turn();
    }
    expect(await Promise.all(answers)).toEqual(['a!', 'b!', 'c!', 'd!', 'e!', 'f!', 'g!']);
  });

  it('all fail with the read that they were part of, and no other does', async () => {
    const { reads, gathered, turn } = setUp();
    const first = Promise.allSettled([gathered.ask('a'), gathered.ask('b')]);
    await turn();
    const second = gathered.ask('c');
    await turn();
    reads[0]?.fail(new Error('gone'));
    reads[1]?.end('!');
    expect(await first).toMatchObject([{ reason: { message: 'gone' } }, { reason: { message: 'gone' } }]);
    expect(await second).toBe('c!');
  });
});
