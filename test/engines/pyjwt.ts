import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

const version = engineVersions.pyjwt;

/** PyJWT, what it verifies signatures with, and what that needs. */
const packages = [`pyjwt==${version}`, 'cryptography==50.0.2', 'cffi==2.1.1', 'pycparser==3.12'];

/** A Python of its own that can `import jwt`: somebody else's verifier of the same credentials. */
export function installPyjwt(): Promise<string> {
  return cached({
    name: 'pyjwt',
    version,
    executable: 'bin/python',
    async build(outDir) {
      progress(`installing PyJWT ${version} into a virtual environment …`);
      await run('python3', ['-m', 'venv', '--clear', outDir]);
      const flags = ['--quiet', '--disable-pip-version-check', '--only-binary=:all:', '--no-deps'];
      await run(join(outDir, 'bin', 'python'), ['-m', 'pip', 'install', ...flags, ...packages]);
    },
  });
}
