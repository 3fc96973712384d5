import { readdirSync, statSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repoRoot } from './pages.ts';

/** Where the site shows a file, or the list of a folder, of the repository. */
export function hrefOfFile(path: string): string {
  if (statSync(join(repoRoot, path)).isDirectory()) return `/files/${path}/index.html`;
  // Browsers show these as text under this name, and would offer to save, or to play, under their own.
  return `/files/${/\.(json|yaml|yml|txt|svg|png)$/.test(path) ? path : `${path}.txt`}`;
}

/** Puts what pages link to into the built site. */
export async function showFiles(paths: Iterable<string>, outDir: string, base: string): Promise<void> {
  for (const path of paths) {
    const isFolder = statSync(join(repoRoot, path)).isDirectory();
    const inside = isFolder ? filesIn(path) : [];
    for (const file of isFolder ? inside : [path]) await place(outDir, file);
    if (!isFolder) continue;
    const items = inside.map(file => {
      return `<li><a href="${base}${hrefOfFile(file).slice(1)}">${file.slice(path.length + 1)}</a></li>`;
    });
    const list = `<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${path}</title><h1>${path}</h1><ul>${items.join('')}</ul>`;
    await writeFile(join(outDir, hrefOfFile(path)), list);
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(join(repoRoot, folder), { recursive: true, encoding: 'utf8' })
    .map(name => `${folder}/${name}`)
    .filter(path => !/\/(node_modules|dist)\//.test(path) && statSync(join(repoRoot, path)).isFile())
    .sort();
}

async function place(outDir: string, path: string): Promise<void> {
  const to = join(outDir, hrefOfFile(path));
  await mkdir(dirname(to), { recursive: true });
  await copyFile(join(repoRoot, path), to);
}
