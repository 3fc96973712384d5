import { run } from '../engines/run.ts';

/** The paths that git keeps, relative to `root`. */
export async function trackedFiles(root: string): Promise<string[]> {
  const list = await run('git', ['ls-files', '-z'], { cwd: root });
  return list.split('\0').filter(path => path !== '');
}
