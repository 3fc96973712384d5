import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeadLetters } from '../dead-letters/dead-letters.ts';
import { resendDeadLetters } from '../dead-letters/resend.ts';
import { FrameEncoder } from '../spool/frame.ts';
import { segmentFileName, segmentUid } from '../spool/segment-name.ts';
import { ACCEPTED } from '../testing/scripted-transport.ts';
import { FAILED, REJECTED, range, SenderBench, UNAVAILABLE } from '../testing/sender-bench.ts';

let bench: SenderBench;
beforeEach(() => {
  bench = new SenderBench();
});
afterEach(async () => {
  expect(await bench.close()).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

function appendWhole(from: number, to = from): void {
  for (const text of range(from, to)) bench.spool.append('traces', Buffer.from(`${text};`), 1, { whole: true });
}

const sent = () => bench.transport.requests.map(({ texts }) => texts.join('+'));

describe('whole requests', () => {
  it('go one by one, in their order; what may be merged still is', async () => {
    bench.append(1, 2);
    appendWhole(3, 4);
    bench.append(5, 6);
    bench.start({ lingerMs: 0 });
    await bench.idle();
    expect(sent()).toEqual(['1+2', '3', '4', '5+6']);
  });

  it('are still whole for the process that takes them over', async () => {
    appendWhole(1, 2);
    await bench.reopenSpool();
    bench.start({ lingerMs: 0 });
    await bench.spool.keepHouse();
    await bench.idle();
    expect(sent()).toEqual(['1', '2']);
  });

  it('wait from the first that does not arrive', async () => {
    bench.transport.answer = ({ texts }) => (texts.includes('2') ? UNAVAILABLE : ACCEPTED);
    appendWhole(1, 3);
    bench.start({ lingerMs: 0 });
    await bench.waitsFor(UNAVAILABLE.reason);
    expect(sent()).toEqual(['1', '2']);
    expect(bench.spool.pending('traces').records).toBe(2);
  });

  it('that are refused are dead letters, each by itself, and whole again when they are sent again', async () => {
    bench.transport.answer = ({ texts }) => (texts.includes('2') || texts.includes('3') ? REJECTED : ACCEPTED);
    appendWhole(1, 4);
    bench.start({ lingerMs: 0 });
    await bench.idle();
    expect(sent()).toEqual(['1', '2', '3', '4']);
    expect(await new DeadLetters(bench.folder).list()).toMatchObject([{ whole: true }, { whole: true }]);
    bench.transport.answer = () => ACCEPTED;
    await resendDeadLetters(bench.spool);
    await bench.idle();
    expect(sent().slice(4)).toEqual(['2', '3']);
  });

  it('on which the receiver fails hold up no others for ever', async () => {
    bench.transport.answer = ({ texts }) => (texts.includes('1') ? FAILED : ACCEPTED);
    appendWhole(1, 3);
    bench.start({ lingerMs: 0, initialBackoffMs: 100, maxBackoffMs: 100 });
    for (let attempt = 1; attempt < 5; attempt++) {
      await bench.requests(attempt);
      await bench.waitsFor(FAILED.reason);
      bench.clock.advance(100);
    }
    await bench.idle();
    expect(sent()).toEqual(['1', '1', '1', '1', '1', '2', '3']);
    expect(bench.sender?.stats().deadLetters).toBe(1);
  });
});

it('a segment of the first version is sent as before', async () => {
  await bench.spool.close();
  const header = Buffer.alloc(32);
  header.write('SPSPL\0\x01\x01', 'latin1');
  const encoder = new FrameEncoder();
  const frames = range(1, 3).map(text => Buffer.from(encoder.encode(Buffer.from(`${text};`), 1, bench.clock.now())));
  const owner = '0123456789abcdef';
  const name = { uid: segmentUid(bench.clock.now(), owner, 0), kind: 'traces', owner } as const;
  writeFileSync(join(bench.folder, 'segments', segmentFileName(name)), Buffer.concat([header, ...frames]));
  await bench.reopenSpool();
  await bench.spool.keepHouse();
  bench.start({ lingerMs: 0 });
  await bench.idle();
  expect(sent()).toEqual(['1+2+3']);
});
