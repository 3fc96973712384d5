import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { testRoot } from './root.ts';
import { progress, run } from './run.ts';

const version = engineVersions['otel-go'];
const sources = ['go.mod', 'go.sum', 'main.go', join('pipecd', 'main.go')];

/** A program of this folder with OpenTelemetry's own SDK and OTLP/gRPC exporters for Go; {@link pipecdPiped} stands beside it. */
export async function installOtelGo(): Promise<string> {
  const piped = await cached({
    name: 'otel-go',
    version,
    // The younger of the two, so that a cache from before it is filled again.
    executable: 'pipecd',
    async build(outDir, workDir) {
      await mkdir(join(workDir, 'pipecd'));
      for (const file of sources) await copyFile(join(testRoot, 'engines', 'otel-go', file), join(workDir, file));
      progress(`building exporters with OpenTelemetry ${version} for Go …`);
      await run('go', ['build', '-mod=readonly', '-o', join(outDir, 'exporter'), '.'], { cwd: workDir });
      await run('go', ['build', '-mod=readonly', '-o', join(outDir, 'pipecd'), './pipecd'], { cwd: workDir });
    },
  });
  return join(dirname(piped), 'exporter');
}

/** Traces a deployment in the way of PipeCD's own piped: `pipecd ENDPOINT PROJECT PIPED DEPLOYMENT_ID`. */
export function pipecdPiped({ path }: { readonly path: string }): string {
  return join(dirname(path), 'pipecd');
}
