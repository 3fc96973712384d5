import { type RunningProcess, startProcess } from '../../harness/process.ts';
import { onCore } from '../measure/on-core.ts';
import type { World } from './world.ts';

/** A server of the bench: who it is for the kernel, and where it listens on 127.0.0.1. */
export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
}

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly core?: number | undefined;
}

/** Starts a program that prints `listening on PORT`. */
export async function startListener(world: Pick<World, 'stage'>, program: Program): Promise<ServerProcess> {
  let started: RunningProcess | undefined;
  let port: number | undefined;
  const readPort = () => {
    port = Number(/^listening on (\d+)$/m.exec(started?.output() ?? '')?.[1]);
    return Number.isInteger(port);
  };
  // What it printed can only be read once it is there.
  started = await startProgram(world, program, () => true);
  for (let tries = 0; !readPort(); tries++) {
    if (started.hasExited() || tries > 600) throw new Error(`${program.name} does not listen:\n${started.output()}`);
    await new Promise(resolve => setTimeout(resolve, 25));
  }
  return { pid: started.pid, port: port as unknown as number };
}

export function startProgram(
  { stage }: Pick<World, 'stage'>,
  { name, command, args, env, core }: Program,
  ready: () => Promise<boolean> | boolean,
): Promise<RunningProcess> {
  const [pinned, pinnedArgs] = onCore(core, command, args);
  return startProcess(stage, {
    name,
    command: pinned,
    args: pinnedArgs,
    ...(env && { env }),
    ready,
    // Where others use the machine too.
    readyWithinMs: 120_000,
  });
}

/** A script of this folder's build, or the command, under Node.js; with a profile of it where the world wants one. */
export function nodeProgram(world: World, program: Omit<Program, 'command'>, node = process.execPath): Program {
  return { ...program, command: node, args: [...world.profileFlags(), ...program.args] };
}
