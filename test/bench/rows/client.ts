import { testRoot } from '../../engines/root.ts';
import { run } from '../../engines/run.ts';
import { builtScript } from '../built.ts';
import type { ExportResult } from '../drive/export.ts';
import { onCore } from '../measure/on-core.ts';
import type { Row } from '../row.ts';
import { nodePeer } from '../world/peers.ts';
import { piped } from '../world/spanpass.ts';
import { LOAD_CORE, SERVER_CORE } from '../world/world.ts';

const WAYS = [
  { id: 'client/static', label: 'static metadata', mode: 'static' },
  { id: 'client/credential', label: '**spanpass** credential', mode: 'credential' },
] as const;

/**
 * One piped's exporters on a core of their own, each round a fresh process in which they take turns: what signing and attaching a
 * credential costs. Both rows come from the same process.
 */
const exportRows: readonly Row[] = WAYS.map(({ id, label, mode }) => ({
  id,
  label,
  async open(world, profile) {
    const sink = await nodePeer(world, 'otlp-sink', LOAD_CORE);
    const { keyFilePath } = await piped(world);
    const script = builtScript('drive/export');
    const measured = (await world.once('exports', async () => new Map())) as Map<number, Promise<ExportResult>>;
    const measure = async () => {
      const args = [script, String(sink.port), String(profile.exports), keyFilePath];
      const [command, pinned] = onCore(SERVER_CORE, process.execPath, args);
      return JSON.parse(await run(command, pinned, { timeoutMs: 180_000 })) as ExportResult;
    };
    return async round => {
      const result = measured.get(round) ?? measure();
      measured.set(round, result);
      // A round that fails is measured again.
      result.catch(() => measured.delete(round));
      return { ...(await result)[mode] };
    };
  },
}));

const PACKAGES = ['@spanpass/credential', '@spanpass/client', '@spanpass/tracing', '@spanpass/server'] as const;
/** What these are made of, of which an exporter for OTLP/gRPC has loaded grpc-js already. */
const PARTS = ['zod', 'jose', '@grpc/grpc-js', '@opentelemetry/sdk-trace-base'] as const;

/** In a process that has nothing else loaded. */
const MEASURE_IMPORT = `
const rss = process.memoryUsage.rss(), startedAt = performance.now();
await import(process.argv[1]);
console.log(JSON.stringify({ importMs: performance.now() - startedAt, memoryKib: (process.memoryUsage.rss() - rss) / 1024 }));
`;

const importRows: readonly Row[] = [...PACKAGES, ...PARTS].map(name => ({
  id: `imports/${name}`,
  label: `\`${name}\`${name.startsWith('@spanpass/') ? '' : ' alone'}`,
  open: async () => async () => {
    const args = ['--input-type=module', '-e', MEASURE_IMPORT, name];
    return JSON.parse(await run(process.execPath, args, { cwd: testRoot }));
  },
}));

export const clientRows: readonly Row[] = [...exportRows, ...importRows];
