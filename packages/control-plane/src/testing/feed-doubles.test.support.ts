import type { Sink } from '../feed/follower.ts';
import type { ChangePage, ReadChanges } from '../feed/read-changes.ts';
import type { Change } from '../wire/changes.ts';

/** A table of changes that can lose its old rows, fail, or hang. */
export class FakeTable {
  revision = 0;
  compacted = 0;
  failing = false;
  reads = 0;
  /** Runs while a read is under way, after its moment. */
  duringRead: (() => unknown) | undefined;

  readonly read: ReadChanges = async (after, limit) => {
    this.reads++;
    if (this.failing) throw new Error('the database is gone');
    const page = this.#page(after, limit);
    const { duringRead } = this;
    this.duringRead = undefined;
    await duringRead?.();
    return page;
  };

  write(count = 1): void {
    this.revision += count;
  }

  #page(after: number, limit: number): ChangePage {
    const { revision } = this;
    if (after > revision || after < this.compacted) return { kind: 'lost', revision };
    const changes: Change[] = Array.from({ length: Math.min(limit, revision - after) }, (_, at) => ({
      revision: after + 1 + at,
      at: new Date(0),
      body: { kind: 'project', project: 'shop', projectStatus: 'active' },
    }));
    return { kind: 'page', revision, changes };
  }
}

/** Keeps what was written, as `id`s and events; its reader takes nothing while `stuck`. */
export class FakeSink implements Sink {
  readonly events: string[] = [];
  stuck = false;
  ending: 'ended' | 'destroyed' | undefined;
  #unread = 0;
  #onDrained: (() => void)[] = [];

  write(frame: Buffer): void {
    const text = frame.toString();
    const [, event = ''] = /event: (\w+)/.exec(text) ?? [];
    const [, revision = ''] = /"revision":(\d+)/.exec(text) ?? [];
    this.events.push(event === 'change' ? revision : `${event} ${revision}`);
    if (this.stuck) this.#unread += frame.length;
  }
  get bufferedBytes(): number {
    return this.#unread;
  }
  drained(): Promise<void> {
    return this.#unread === 0 ? Promise.resolve() : new Promise(resolve => this.#onDrained.push(resolve));
  }
  readOn(): void {
    this.stuck = false;
    this.#unread = 0;
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }
  end(): void {
    this.ending ??= 'ended';
  }
  destroy(): void {
    this.ending ??= 'destroyed';
  }
}
