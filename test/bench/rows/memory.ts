import { run } from '../../engines/run.ts';
import { builtScript } from '../built.ts';
import type { MemoryFound } from '../memory/holder.ts';
import type { Row, Sample } from '../row.ts';
import type { World } from '../world/world.ts';

const SIZES = [1_000, 10_000, 100_000, 1_000_000] as const;

/** What an auth server takes for so many pipeds, of each a key record and one credential that it decided on. */
export const memoryRows: readonly Row[] = SIZES.map(size => ({
  id: `memory/${size}`,
  label: `${size.toLocaleString('en-US')} pipeds`,
  async open(world, { memory: { entries: most, checks } }) {
    const entries = Math.min(size, most);
    const shown = Math.max(entries, checks);
    // Many are not noisy, and take minutes: once is enough.
    return round => {
      const turn = entries >= ONCE ? 0 : round;
      return world.once(`memory ${entries} ${turn}`, () => measure(world, { entries, shown, usual: checks, turn }));
    };
  },
}));

const ONCE = 100_000;

interface Size {
  readonly entries: number;
  readonly shown: number;
  readonly usual: number;
  readonly turn: number;
}

/** Beside a process that has answered checks as well, and remembers one of them. */
async function measure(world: World, { entries, shown, usual, turn }: Size): Promise<Sample> {
  const none = await world.once(`memory none ${turn}`, () => held(1, usual));
  const some = await held(entries, shown);
  const [all, records] = [
    some.full.heapBytes - none.full.heapBytes,
    some.forgotten.heapBytes - none.forgotten.heapBytes,
  ];
  return {
    bytesEach: (some.full.rssBytes - none.full.rssBytes) / entries,
    heapBytesEach: all / entries,
    recordBytes: records / entries,
    decisionBytes: (all - records) / entries,
    rssMib: some.full.rssBytes / 2 ** 20,
  };
}

/** The memory of a fresh process that was asked about so many pipeds, and keeps the last of them. */
async function held(entries: number, checks: number): Promise<MemoryFound> {
  const scripts = [builtScript('memory/fleet'), builtScript('memory/holder')];
  const pipe = '"$0" "$1" "$4" | "$0" --expose-gc "$2" "$3" "$4"';
  const args = ['-c', pipe, process.execPath, ...scripts, String(entries), String(checks)];
  return JSON.parse(await run('sh', args, { timeoutMs: 600_000 })) as MemoryFound;
}
