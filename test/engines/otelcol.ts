import { copyFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { testRoot } from './root.ts';
import { progress, run } from './run.ts';

const version = engineVersions.otelcol;

/** The Collector is built from its Go modules with its own builder; collector-build.yaml says which components. */
export function installOtelcol(): Promise<string> {
  return cached({
    name: 'otelcol',
    version,
    executable: 'otelcol',
    async build(outDir, workDir) {
      const bin = join(workDir, 'bin');
      await mkdir(bin);
      progress(`building the Collector's builder ${version} …`);
      await run('go', ['install', `go.opentelemetry.io/collector/cmd/builder@v${version}`], { env: { GOBIN: bin } });
      progress(`building the Collector ${version} (about a minute and a half) …`);
      await copyFile(join(testRoot, 'engines', 'collector-build.yaml'), join(workDir, 'collector-build.yaml'));
      // It leaves a folder where temporary files go.
      const env = { TMPDIR: workDir };
      await run(join(bin, 'builder'), ['--config', 'collector-build.yaml'], { cwd: workDir, env });
      await rename(join(workDir, 'dist', 'otelcol'), join(outDir, 'otelcol'));
    },
  });
}
