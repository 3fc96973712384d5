import type { Engine } from '../../engines/index.ts';
import type { Stage } from '../../harness/stage.ts';
import { profileName, writeWarm } from '../profiles.ts';

/** A core for what is measured, and one for who loads it: only where a row wants one core to itself. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

export interface WorldOptions {
  readonly stage: Stage;
  /** Scratch space. */
  readonly folder: string;
  readonly envoy: Engine;
  readonly h2load: Engine;
  /** Where servers in Node.js leave a CPU profile when they end. Default none. */
  readonly cpuProfileFolder?: string | undefined;
}

/** What the rows of one group share: each thing is started when a row first asks for it, and ends with the stage. */
export class World {
  readonly stage: Stage;
  readonly folder: string;
  readonly envoy: Engine;
  readonly h2load: Engine;
  readonly cpuProfileFolder: string | undefined;
  /** The row that is being started. */
  rowId = '';
  readonly #made = new Map<string, Promise<unknown>>();

  constructor({ stage, folder, envoy, h2load, cpuProfileFolder }: WorldOptions) {
    this.stage = stage;
    this.folder = folder;
    this.envoy = envoy;
    this.h2load = h2load;
    this.cpuProfileFolder = cpuProfileFolder;
  }

  /** What a program in Node.js is told to profile itself for the row at hand; nothing where nobody wants that. */
  profileFlags(): readonly string[] {
    if (this.cpuProfileFolder === undefined) return [];
    const name = `${profileName(this.rowId)}.cpuprofile`;
    return ['--cpu-prof', `--cpu-prof-dir=${this.cpuProfileFolder}`, `--cpu-prof-name=${name}`];
  }

  /** Says that these rows' servers are up and warm: what they did until now belongs into no profile. */
  async warm(rowIds: readonly string[]): Promise<void> {
    if (this.cpuProfileFolder !== undefined) await writeWarm(this.cpuProfileFolder, rowIds);
  }

  once<T>(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#made.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = make();
    this.#made.set(key, made);
    return made;
  }
}
