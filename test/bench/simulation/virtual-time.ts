interface Event {
  readonly at: number;
  /** Of two events at the same moment the one that was planned first comes first. */
  readonly order: number;
  readonly run: () => void;
}

/** Time that passes only when there is nothing left to do in it. Milliseconds. */
export class VirtualTime {
  readonly #events: Event[] = [];
  #order = 0;
  #now = 0;

  get now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): void {
    const event = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, events[parent] as Event)) break;
      events[at] = events[parent] as Event;
      at = parent;
    }
    events[at] = event;
  }

  /** Runs what was planned up to then. Promises that an event settles have had their effects before the next one. */
  async runUntil(ms: number, isOver: () => boolean = () => false): Promise<void> {
    for (let next = this.#events[0]; next !== undefined && next.at <= ms && !isOver(); next = this.#events[0]) {
      this.#removeFirst();
      this.#now = next.at;
      next.run();
      // What is real code among the simulated has promises, a few deep.
      for (let turn = 0; turn < 8; turn++) await undefined;
    }
    if (!isOver()) this.#now = Math.max(this.#now, ms);
  }

  #removeFirst(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as Event, events[child] as Event)) child++;
      if (!isBefore(events[child] as Event, last)) break;
      events[at] = events[child] as Event;
      at = child;
    }
    events[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Servers that take jobs in the order in which they come, each for as long as it takes. */
export class Station {
  readonly #time: VirtualTime;
  readonly #freeAt: number[];
  /** Milliseconds of work done, by all of them. */
  busyMs = 0;

  constructor(time: VirtualTime, servers: number) {
    this.#time = time;
    this.#freeAt = Array.from({ length: servers }, () => 0);
  }

  /** How long a job that comes now waits before it is begun. */
  get waitMs(): number {
    return Math.max(0, Math.min(...this.#freeAt) - this.#time.now);
  }

  serve(ms: number, done: () => void): void {
    const first = this.#freeAt.indexOf(Math.min(...this.#freeAt));
    const end = this.#time.now + this.waitMs + ms;
    this.#freeAt[first] = end;
    this.busyMs += ms;
    this.#time.after(end - this.#time.now, done);
  }
}
