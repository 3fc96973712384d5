import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from './releases.ts';
import { ADMIN_TOKEN, type Plane } from './stand.ts';

/** All that a registry holds, in an order that does not depend on when it was asked, and without what asking changes. */
export async function registryOf({ admin }: Plane): Promise<unknown> {
  const pipeds = (await admin.listPipeds()).toSorted((a, b) =>
    `${a.project}/${a.piped}`.localeCompare(`${b.project}/${b.piped}`),
  );
  const keys = await Promise.all(pipeds.map(piped => admin.listKeys(piped)));
  const tokens = (await admin.listTokens()).map(({ lastUsedAt: _, ...token }) => token);
  return { projects: await admin.listProjects(), pipeds, keys, tokens };
}

/** A command of one version, such as `spanpass audit verify`. */
export function adminCommand(
  { command }: Release,
  controlPlane: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  const env = {
    ...process.env,
    SPANPASS_ADMIN_TOKEN: ADMIN_TOKEN,
    ...(controlPlane === '' ? {} : { SPANPASS_CONTROL_PLANE: controlPlane }),
    SPANPASS_ENCRYPTION_KEY: Buffer.alloc(32, 'encryption key').toString('base64'),
  };
  return new Promise(resolve => {
    execFile(process.execPath, [command, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    );
  });
}

/** When the newest migration of a version was written. */
export async function newestMigration({ root }: Release): Promise<number> {
  const path = join(root, 'packages', 'control-plane', 'drizzle', 'meta', '_journal.json');
  const { entries } = JSON.parse(await readFile(path, 'utf8')) as { entries: readonly { when: number }[] };
  return Math.max(...entries.map(({ when }) => when));
}
