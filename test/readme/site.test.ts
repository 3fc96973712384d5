import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { linkTo, REFUSALS } from '@spanpass/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repoRoot } from '../engines/root.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { trackedFiles } from '../repo/tracked.ts';

interface CheckSite {
  problemsOf(folder: string, base?: string): Promise<string[]>;
}

const execute = promisify(execFile);
const stage = new Stage();
let site: string;
let pages: string[];

beforeAll(async () => {
  site = join(await tempDir(stage, 'site'), 'dist');
  // It fails by itself on a link without a target, and on whatever comes from elsewhere.
  const env = { ...process.env, SPANPASS_DOCS_OUT: site };
  await execute('npm', ['run', 'site', '-w', 'docs'], { cwd: repoRoot, env, maxBuffer: 64 * 1024 * 1024 });
  pages = (await readdir(site, { recursive: true })).filter(name => name.endsWith('.html'));
}, 300_000);
afterAll(() => stage.dispose());

it('every page of docs/ is on the site, and in its sidebar', async () => {
  const index = await readFile(join(site, 'index.html'), 'utf8');
  const sources = (await trackedFiles(repoRoot)).filter(
    path => /^docs\/.*\.md$/.test(path) && path !== 'docs/README.md',
  );
  for (const source of sources) {
    const path = source
      .replace(/^docs\//, '')
      .replace(/README\.md$/, 'index.md')
      .replace(/\.md$/, '');
    expect(pages).toContain(`${path}.html`);
    expect(index).toMatch(new RegExp(`href="/${path.replace(/(^|\/)index$/, '$1')}(\\.html)?"`));
  }
});

it('and each entry point of each package, with all that it exports', async () => {
  for (const room of await readdir(join(repoRoot, 'packages'))) {
    const manifest = JSON.parse(await readFile(join(repoRoot, 'packages', room, 'package.json'), 'utf8')) as {
      name: string;
      exports?: Record<string, { types?: string; default?: string }>;
    };
    for (const [path, point] of Object.entries(manifest.exports ?? {})) {
      if (point.types === undefined || point.default === undefined) continue;
      const name = manifest.name.replace(/^@spanpass\//, '') + path.slice(1);
      const html = await readFile(join(site, 'reference', 'typescript', `${name.replaceAll('/', '-')}.html`), 'utf8');
      const built = pathToFileURL(join(repoRoot, 'packages', room, point.default)).href;
      const missing = Object.keys((await import(built)) as object).filter(key => !html.includes(key));
      expect({ name, missing }).toEqual({ name, missing: [] });
    }
  }
});

it('each reason of a refusal is where the log links to', async () => {
  for (const { docs } of Object.values(REFUSALS)) {
    const [page = '', id = ''] = linkTo(docs, 'https://docs.example.org')
      .slice('https://docs.example.org/'.length)
      .split('#');
    expect([page, await readFile(join(site, page), 'utf8')]).toEqual([page, expect.stringContaining(`id="${id}"`)]);
  }
});

it('it can be searched, without asking anybody', async () => {
  const assets = await readdir(join(site, 'assets'), { recursive: true });
  expect(assets.filter(name => /localSearchIndex/.test(name))).not.toEqual([]);
});

it('a dead link, a heading that is not there, and a script from elsewhere would be found', async () => {
  const folder = await tempDir(stage, 'bad-site');
  const { problemsOf } = (await import(
    pathToFileURL(join(repoRoot, 'docs', '.vitepress', 'check-site.ts')).href
  )) as CheckSite;
  const files = {
    'a.html': '<a href="b.html">b</a><a href="/b.html#there">b</a><a href="/files/x.yaml">x</a><h1 id="here">A</h1>',
    'b.html': '<h1 id="there">B</h1><a href="/a#here">a</a><a href="https://example.org/">elsewhere</a>',
    'files/x.yaml': '',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  expect(await problemsOf(folder)).toEqual([]);
  const bad = '<a href="/c.html">c</a><a href="/a.html#gone">a</a><script src="https://example.org/x.js"></script>';
  await writeFile(join(folder, 'b.html'), bad);
  expect(await problemsOf(folder)).toEqual([
    'a.html: /b.html#there has no such heading',
    'b.html: /a.html#gone has no such heading',
    'b.html: /c.html is not there',
    'b.html: loads https://example.org/x.js',
  ]);
});
