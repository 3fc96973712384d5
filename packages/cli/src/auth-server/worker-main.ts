import type { FromWorker, ToWorker } from '@spanpass/server';
import { oneLine } from '../failure.ts';
import { runWorker } from './run-worker.ts';

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
// Whoever has the workers hears these too, and says what is to be done.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
// Nobody is left who would say stop.
process.once('disconnect', () => stop.abort());

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(`spanpass: internal error in a worker: ${oneLine(error)}\n`);
    process.exit(1);
  });
}

const code = await runWorker(
  {
    onMessage: listener => void process.on('message', message => listener(message as ToWorker)),
    send: (message: FromWorker) =>
      new Promise((resolve, reject) => {
        if (process.send === undefined || !process.connected) return reject(new Error('nobody to tell'));
        process.send(message, undefined, undefined, (error: Error | null) => (error ? reject(error) : resolve()));
      }),
    stop: stop.signal,
  },
  process.env,
);
process.exit(code);
