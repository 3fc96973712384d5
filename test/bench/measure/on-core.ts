/** The command that runs a program on one core alone; the process is the program itself. Without a core, as it is. */
export function onCore(
  core: number | undefined,
  program: string,
  args: readonly string[],
): readonly [command: string, args: readonly string[]] {
  return core === undefined ? [program, args] : ['taskset', ['-c', String(core), program, ...args]];
}
