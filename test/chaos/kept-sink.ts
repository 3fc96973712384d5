import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { testRoot } from '../engines/root.ts';
import { freePorts } from '../harness/ports.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import type { SinkSpan } from '../harness/sink.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk } from '../harness/wait.ts';

const program = join(testRoot, 'dist', 'chaos', 'recording-sink.js');

/** A backend that can be killed, and keeps what it took. */
export interface KeptSink {
  readonly process: RunningProcess;
  readonly url: string;
  /** On the same port, after it was killed. */
  restart(): Promise<RunningProcess>;
  /** All that any of its lives took. */
  spans(): readonly SinkSpan[];
}

export async function startKeptSink(stage: Stage): Promise<KeptSink> {
  const { port } = await freePorts('port');
  const file = join(await tempDir(stage, 'sink'), 'spans.jsonl');
  const url = `http://127.0.0.1:${port}`;
  const start = () =>
    startProcess(stage, {
      name: 'sink',
      command: process.execPath,
      args: [program, String(port), file],
      ready: () => answersOk(url),
    });
  let seen: { readonly bytes: number; readonly spans: readonly SinkSpan[] } = { bytes: 0, spans: [] };
  const spans = () => {
    const { size } = statSync(file);
    if (size !== seen.bytes) seen = { bytes: size, spans: spansIn(readFileSync(file, 'utf8')) };
    return seen.spans;
  };
  return { process: await start(), url, restart: start, spans };
}

/** A line that was torn by a kill was not answered, so it comes again. */
export function spansIn(lines: string): SinkSpan[] {
  return lines.split('\n').flatMap(line => {
    try {
      return JSON.parse(line) as SinkSpan[];
    } catch {
      return [];
    }
  });
}
