import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { repoRoot } from '../engines/root.ts';

interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Record<string, { readonly 'timeout-minutes'?: number; readonly steps: readonly Step[] }>;
}

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

const folder = join(repoRoot, '.github', 'workflows');
const files = await readdir(folder);
const { scripts } = JSON.parse(await readFile(join(repoRoot, 'package.json'), 'utf8'));
const { scripts: ofTests } = JSON.parse(await readFile(join(repoRoot, 'test', 'package.json'), 'utf8'));

/** Whose commit is not known here: by tag, as docs/releases.md says. */
const byTag = ['actions/cache@v4', 'docker/setup-buildx-action@v3'];

describe.each(files)('the workflow %s', file => {
  const workflow = async () => parse(await readFile(join(folder, file), 'utf8')) as Workflow;

  it('may read the repository, and nothing else unless a job says so; and ends some day', async () => {
    const { permissions, jobs } = await workflow();
    expect(permissions).toEqual({ contents: 'read' });
    for (const job of Object.values(jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('takes actions by commit, or says that it does not', async () => {
    const used = Object.values((await workflow()).jobs).flatMap(({ steps }) => steps.flatMap(({ uses = [] }) => uses));
    expect(used.filter(action => !/@[0-9a-f]{40}$/.test(action) && !byTag.includes(action))).toEqual([]);
  });

  it('calls scripts that there are', async () => {
    const commands = Object.values((await workflow()).jobs).flatMap(({ steps }) =>
      steps.flatMap(({ run = [] }) => run),
    );
    for (const [, flags = '', name = '', rest = ''] of commands
      .join('\n')
      .matchAll(/npm run (--silent )?([\w:]+)(.*)/g)) {
      expect(Object.keys(rest.includes('-w test') ? ofTests : scripts), `${flags}${name}`).toContain(name);
    }
  });
});
