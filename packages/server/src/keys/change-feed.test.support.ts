import { createTestClock } from '../fixture.test.support.ts';
import { ChangeFeed } from './change-feed.ts';
import type { Change } from './changes.ts';
import type { FeedHandlers, FeedProblem } from './feed-connection.ts';

export const disable = (revision: number): Change => ({
  kind: 'project',
  revision,
  project: 'shop',
  projectStatus: 'disabled',
});

/** A feed whose connections and time the test moves by hand. */
export function createFeed() {
  const clock = createTestClock(0);
  const seen: (number | 'reset')[] = [];
  const problems: FeedProblem['code'][] = [];
  const freshness: string[] = [];
  const connections: { since: number | undefined; handlers: FeedHandlers; open: boolean }[] = [];
  const feed = new ChangeFeed({
    clock: clock.now,
    random: () => 1,
    lostAfterMs: 3000,
    stallAfterMs: 1000,
    maxStaleMs: 900_000,
    connect: (since, handlers) => {
      const connection = { since, handlers, open: true };
      connections.push(connection);
      return {
        close: () => {
          connection.open = false;
        },
      };
    },
    onChange: change => seen.push(change.revision),
    onReset: () => seen.push('reset'),
    onFreshness: state => freshness.push(state),
    onProblem: ({ code }) => problems.push(code),
  });
  const latest = () => {
    const connection = connections.at(-1);
    if (connection === undefined) throw new Error('not connected');
    return connection;
  };
  const send = (type: string, data: unknown, lastEventId = '') =>
    latest().handlers.onEvent({ type, data: typeof data === 'string' ? data : JSON.stringify(data), lastEventId });
  return {
    feed,
    clock,
    seen,
    problems,
    freshness,
    connections,
    latest,
    send,
    heartbeat: (revision: number) => send('heartbeat', { revision }),
    change: (change: Change) => send('change', change, String(change.revision)),
    /** Lets time pass as it does for a process that runs. */
    pass: (ms: number) => {
      for (let passed = 0; passed < ms; passed += 100) {
        clock.advance(Math.min(100, ms - passed));
        feed.tick();
      }
    },
    /** Lets time pass as it does for a process that is stopped. */
    stop: (ms: number) => clock.advance(ms),
  };
}

export function createLiveFeed(revision = 10) {
  const subject = createFeed();
  subject.feed.start();
  subject.heartbeat(revision);
  return subject;
}
