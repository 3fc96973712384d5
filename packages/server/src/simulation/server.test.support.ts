import { vi } from 'vitest';
import { pipedJwt } from '../authenticators/piped-jwt.ts';
import type { Server } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { NOW_SECONDS } from '../fixture.test.support.ts';
import { ControlPlaneKeys } from '../keys/control-plane-keys.ts';
import { type After, Link } from './link.test.support.ts';
import type { Random } from './random.test.support.ts';
import type { Registry } from './registry.test.support.ts';

export const MAX_STALE_MS = 20_000;
export const LOST_AFTER_MS = 3000;

/** The link of each simulated server, by the URL under which it knows the control plane. */
export const links = new Map<string, Link>();

export interface SimulatedServer {
  readonly link: Link;
  readonly keys: ControlPlaneKeys;
  readonly remembering: Server;
  readonly forgetting: Server;
  readonly tick: () => void;
  stopped: 'stalled' | 'suspended' | undefined;
  stoppedAt: number;
  suspendedMs: number;
  clockOffsetMs: number;
  /** What it has been told, and when it last was in a state to believe that nothing is missing. */
  toldRevision: number;
  heardAt: number;
  /** Silence that its clock counts though no time passed: it can't tell a clock that is set from a suspension. */
  imaginedSilenceMs: number;
  everLive: boolean;
  troubleAt: number;
  /** It stood still: until it has caught up, or knows that it can't, what it knew before is not enough. */
  mustCatchUp: { readonly since: number } | undefined;
}

export interface SimulatedWorld {
  readonly registry: Registry;
  readonly random: Random;
  readonly now: () => number;
  readonly after: After;
}

/** A server with a memory for decisions and one without, on the same keys, whose time and network are simulated. */
export function startSimulatedServer(
  at: number,
  { registry, random, now: time, after }: SimulatedWorld,
): SimulatedServer {
  const url = `http://127.0.0.1:${at + 1}`;
  const link = new Link({
    registry,
    random,
    now: time,
    after,
    events: {
      told: (revision, kind, onLive) => {
        server.toldRevision = kind === 'change' ? Math.max(server.toldRevision, revision) : revision;
        if (kind === 'heartbeat') {
          server.mustCatchUp = undefined;
          server.everLive = true;
        }
        if (!onLive) return;
        server.heardAt = time();
        server.imaginedSilenceMs = 0;
      },
      ended: () => {
        server.mustCatchUp = undefined;
        server.troubleAt = time();
      },
      trouble: () => {
        server.troubleAt = time();
      },
    },
  });
  links.set(url, link);
  const now = () => NOW_SECONDS * 1000 + time() + server.clockOffsetMs;
  let tick = () => {};
  const setInterval = vi.spyOn(globalThis, 'setInterval').mockImplementation(((callback: () => void) => {
    tick = callback;
    return { unref: () => {} };
  }) as unknown as typeof globalThis.setInterval);
  const server = {
    link,
    stopped: undefined,
    stoppedAt: 0,
    suspendedMs: 0,
    clockOffsetMs: 0,
    toldRevision: 0,
    heardAt: 0,
    imaginedSilenceMs: 0,
    everLive: false,
    troubleAt: 0,
    mustCatchUp: undefined,
  } as unknown as SimulatedServer & { keys: ControlPlaneKeys; remembering: Server; forgetting: Server };
  const keys = new ControlPlaneKeys({
    url,
    token: 'simulated',
    maxStaleMs: MAX_STALE_MS,
    lostAfterMs: LOST_AFTER_MS,
    unknownPerSecond: 1_000_000,
    unknownBurst: 1_000_000,
    monotonicNow: () => time() - server.suspendedMs,
    now,
    random: () => random.next(),
    // Small enough that records are driven out and fetched again.
    maxRecords: 5,
    maxUnknown: 3,
  });
  const create = (maxRememberedLength: number) =>
    createServer({ authenticators: [pipedJwt({ keys, now })], now, maxRememberedLength, maxDecisions: 12 });
  Object.assign(server, { keys, remembering: create(4096), forgetting: create(0), tick: () => tick() });
  keys.start();
  setInterval.mockRestore();
  return server;
}
