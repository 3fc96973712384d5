import { createServer } from 'node:net';
import { Failure } from '../failure.ts';

/** A port that `up` listens on: what for, and the flag that moves it. */
export interface WantedPort {
  readonly port: number;
  readonly what: string;
  readonly flag: string;
}

/**
 * Makes sure, before anything starts, that each port can be had; 0 becomes a free one.
 *
 * @throws Failure one line that names each port that is taken, and what to do
 */
export async function claimPorts<T extends Record<string, WantedPort>>(
  host: string,
  wanted: T,
): Promise<{ [K in keyof T]: number }> {
  const names = Object.keys(wanted) as (keyof T & string)[];
  const held = await Promise.all(names.map(name => hold(host, wanted[name] as WantedPort)));
  await Promise.all(held.map(({ release }) => release()));
  const taken = names.flatMap((name, index) => {
    const { problem } = held[index] as Held;
    const { port, what, flag } = wanted[name] as WantedPort;
    return problem === undefined ? [] : [`port ${port} (${what}) ${problem}: free it, or move it with ${flag} PORT`];
  });
  if (taken.length > 0) throw new Failure(taken.join('; '));
  return Object.fromEntries(names.map((name, index) => [name, held[index]?.port])) as { [K in keyof T]: number };
}

interface Held {
  readonly port: number;
  readonly problem?: string;
  release(): Promise<void>;
}

/** All are held at a time, so that two free ones are never the same one. */
function hold(host: string, { port }: WantedPort): Promise<Held> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve({
        port,
        problem: PROBLEMS[error.code ?? ''] ?? `can't be used (${error.code})`,
        release: async () => {},
      });
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      resolve({ port: bound, release: () => new Promise(released => server.close(() => released())) });
    });
  });
}

const PROBLEMS: Record<string, string> = {
  EADDRINUSE: 'is in use',
  EACCES: 'needs more rights than this user has',
};
