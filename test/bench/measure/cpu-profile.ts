/** What V8 writes with `--cpu-prof`, as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  /** Microseconds of the kernel's monotonic clock. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** Whose code it is that ran, and in which function. */
export interface SelfTime {
  readonly owner: string;
  readonly name: string;
  readonly share: number;
}

export interface ProfileSummary {
  /** Shares of the time in which the main thread was not idle, the largest first. */
  readonly owners: readonly { readonly owner: string; readonly share: number }[];
  readonly functions: readonly SelfTime[];
}

export interface SummaryOptions {
  readonly maxFunctions?: number;
  /** Leaves out what was before, by the same clock as `startTime`: what a server does to start. */
  readonly sinceMicros?: number;
}

/** Frames that stand for no code. */
const IDLE = new Set(['(idle)', '(root)']);

/** Where a busy main thread spent its time, leaving out `(idle)`. Self time: what a function calls counts elsewhere. */
export function summariseProfile(
  { nodes, startTime, samples, timeDeltas }: CpuProfile,
  { maxFunctions = 12, sinceMicros = 0 }: SummaryOptions = {},
): ProfileSummary {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byOwner = new Map<string, number>();
  const byFunction = new Map<string, { owner: string; name: string; micros: number }>();
  let busy = 0;
  let now = startTime;
  samples.forEach((id, at) => {
    const frame = frames.get(id);
    const micros = timeDeltas[at] ?? 0;
    now += micros;
    if (now < sinceMicros) return;
    if (frame === undefined || IDLE.has(frame.functionName) || micros <= 0) return;
    const owner = ownerOf(frame);
    const name = nameOf(frame);
    busy += micros;
    byOwner.set(owner, (byOwner.get(owner) ?? 0) + micros);
    const key = `${owner} ${name}`;
    const known = byFunction.get(key) ?? { owner, name, micros: 0 };
    known.micros += micros;
    byFunction.set(key, known);
  });
  /** Rounded: nobody can tell more from samples. */
  const share = (micros: number) => (busy === 0 ? 0 : Math.round((micros / busy) * 1000) / 1000);
  return {
    owners: [...byOwner].map(([owner, micros]) => ({ owner, share: share(micros) })).sort((a, b) => b.share - a.share),
    functions: [...byFunction.values()]
      .map(({ owner, name, micros }) => ({ owner, name, share: share(micros) }))
      .sort((a, b) => b.share - a.share)
      .slice(0, maxFunctions),
  };
}

type Frame = CpuProfile['nodes'][number]['callFrame'];

/** The room or package that a frame's file belongs to; built-in modules by their name; native code as such. */
function ownerOf({ functionName, url }: Frame): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return 'native code and kernel';
  if (url === '') return 'native code and kernel';
  if (url.startsWith('node:')) {
    const module = /^node:(?:internal\/)?([\w-]+)/.exec(url)?.[1] ?? 'node';
    return `node:${module.replace(/^_/, '')}`;
  }
  const room = /\/packages\/([\w-]+)\//.exec(url)?.[1];
  if (room !== undefined && !url.includes('/node_modules/')) return room === 'cli' ? 'spanpass' : `@spanpass/${room}`;
  const installed = /\/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\/(?!.*\/node_modules\/)/.exec(url)?.[1];
  return installed ?? 'the bench';
}

function nameOf({ functionName, lineNumber, url }: Frame): string {
  if (functionName === '') return `anonymous at ${url.slice(url.lastIndexOf('/') + 1)}:${lineNumber + 1}`;
  return functionName;
}
