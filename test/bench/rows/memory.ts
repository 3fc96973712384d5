import { Agent, get } from 'node:http';
import { json } from 'node:stream/consumers';
import { Stage } from '../../harness/stage.ts';
import { builtScript } from '../built.ts';
import type { Memory } from '../memory/holder.ts';
import type { Row, Sample } from '../row.ts';
import { type ServerProcess, startListener } from '../world/server-process.ts';

const SIZES = [1_000, 10_000, 100_000, 1_000_000] as const;

/** What an auth server takes for so many pipeds, of each a key record and one credential that it decided on, over gRPC. */
export const memoryRows: readonly Row[] = SIZES.map(entries => ({
  id: `memory/${entries}`,
  label: `${entries.toLocaleString('en-US')} pipeds`,
  async open(_world, profile) {
    let sample: Promise<Sample> | undefined;
    // Memory is not noisy, and a million takes minutes: once is enough.
    return () => {
      sample ??= measure(Math.min(entries, profile.entries));
      return sample;
    };
  },
}));

async function measure(entries: number): Promise<Sample> {
  const stage = new Stage();
  try {
    const fleet = await start(stage, 'pipeds and control plane', ['memory/fleet']);
    const flags = ['--expose-gc'];
    const args = [`http://127.0.0.1:${fleet.port}`, String(entries + 1000)];
    const holder = await start(stage, 'auth server', ['memory/holder', ...args], flags);
    const port = await ask<number>(holder, '/port');
    const fill = async (count: number) => {
      const { refused } = await ask<{ refused: number }>(fleet, `/fill?port=${port}&count=${count}`);
      if (refused > 0) throw new Error(`${refused} of ${count} good credentials were refused`);
    };
    // What is made once, for the first of all.
    await fill(500);
    const empty = await ask<Memory>(holder, '/memory');
    await fill(entries);
    const full = await ask<Memory>(holder, '/memory');
    await ask(holder, '/forget');
    const forgotten = await ask<Memory>(holder, '/memory');
    const each = (from: Memory, to: Memory) => (to.rssBytes - from.rssBytes) / entries;
    return {
      bytesEach: each(empty, full),
      heapBytesEach: (full.heapBytes - empty.heapBytes) / entries,
      decisionBytes: (full.heapBytes - forgotten.heapBytes) / entries,
      recordBytes: (forgotten.heapBytes - empty.heapBytes) / entries,
      rssMib: full.rssBytes / 2 ** 20,
    };
  } finally {
    await stage.dispose();
  }

  function start(on: Stage, name: string, [script = '', ...args]: string[], flags: string[] = []) {
    const program = { name, command: process.execPath, args: [...flags, builtScript(script), ...args] };
    return startListener({ stage: on }, program);
  }
}

/** Without fetch's bound of five minutes. */
async function ask<T>({ port }: ServerProcess, path: string): Promise<T> {
  const agent = new Agent({ keepAlive: false });
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent }, response =>
      json(response).then(value => resolve(value as T), reject),
    ).on('error', reject);
  });
}
