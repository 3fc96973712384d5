import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Who a process is, so that another one on this machine can tell whether it still lives. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Ticks from the machine's start to the process's. Linux only. */
  readonly startTicks?: string;
  /** Processes of another namespace have pids that mean nothing here. Linux only. */
  readonly pidNamespace?: string;
  /** Changes with each start of the machine. Linux only. */
  readonly bootId?: string;
}

export type Liveness = 'alive' | 'dead' | 'unknown';

export function ownIdentity(): ProcessIdentity {
  const startTicks = statOf(process.pid)?.startTicks;
  const pidNamespace = attempt(() => readlinkSync('/proc/self/ns/pid'));
  const bootId = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  return {
    pid: process.pid,
    host: hostname(),
    ...(startTicks !== undefined && { startTicks }),
    ...(pidNamespace !== undefined && { pidNamespace }),
    ...(bootId !== undefined && { bootId }),
  };
}

/**
 * Exact on Linux within one pid namespace: a frozen process is alive, one that nobody waited for (zombie) is dead, and
 * another process under a pid used again is not the one that was. Elsewhere a missing process is dead, and all else is
 * unknown: only the owner's heartbeat tells.
 */
export function livenessOf(other: ProcessIdentity, own: ProcessIdentity): Liveness {
  const comparable =
    own.startTicks !== undefined &&
    other.startTicks !== undefined &&
    own.bootId === other.bootId &&
    own.pidNamespace === other.pidNamespace;
  if (comparable) {
    const stat = statOf(other.pid);
    return stat && stat.startTicks === other.startTicks && !'ZX'.includes(stat.state) ? 'alive' : 'dead';
  }
  if (own.bootId === undefined && own.host === other.host) return signalReaches(other.pid) ? 'unknown' : 'dead';
  return 'unknown';
}

/** Undefined if the text is not an identity, for example torn by a power cut. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const value: unknown = attempt(() => JSON.parse(text));
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, host, startTicks, pidNamespace, bootId } = value as Record<string, unknown>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0 || typeof host !== 'string') return undefined;
  return {
    pid,
    host,
    ...(typeof startTicks === 'string' && { startTicks }),
    ...(typeof pidNamespace === 'string' && { pidNamespace }),
    ...(typeof bootId === 'string' && { bootId }),
  };
}

/** proc(5), /proc/pid/stat: the name in parentheses may hold anything, so fields are counted from the last one. */
function statOf(pid: number): { state: string; startTicks: string } | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields?.[0];
  const startTicks = fields?.[19];
  return state && startTicks ? { state, startTicks } : undefined;
}

function signalReaches(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function attempt<T>(fn: () => T): T | undefined {
  try {
    return fn();
  } catch {
    return undefined;
  }
}
