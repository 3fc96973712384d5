import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { trackedFiles } from '../repo/tracked.ts';

/** What `npm run version` reads and writes. */
const versioned =
  /(^|\/)package\.json$|^package-lock\.json$|^CHANGELOG\.md$|^\.changeset\/|Chart\.yaml$|compose\.yaml$/;

const stage = new Stage();
let folder: string;
let manifests: string[];
const env = { PATH: `${join(repoRoot, 'node_modules', '.bin')}${delimiter}${process.env.PATH}` };
const text = (path: string) => readFile(join(folder, path), 'utf8');

beforeAll(async () => {
  folder = await tempDir(stage, 'version');
  const files = (await trackedFiles(repoRoot)).filter(path => versioned.test(path));
  for (const path of files) {
    if (/^\.changeset\/(?!README).*\.md$/.test(path)) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(repoRoot, path), join(folder, path));
  }
  await run('git', ['init', '-q'], { cwd: folder });
  manifests = files.filter(
    path => path.endsWith('package.json') && path !== 'package.json' && path !== 'test/upgrade/package.json',
  );
});
afterAll(() => stage.dispose());

it('without a changeset there is no version', async () => {
  await expect(run(process.execPath, ['.changeset/version.mjs'], { cwd: folder, env })).rejects.toThrow('no changeset');
});

it('a changeset of one package makes a version of all of them, wherever it is written', async () => {
  const { version: before } = JSON.parse(await text('packages/cli/package.json'));
  const [major, minor] = before.split('.').map(Number);
  const next = `${major}.${minor + 1}.0`;
  await writeFile(join(folder, '.changeset', 'kind-owl.md'), "---\n'@spanpass/client': minor\n---\n\nSays `hello`.\n");
  const printed = await run(process.execPath, ['.changeset/version.mjs'], { cwd: folder, env });
  expect(printed.trim().split('\n').at(-1)).toBe(next);

  for (const path of manifests) {
    const { version, dependencies = {}, devDependencies = {} } = JSON.parse(await text(path));
    if (version !== undefined) expect({ path, version }).toEqual({ path, version: next });
    const own = Object.entries({ ...dependencies, ...devDependencies }).filter(([name]) =>
      /^(@spanpass\/|spanpass$)/.test(name),
    );
    expect(own.filter(([, wanted]) => wanted !== next)).toEqual([]);
  }
  const lock = JSON.parse(await text('package-lock.json'));
  const workspaces = Object.entries<{ version?: string }>(lock.packages).filter(
    ([path]) => !path.includes('node_modules/'),
  );
  expect(workspaces.filter(([, { version }]) => version !== undefined && version !== next)).toEqual([]);
  expect(await text('packages/deploy/helm/spanpass/Chart.yaml')).toMatch(
    new RegExp(`^version: ${next}\nappVersion: ${next}$`, 'm'),
  );
  expect(await text('packages/deploy/compose/compose.yaml')).toContain(`SPANPASS_VERSION:-${next}}`);
});

it('and the changelog has what was collected, under the version and the day', async () => {
  const changelog = await text('CHANGELOG.md');
  const today = new Date().toISOString().slice(0, 10);
  expect(changelog).toMatch(new RegExp(`^## Unreleased\n\n## \\d+\\.\\d+\\.0, ${today}\n\n- `, 'm'));
  expect(changelog).toContain('\n- Says `hello`.\n');
  const lines = (content: string) => content.split('\n').filter(line => line.startsWith('- '));
  const before = lines(await readFile(join(repoRoot, 'CHANGELOG.md'), 'utf8'));
  expect(lines(changelog)).toEqual(expect.arrayContaining(before));
});
