import { stat } from 'node:fs/promises';

export interface FollowOptions {
  readonly paths: readonly string[];
  /** How often to look, in milliseconds. */
  readonly pollMs: number;
}

export interface FollowedFiles extends AsyncDisposable {
  /** Looks now, as it does by itself each `pollMs`. */
  look(): Promise<void>;
}

/**
 * Tells when files have changed: written anew, replaced, or behind a symbolic link that was swapped, as Kubernetes swaps
 * secrets. It polls, since notifications do not cross such links nor network file systems. A change is told once nothing
 * more changed between two looks: files that belong together are rarely written at once. Resolves when what is there now
 * has been seen: read the files after that.
 */
export async function followFiles(
  { paths, pollMs }: FollowOptions,
  onChange: () => Promise<void> | void,
): Promise<FollowedFiles> {
  let told = await versionOf(paths);
  let last = told;
  let looking: Promise<void> | undefined;
  let closed = false;

  async function compare(): Promise<void> {
    const found = await versionOf(paths);
    const isSettled = found === last;
    last = found;
    if (found === told || !isSettled || closed) return;
    told = found;
    await onChange();
  }

  const look = () => {
    looking ??= compare().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const timer = setInterval(look, pollMs);
  timer.unref();
  return {
    look,
    async [Symbol.asyncDispose]() {
      closed = true;
      clearInterval(timer);
      await looking;
    },
  };
}

async function versionOf(paths: readonly string[]): Promise<string> {
  const versions = await Promise.all(
    paths.map(path =>
      stat(path, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(),
        (error: NodeJS.ErrnoException) => error.code ?? 'unreadable',
      ),
    ),
  );
  return versions.join(' ');
}
