import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CancelledError, endingOf, InterruptedError } from './endings.ts';

const ended = (outcome: string, reason: string) => ({ kind: 'ended', outcome, reason });
const timeout = new DOMException('timed out after 5 ms', 'TimeoutError');

/** What a platform call rejects with when its signal is aborted. */
async function platformError(signal: AbortSignal): Promise<unknown> {
  return delay(60_000, undefined, { signal }).catch((error: unknown) => error);
}

describe('how an error ends the work that threw it', () => {
  test.each([
    ['any error', new Error('boom'), ended('failure', 'boom')],
    ['an error without a message', new RangeError(), ended('failure', 'RangeError')],
    ['no error at all', 'boom', ended('failure', 'boom')],
    ['a timeout', timeout, ended('timed-out', 'timed out after 5 ms')],
    ['a cancellation', new CancelledError('by alice'), ended('cancelled', 'by alice')],
    ['an interruption', new InterruptedError('restart'), { kind: 'interrupted', reason: 'restart' }],
    ['an abort of something else', new DOMException('gone', 'AbortError'), ended('cancelled', 'gone')],
    ['a failure because of a timeout', new Error('boom', { cause: timeout }), ended('failure', 'boom')],
  ])('%s', (_, error, expected) => {
    expect(endingOf(error)).toEqual(expected);
  });
});

describe('an aborted signal says why, though platform calls all throw AbortError', () => {
  test.each([
    ['a time limit', timeout, ended('timed-out', 'timed out after 5 ms')],
    ['a person', new CancelledError('by alice'), ended('cancelled', 'by alice')],
    ['a text', 'by alice', ended('cancelled', 'by alice')],
    ['a shutdown', new InterruptedError('restart'), { kind: 'interrupted', reason: 'restart' }],
  ])('%s', async (_, reason, expected) => {
    const signal = AbortSignal.abort(reason);
    const error = await platformError(signal);
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(endingOf(error, signal)).toEqual(expected);
    expect(endingOf(reason, signal)).toEqual(expected);
  });

  test('without a reason it is a cancellation', async () => {
    const signal = AbortSignal.abort();
    expect(endingOf(await platformError(signal), signal)).toEqual(ended('cancelled', 'This operation was aborted'));
  });

  test('a bug in the cleanup after an abort is still a failure', () => {
    expect(endingOf(new TypeError('x is undefined'), AbortSignal.abort(timeout))).toEqual(
      ended('failure', 'x is undefined'),
    );
  });

  test('causes that go in a circle come to an end', () => {
    const error: Error = new DOMException('round', 'AbortError');
    Object.defineProperty(error, 'cause', { value: error });
    expect(endingOf(error)).toEqual(ended('cancelled', 'round'));
  });
});
