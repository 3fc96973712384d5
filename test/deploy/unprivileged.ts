import { run } from '../engines/run.ts';

/**
 * The command as one that runs it for a user who owns nothing here, where that can be done: as root, and with this checkout open to
 * everybody. It stands in for a container whose file system is read-only.
 */
export async function asNobody([command = '', ...args]: readonly string[]): Promise<[string, string[]]> {
  const nobody = ['--reuid=65532', '--regid=65532', '--clear-groups', '--no-new-privs', command];
  const canRead = await run('setpriv', [...nobody, '--check', args[0] ?? '']).then(
    () => true,
    () => false,
  );
  return canRead ? ['setpriv', [...nobody, ...args]] : [command, args];
}
