import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

const version = engineVersions.jaeger;
const command = 'github.com/jaegertracing/jaeger/cmd/jaeger';

/**
 * Jaeger's module has a `replace` directive, which `go install …@version` refuses and a dependant doesn't inherit. So a module
 * of our own requires it and repeats the directive. Versions follow from Jaeger's go.mod by minimal version selection, and the
 * checksum database vouches for them, so no go.sum has to be kept here.
 */
const goMod = `module spanpass.invalid/jaeger

go 1.25.0

require github.com/jaegertracing/jaeger v${version}

replace github.com/Shopify/sarama => github.com/Shopify/sarama v1.33.0
`;

const goFile = `//go:build tools

package tools

import _ "${command}"
`;

/** The binary alone: the module holds no built web pages, so its query API answers and its UI doesn't. */
export function installJaeger(): Promise<string> {
  return cached({
    name: 'jaeger',
    version,
    executable: 'jaeger',
    async build(outDir, workDir) {
      await writeFile(join(workDir, 'go.mod'), goMod);
      await writeFile(join(workDir, 'tools.go'), goFile);
      progress(`building Jaeger ${version} (about four minutes) …`);
      // `-mod=mod` writes go.sum as it goes; `go mod tidy` would want every test dependency of every module too.
      await run('go', ['build', '-mod=mod', '-ldflags', '-s -w', '-o', join(outDir, 'jaeger'), command], {
        cwd: workDir,
      });
    },
  });
}
