import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, readKeyFile, renew } from '@spanpass/client';
import { createDurableExport, dropsIn, pendingIn } from '@spanpass/tracing/durable';
import { testRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import type { SmallDisk } from '../harness/small-disk.ts';
import type { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import type { MadeSpan } from './count.ts';
import type { PipedOptions } from './piped.ts';
import type { Part } from './stack.ts';

const program = join(testRoot, 'dist', 'chaos', 'piped.js');

/** A piped that can be killed, and comes back with the same disk. */
export class RunningPiped {
  readonly name: string;
  readonly enrolled: EnrolledPiped;
  /** Where it sends to, if it does not send by itself. */
  readonly sidecar: Part | undefined;
  readonly #gatewayUrl: string;
  readonly #disk: SmallDisk | undefined;
  readonly #stage: Stage;
  readonly #options: PipedOptions;
  readonly #lives: RunningProcess[] = [];

  constructor(
    stage: Stage,
    enrolled: EnrolledPiped,
    options: Omit<PipedOptions, 'keyFile' | 'clockFile'>,
    way: { readonly gatewayUrl: string; readonly sidecar?: Part | undefined; readonly disk?: SmallDisk | undefined },
  ) {
    this.name = options.name;
    this.sidecar = way.sidecar;
    this.#gatewayUrl = way.gatewayUrl;
    this.#disk = way.disk;
    this.enrolled = enrolled;
    this.#stage = stage;
    this.#options = { ...options, keyFile: enrolled.keyFilePath, clockFile: join(options.folder, 'clock') };
  }

  get exporter(): PipedOptions['exporter'] {
    return this.#options.exporter;
  }

  /** Its spool holds little; it is left alive, since a killed process takes the last second of its count along. */
  get isBounded(): boolean {
    return this.#options.spoolMaxBytes !== undefined;
  }

  get spoolFolder(): string {
    return join(this.#options.folder, 'spool');
  }

  async start(): Promise<void> {
    const options = { ...this.#options, seed: this.#options.seed + this.#lives.length };
    const life = await startProcess(this.#stage, {
      name: `piped ${this.name}`,
      command: process.execPath,
      args: [program, JSON.stringify(options)],
      ready: () => true,
    });
    this.#lives.push(life);
    await waitFor(`piped ${this.name} to deploy`, () => life.output().includes('ready\n'));
  }

  async kill(): Promise<void> {
    await this.#lives.at(-1)?.stop('SIGKILL');
  }

  /** Lets it end what it does. */
  async stop(): Promise<void> {
    await this.#lives.at(-1)?.stop('SIGTERM', 20_000);
    await this.sidecar?.stop();
  }

  async setClockOff(ms: number): Promise<void> {
    await writeFile(this.#options.clockFile, String(ms));
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#lives.at(-1)?.signal(signal);
  }

  /** Without a disk of its own, its files can't grow from now on, which looks much the same to it. */
  async fillDisk(full: boolean): Promise<void> {
    if (this.#disk) return full ? this.#disk.fill() : this.#disk.free();
    if (this.exporter !== 'durable') return;
    const pid = String(this.#lives.at(-1)?.pid);
    await run('prlimit', ['--pid', pid, `--fsize=${full ? '64' : 'unlimited'}:unlimited`]);
  }

  /** As its key is renewed in the field; gives the old key's id. */
  async renewKey(): Promise<string> {
    const { keyFile } = this.#options;
    const { kid } = await readKeyFile(keyFile);
    await renew({ keyFile });
    return kid;
  }

  /** What all its lives said. */
  made(): MadeSpan[] {
    const { project, piped } = this.enrolled;
    return this.#lives.flatMap(life =>
      [...life.output().matchAll(/^(stored|refused) ([0-9a-f]{32}) ([0-9a-f]{16}) (\d+)$/gm)].map(
        ([, fate, traceId = '', spanId = '', endedAtMs]) => ({
          project,
          piped,
          traceId,
          spanId,
          endedAtMs: Number(endedAtMs),
          stored: fate === 'stored',
        }),
      ),
    );
  }

  /** Items that the spool counted as not stored, and why. */
  countedDrops(): { readonly reason: string; readonly items: number }[] {
    return dropsIn(this.spoolFolder);
  }

  /** Sends what is left, as the next start of the piped would; gives what is left then. */
  async drain(timeoutMs: number): Promise<number> {
    const pass = createClient({ keyFile: this.#options.keyFile, renewal: false });
    const durable = createDurableExport({
      endpoint: this.#gatewayUrl,
      credentials: pass.exportCredentials(),
      spool: { folder: this.spoolFolder },
      retry: { initialBackoffMs: 100, maxBackoffMs: 500 },
      env: {},
    });
    await durable.spool.keepHouse();
    await durable.sender.flush({ timeoutMs });
    await durable.shutdown();
    await pass[Symbol.asyncDispose]();
    return (await pendingIn(this.spoolFolder)).reduce((sum, { items }) => sum + items, 0);
  }
}
