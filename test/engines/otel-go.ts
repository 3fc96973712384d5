import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { testRoot } from './root.ts';
import { progress, run } from './run.ts';

const version = engineVersions['otel-go'];

/** A program of this folder with OpenTelemetry's own SDK and OTLP/gRPC exporters for Go. */
export function installOtelGo(): Promise<string> {
  return cached({
    name: 'otel-go',
    version,
    executable: 'exporter',
    async build(outDir, workDir) {
      for (const file of ['go.mod', 'go.sum', 'main.go']) {
        await copyFile(join(testRoot, 'engines', 'otel-go', file), join(workDir, file));
      }
      progress(`building an exporter with OpenTelemetry ${version} for Go …`);
      await run('go', ['build', '-mod=readonly', '-o', join(outDir, 'exporter'), '.'], { cwd: workDir });
    },
  });
}
