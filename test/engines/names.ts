/** The programs that suites run for real, and the versions they were written against. */
export const engineVersions = {
  envoy: '1.40.0',
  otelcol: '0.165.0',
  jaeger: '1.76.0',
  pyjwt: '2.15.1',
  helm: '4.3.1',
  kubeconform: '0.8.0',
  'kubernetes-schemas': '1.37.2',
  'compose-spec': '2.16.2',
  hadolint: '2.15.1',
  /** The oldest that the packages say they run on, and the two long-term releases after it. */
  'node-20': '20.19.0',
  'node-22': '22.23.3',
  'node-24': '24.21.0',
  'otel-go': '1.47.0',
  'otel-python': '1.45.2',
  /** OpenTelemetry's, in the worked examples of the specification. */
  'piped-go': '1.47.0',
  'piped-python': '1.45.2',
  /** The release before this one; `upgrade/previous.json` names it. */
  previous: 'any',
  /** The lowest major version that will do; the distribution decides the exact one. */
  postgres: '15',
  nginx: 'any',
  chromium: 'any',
  h2load: 'any',
  promtool: 'any',
  'systemd-analyze': 'any',
} as const;

export type EngineName = keyof typeof engineVersions;

export const engineNames = Object.keys(engineVersions) as EngineName[];

export function isEngineName(name: string): name is EngineName {
  return Object.hasOwn(engineVersions, name);
}

/** `path` is the executable; for PostgreSQL it is the folder that holds `initdb`, `postgres` and `psql`. */
export interface Engine {
  readonly name: EngineName;
  readonly path: string;
  readonly version: string;
}

/** An engine that can't be had here, and why: no network, no toolchain, no right to install. */
export class EngineMissing extends Error {
  override readonly name = 'EngineMissing';
  readonly engine: EngineName;
  readonly reason: string;

  constructor(engine: EngineName, reason: string) {
    super(`the engine ${engine} can't be had: ${reason}`);
    this.engine = engine;
    this.reason = reason;
  }
}
