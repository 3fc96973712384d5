import { mkdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

interface GoTool {
  readonly name: 'helm' | 'kubeconform';
  /** The package of the command, whose module has the version of the engine. */
  readonly command: string;
  /** What the build says while it takes its time. */
  readonly takes: string;
}

/** A command as its own module builds it: with the versions of that module's go.sum. */
function installGoTool({ name, command, takes }: GoTool): Promise<string> {
  const version = engineVersions[name];
  return cached({
    name,
    version,
    executable: name,
    async build(outDir, workDir) {
      const bin = join(workDir, 'bin');
      await mkdir(bin);
      progress(`building ${name} ${version} (${takes}) …`);
      await run('go', ['install', '-ldflags', '-s -w', `${command}@v${version}`], {
        env: { GOBIN: bin, GOFLAGS: '-mod=mod' },
        timeoutMs: 25 * 60_000,
      });
      await rename(join(bin, basename(command)), join(outDir, name));
    },
  });
}

export function installHelm(): Promise<string> {
  return installGoTool({ name: 'helm', command: 'helm.sh/helm/v4/cmd/helm', takes: 'about five minutes' });
}

/** Holds Kubernetes objects against the schemas of its API. */
export function installKubeconform(): Promise<string> {
  const command = 'github.com/yannh/kubeconform/cmd/kubeconform';
  return installGoTool({ name: 'kubeconform', command, takes: 'half a minute' });
}
