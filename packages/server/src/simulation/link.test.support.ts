import type { KeyRecord } from '@spanpass/credential';
import type { FeedHandlers } from '../keys/feed-connection.ts';
import type { KeyAnswer } from '../keys/fetch-key.ts';
import type { Random } from './random.test.support.ts';
import type { Registry } from './registry.test.support.ts';

/** Lets something happen after so many simulated milliseconds. */
export type After = (ms: number, event: () => void) => void;

interface Connection {
  readonly handlers: FeedHandlers;
  open: boolean;
  /** Whether a heartbeat has arrived on it. */
  live: boolean;
  /** The control plane has seen it. */
  accepted: boolean;
  /** It was cut, which the server may not know yet: nothing more comes through it. */
  dead: boolean;
  sentRevision: number;
  lastArrival: number;
}

export interface LinkEvents {
  /** The server took this in: everything up to `revision` has been told to it. */
  told(revision: number, kind: 'change' | 'heartbeat' | 'reset', onLiveConnection: boolean): void;
  /** A connection or an attempt at one ended, and the server knows. */
  ended(): void;
  /** Something on this link went wrong, or was not as fresh as it might be. */
  trouble(): void;
}

export interface LinkOptions {
  readonly registry: Registry;
  readonly random: Random;
  readonly now: () => number;
  readonly after: After;
  readonly events: LinkEvents;
}

const LOOKUP_TIMEOUT_MS = 2000;

/**
 * What lies between one server and the control plane: delays, cuts, and silence in which nothing arrives and nothing
 * fails. It stands in for the network and the two modules that speak over it.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #connections = new Set<Connection>();
  /** What arrived while the server stood still. */
  readonly #unread: (() => void)[] = [];
  /** What is on its way while nothing gets through. */
  readonly #stuck: (() => void)[] = [];
  state: 'up' | 'cut' | 'frozen' = 'up';
  serverStopped = false;
  copyLagMs = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  cut(): void {
    this.state = 'cut';
    this.#stuck.length = 0;
    this.#options.events.trouble();
    for (const connection of this.#connections) {
      connection.dead = true;
      connection.accepted = false;
      this.#end(connection);
    }
  }

  freeze(): void {
    if (this.state === 'up') this.state = 'frozen';
    this.#options.events.trouble();
  }

  mend(): void {
    this.state = 'up';
    this.#options.events.trouble();
    for (const late of this.#stuck.splice(0)) late();
  }

  /** The server runs again and reads what its sockets hold. */
  read(): void {
    if (this.serverStopped) return;
    for (const event of this.#unread.splice(0)) event();
  }

  readonly connect = (since: number | undefined, handlers: FeedHandlers): { close(): void } => {
    const { random, registry, after } = this.#options;
    const connection: Connection = {
      handlers,
      open: true,
      live: false,
      accepted: false,
      dead: false,
      sentRevision: 0,
      lastArrival: 0,
    };
    this.#connections.add(connection);
    if (this.state === 'cut') {
      after(1 + random.below(50), () => this.#end(connection));
    } else {
      this.#reach(() => {
        if (!connection.open || connection.dead) return;
        connection.accepted = true;
        const { revision } = registry.current;
        const lost = since !== undefined && (since < registry.compactedUpTo || since > revision);
        connection.sentRevision = since === undefined || lost ? revision : since;
        if (lost) this.#send(connection, 'reset', revision, JSON.stringify({ revision }));
        this.publish();
        this.heartbeat();
      });
    }
    return {
      close: () => {
        connection.open = false;
        this.#connections.delete(connection);
      },
    };
  };

  /** Sends what is new to whoever follows. */
  publish(): void {
    const { registry } = this.#options;
    for (const connection of this.#connections) {
      if (!connection.accepted) continue;
      for (const { revision, data } of registry.changesSince(connection.sentRevision)) {
        this.#send(connection, 'change', revision, data);
        connection.sentRevision = revision;
      }
    }
  }

  heartbeat(): void {
    const { revision } = this.#options.registry.current;
    for (const connection of this.#connections) {
      if (connection.accepted) this.#send(connection, 'heartbeat', revision, JSON.stringify({ revision }));
    }
  }

  readonly fetchKey = (kid: string): Promise<KeyAnswer> => {
    const { random, registry, now, after, events } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = () => this.#arrive(() => reject(new Error('the simulated network')));
      if (this.state === 'cut') return after(1, fail);
      after(LOOKUP_TIMEOUT_MS, fail);
      this.#reach(() => {
        if (this.copyLagMs > 0) events.trouble();
        const { revision, records } = registry.at(now() - this.copyLagMs);
        const record: KeyRecord | undefined = records.get(kid);
        after(1 + random.below(150), () => {
          if (this.state === 'cut') fail();
          else this.#pass(() => this.#arrive(() => resolve({ record, revision })));
        });
      });
    });
  };

  #send(connection: Connection, type: 'change' | 'heartbeat' | 'reset', revision: number, data: string): void {
    const { random, now, after, events } = this.#options;
    // One stream: nothing overtakes.
    const arrival = Math.max(connection.lastArrival, now() + 1 + random.below(200));
    connection.lastArrival = arrival;
    const deliver = () => {
      if (!connection.open) return;
      connection.handlers.onEvent({ type, data, lastEventId: type === 'change' ? String(revision) : '' });
      if (!connection.open) return;
      if (type === 'heartbeat') connection.live = true;
      events.told(revision, type, connection.live);
    };
    after(arrival - now(), () => {
      if (!connection.dead) this.#pass(() => this.#arrive(deliver));
    });
  }

  #end(connection: Connection): void {
    this.#arrive(() => {
      if (!connection.open) return;
      connection.open = false;
      this.#connections.delete(connection);
      this.#options.events.ended();
      connection.handlers.onEnd({ code: 'unreachable' });
    });
  }

  /** On the way to the control plane. */
  #reach(arrived: () => void): void {
    const { random, after } = this.#options;
    after(1 + random.below(100), () => {
      if (this.state !== 'cut') this.#pass(arrived);
    });
  }

  #pass(arrived: () => void): void {
    if (this.state === 'frozen') this.#stuck.push(arrived);
    else if (this.state === 'up') arrived();
  }

  #arrive(event: () => void): void {
    // What waits to be read comes first, when the server runs again too.
    if (this.serverStopped || this.#unread.length > 0) this.#unread.push(event);
    else event();
  }
}
