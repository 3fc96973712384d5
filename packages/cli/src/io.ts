import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

/** All that a command touches of the process it runs in. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the person, or whoever supervises the process, wants it to end. */
  readonly stop: AbortSignal;
  /** Calls the listener on a hangup (SIGHUP), which ends the process only while nobody listens. */
  readonly onHangup?: (listener: () => void) => Disposable;
}

export type Output = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

/** Writes a text, and waits where the reader is slower. */
export async function write(output: Output, text: string): Promise<void> {
  if (output.destroyed || output.write(text)) return;
  await Promise.race([once(output, 'drain'), once(output, 'close')]);
}

/** The result of a command: one JSON value where asked for, else what a person reads. */
export async function printResult(
  io: Io,
  json: boolean | undefined,
  value: unknown,
  human: () => string,
): Promise<void> {
  await write(io.stdout, json ? `${JSON.stringify(value)}\n` : human());
}

/** What is going on, for people; never on stdout, where results go. */
export async function tell(io: Io, line: string): Promise<void> {
  await write(io.stderr, `${line}\n`);
}
