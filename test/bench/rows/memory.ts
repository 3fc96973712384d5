import { Agent, get } from 'node:http';
import { json } from 'node:stream/consumers';
import { Stage } from '../../harness/stage.ts';
import { builtScript } from '../built.ts';
import type { Memory } from '../memory/holder.ts';
import type { Row, Sample } from '../row.ts';
import { type ServerProcess, startListener } from '../world/server-process.ts';
import type { World } from '../world/world.ts';

const SIZES = [1_000, 10_000, 100_000, 1_000_000] as const;

/** What an auth server takes for so many pipeds, of each a key record and one credential that it decided on, over gRPC. */
export const memoryRows: readonly Row[] = SIZES.map(size => ({
  id: `memory/${size}`,
  label: `${size.toLocaleString('en-US')} pipeds`,
  async open(world, { memory: { entries: most, checks } }) {
    const entries = Math.min(size, most);
    // Memory is not noisy, and a million takes minutes: once is enough.
    return () => world.once(`memory ${entries}`, () => measure(world, entries, Math.max(entries, checks), checks));
  },
}));

/** Beside a process that has answered checks as well, and remembers none of them. */
async function measure(world: World, entries: number, checks: number, usualChecks: number): Promise<Sample> {
  const { full: none } = await world.once('memory none', () => held(1, usualChecks));
  const { full, forgotten } = await held(entries, checks);
  return {
    bytesEach: (full.rssBytes - none.rssBytes) / entries,
    heapBytesEach: (full.heapBytes - none.heapBytes) / entries,
    decisionBytes: (full.heapBytes - forgotten.heapBytes) / entries,
    recordBytes: (forgotten.heapBytes - none.heapBytes) / entries,
    rssMib: full.rssBytes / 2 ** 20,
  };
}

/** The memory of a fresh process that was asked about so many pipeds, and keeps the last of them. */
async function held(entries: number, checks: number): Promise<{ readonly full: Memory; readonly forgotten: Memory }> {
  const stage = new Stage();
  try {
    const fleet = await start(stage, 'pipeds and control plane', ['memory/fleet']);
    const args = [`http://127.0.0.1:${fleet.port}`, String(entries)];
    const holder = await start(stage, 'auth server', ['memory/holder', ...args], ['--expose-gc']);
    const port = await ask<number>(holder, '/port');
    const { refused } = await ask<{ refused: number }>(fleet, `/fill?port=${port}&count=${checks}`);
    if (refused > 0) throw new Error(`${refused} of ${checks} good credentials were refused`);
    const full = await ask<Memory>(holder, '/memory');
    await ask(holder, '/forget');
    return { full, forgotten: await ask<Memory>(holder, '/memory') };
  } finally {
    await stage.dispose();
  }

  function start(on: Stage, name: string, [script = '', ...args]: string[], flags: string[] = []) {
    const program = { name, command: process.execPath, args: [...flags, builtScript(script), ...args] };
    const world = { stage: on, profiled: () => {} };
    return startListener(world, program);
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
