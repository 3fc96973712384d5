import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fieldsOf, lastAt, messagesAt, textAt } from '../durable/otlp/wire.ts';
import { grpcTransport } from '../durable/sender/grpc-transport.ts';
import { SpoolSender } from '../durable/sender/spool-sender.ts';
import { pendingIn } from '../durable/spool/inspect.ts';
import { Spool } from '../durable/spool/spool.ts';
import { kill, startChild } from '../durable/testing/child-process.ts';
import { GrpcReceiver } from '../durable/testing/grpc-receiver.ts';
import { scratchFolder, seeded } from '../durable/testing/scratch.ts';
import { traceIdOf } from '../ids.ts';
import { type ExportedSpan, flawsOf } from './testing/journal-bench.ts';
import { untilSpans } from './testing/life.ts';
import type { PipedChildOptions } from './testing/piped-child.ts';

let scratch: ReturnType<typeof scratchFolder>;
let gateway: GrpcReceiver;
let children: ChildProcess[];
beforeEach(async () => {
  scratch = scratchFolder();
  gateway = await GrpcReceiver.start();
  children = [];
});
afterEach(async () => {
  for (const child of children) await kill(child);
  await gateway[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const journals = () => join(scratch.path, 'journals');
const spoolFolder = () => join(scratch.path, 'spool');

async function piped(seed: number, more: Partial<PipedChildOptions> = {}): Promise<ChildProcess> {
  const run = children.length;
  const child = await startChild('../../journal/testing/piped-child', {
    folder: journals(),
    seed: seed * 1_000 + run,
    spansFile: join(scratch.path, `${run}.spans`),
    startedFile: join(scratch.path, `${run}.started`),
    durable: { endpoint: `http://127.0.0.1:${gateway.port}`, spoolFolder: spoolFolder() },
    ...more,
  } satisfies PipedChildOptions);
  children.push(child);
  return child;
}

/** Whole lines: a kill may tear the last one. */
function lines(ending: string): string[] {
  const files = readdirSync(scratch.path).filter(file => file.endsWith(ending));
  return files.flatMap(file => readFileSync(join(scratch.path, file), 'utf8').split('\n').slice(0, -1));
}

/** opentelemetry/proto/trace/v1/trace.proto: its content is its bytes, so that twice is the same only if all of it is. */
function spansIn(request: Uint8Array): ExportedSpan[] {
  const spans: ExportedSpan[] = [];
  for (const perResource of messagesAt(request, 1)) {
    for (const perScope of messagesAt(perResource, 2)) {
      for (const span of messagesAt(perScope, 2)) {
        const hex = (no: number) => Buffer.from(lastAt(span, no)?.bytes ?? []).toString('hex');
        const content = [...fieldsOf(span)].map(({ no, bytes, number }) => `${no} ${bytes ?? number}`);
        spans.push({ traceId: hex(1), spanId: hex(2), parentId: hex(4) || undefined, name: textAt(span, 5), content });
      }
    }
  }
  return spans;
}

/** As the next piped would. */
async function sendTheRest(): Promise<void> {
  await using spool = new Spool({ folder: spoolFolder() });
  const transport = grpcTransport({ endpoint: `http://127.0.0.1:${gateway.port}` });
  await using sender = new SpoolSender({ spool, transport, lingerMs: 0, initialBackoffMs: 20, maxBackoffMs: 50 });
  await spool.keepHouse();
  await sender.flush();
}

test.each([1, 2])(
  'killed -9 with a journal and a spool: all that ended arrives, what was open is closed, in one tree (seed %d)',
  { timeout: 240_000 },
  async seed => {
    const random = seeded(seed);
    const taken: ExportedSpan[] = [];
    gateway.answer = ({ payload }) => {
      if (random() < 0.2) return { code: status.UNAVAILABLE, details: 'not now' };
      taken.push(...spansIn(payload));
      return Buffer.alloc(0);
    };
    for (let run = 0; run < 10; run++) {
      const child = await piped(seed);
      await untilSpans(join(scratch.path, `${run}.spans`), Math.floor(random() * random() * 200));
      await delay(random() * 4);
      await kill(child);
    }
    const last = await piped(0, { finish: true });
    if (last.exitCode === null) await once(last, 'exit');
    expect(last.exitCode).toBe(0);
    await sendTheRest();
    expect(await pendingIn(spoolFolder())).toEqual([]);
    expect(readdirSync(journals())).toEqual(['owners']);

    const arrived = new Set(taken.map(span => span.traceId + span.spanId));
    const ended = lines('.spans').map(line => JSON.parse(line) as ExportedSpan);
    expect(ended.length).toBeGreaterThan(100);
    expect(ended.filter(span => !arrived.has(span.traceId + span.spanId))).toEqual([]);
    expect(flawsOf(taken)).toEqual([]);
    const roots = new Set(taken.filter(span => span.parentId === undefined).map(span => span.traceId));
    const started = lines('.started');
    expect(started.length).toBeGreaterThan(20);
    expect(started.filter(id => !roots.has(traceIdOf(id)))).toEqual([]);
    const closed = ended.filter(span => JSON.stringify(span.content).includes('process ended'));
    expect(closed.length).toBeGreaterThan(10);
  },
);
