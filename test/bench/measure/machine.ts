import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import type { Engine } from '../../engines/index.ts';
import { run } from '../../engines/run.ts';

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Load average over one minute before anything was started. */
  readonly loadAtStart: number;
}

export async function describeMachine(engines: readonly Engine[]): Promise<Machine> {
  const go = await run('go', ['version']).catch(() => '');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    versions: {
      node: process.versions.node,
      openssl: process.versions.openssl,
      go: /go(\d[\d.]*)/.exec(go)?.[1] ?? 'unknown',
      ...Object.fromEntries(engines.map(({ name, version }) => [name, version])),
    },
    loadAtStart: loadavg()[0] ?? Number.NaN,
  };
}
