#!/usr/bin/env node
import { oneLine } from './failure.ts';
import { run } from './program.ts';

const stop = new AbortController();
let asked = 0;
const askToStop = () => {
  asked += 1;
  // Whoever asks twice does not want to wait.
  if (asked > 1) process.exit(1);
  stop.abort();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, askToStop);

const hangupListeners = new Set<() => void>();
process.on('SIGHUP', () => {
  if (hangupListeners.size === 0) return askToStop();
  for (const listener of hangupListeners) listener();
});
const onHangup = (listener: () => void): Disposable => {
  hangupListeners.add(listener);
  return { [Symbol.dispose]: () => void hangupListeners.delete(listener) };
};

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(`spanpass: internal error: ${oneLine(error)}\n`);
    if (process.env.SPANPASS_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The reader has seen enough (`| head`): what serves goes on without it, what prints has nobody to print for.
    if (error.code !== 'EPIPE') throw error;
    stream.destroy();
  });
}

const { stdin, stdout, stderr, env } = process;
process.exitCode = await run(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  env,
  stop: stop.signal,
  onHangup,
});
