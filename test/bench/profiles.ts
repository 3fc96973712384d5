import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpuProfile, type ProfileSummary, summariseProfile } from './measure/cpu-profile.ts';
import { markdown } from './table.ts';

/** Where servers in Node.js spent their time, by the row that they were started for. */
export interface Profiles {
  readonly node: string;
  readonly rows: Readonly<Record<string, ProfileSummary>>;
}

/** A row's id in the name of a file. */
export function profileName(rowId: string): string {
  return rowId.replaceAll('/', '__').replaceAll(/[^\w-]/g, '');
}

/** Writes down from when on the servers of these rows are measured. The clock is the same for all processes. */
export async function writeWarm(folder: string, rowIds: readonly string[]): Promise<void> {
  const micros = Number(process.hrtime.bigint() / 1000n);
  for (const id of rowIds) await writeFile(join(folder, `${profileName(id)}.warm`), String(micros));
}

/** Sums up all profiles of a folder, and leaves the summary there as `summary.json`. */
export async function summariseFolder(folder: string): Promise<Profiles> {
  const rows: Record<string, ProfileSummary> = {};
  for (const name of (await readdir(folder)).sort()) {
    if (!name.endsWith('.cpuprofile')) continue;
    const profile = JSON.parse(await readFile(join(folder, name), 'utf8')) as CpuProfile;
    const row = name.slice(0, -'.cpuprofile'.length);
    // A server that is started anew in each round has no time to get warm.
    const sinceMicros = row.startsWith('storm') ? 0 : Number(await readFile(join(folder, `${row}.warm`), 'utf8'));
    rows[row.replaceAll('__', '/')] = summariseProfile(profile, { sinceMicros });
  }
  const profiles = { node: process.versions.node, rows };
  await writeFile(join(folder, 'summary.json'), `${JSON.stringify(profiles, undefined, 2)}\n`);
  return profiles;
}

/** Whose code ran, and the functions in which most of it did. */
export function profileTable({ owners, functions }: ProfileSummary): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const whose = owners.filter(({ share }) => share >= 0.01).map(({ owner, share }) => [owner, percent(share)]);
  const where = functions.map(({ owner, name, share }) => [`\`${name}\``, owner, percent(share)]);
  return `${markdown(['whose code', 'self time'], whose)}\n\n${markdown(['function', 'of', 'self time'], where)}`;
}
