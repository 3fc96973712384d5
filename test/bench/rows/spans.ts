import { join } from 'node:path';
import { run } from '../../engines/run.ts';
import { builtScript } from '../built.ts';
import type { SpansResult } from '../drive/spans.ts';
import { onCore } from '../measure/on-core.ts';
import type { Row } from '../row.ts';
import { nodePeer } from '../world/peers.ts';
import { LOAD_CORE, SERVER_CORE } from '../world/world.ts';

const WAYS = [
  { mode: 'none', label: 'no exporter (floor)' },
  { mode: 'stock', label: 'stock batch processor and exporter' },
  { mode: 'durable', label: '**spanpass** through the spool on disk' },
  { mode: 'spool', label: '**spanpass** spool alone, appended and taken' },
] as const;

/** One piped's spans on a core of its own, each round a fresh process with a spool of its own. */
export const spanRows: readonly Row[] = WAYS.map(({ mode, label }) => ({
  id: `spans/${mode}`,
  label,
  async open(world, profile) {
    const sink = await nodePeer(world, 'otlp-sink', LOAD_CORE);
    const script = builtScript('drive/spans');
    return async round => {
      const folder = join(world.folder, `spool-${mode}-${round}`);
      const args = [script, mode, String(sink.port), String(profile.spans), folder];
      const [command, pinned] = onCore(SERVER_CORE, process.execPath, args);
      return { ...(JSON.parse(await run(command, pinned, { timeoutMs: 180_000 })) as SpansResult) };
    };
  },
}));
