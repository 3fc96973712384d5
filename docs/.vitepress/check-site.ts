import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';

/** What is wrong with the built site in `folder`, one line each: links without a target, and whatever comes from elsewhere. */
export async function problemsOf(folder: string, base = '/'): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const files = new Set(names.map(name => name.replaceAll('\\', '/')));
  const pages = new Map<string, string>();
  for (const name of files) if (name.endsWith('.html')) pages.set(name, await readFile(join(folder, name), 'utf8'));
  const ids = new Map([...pages].map(([name, html]) => [name, idsOf(html)]));

  const problems: string[] = [];
  for (const [name, html] of pages) {
    for (const { element, url } of urlsOf(html)) {
      if (/^(data|mailto):/.test(url)) continue;
      if (/^([a-z]+:)?\/\//.test(url)) {
        if (element !== 'a') problems.push(`${name}: loads ${url}`);
        continue;
      }
      const [path = '', hash = ''] = url.split('#');
      const target = path === '' ? name : fileOf(path, name, base);
      const found = [target, `${target}.html`, posix.join(target, 'index.html')].find(
        each => files.has(each) && each !== '',
      );
      if (found === undefined) problems.push(`${name}: ${url} is not there`);
      else if (hash !== '' && ids.get(found)?.has(decodeURIComponent(hash)) === false) {
        problems.push(`${name}: ${url} has no such heading`);
      }
    }
  }
  return [...new Set(problems)].sort();
}

function fileOf(path: string, from: string, base: string): string {
  const clean = decodeURIComponent(path.split('?')[0] ?? '');
  if (!clean.startsWith('/')) return posix.join(posix.dirname(from), clean);
  return (clean.startsWith(base) ? clean.slice(base.length) : clean.slice(1)).replace(/\/$/, '');
}

function idsOf(html: string): Set<string> {
  return new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id.replaceAll('&amp;', '&')));
}

function urlsOf(html: string) {
  return [...html.matchAll(/<(a|link|script|img|source|iframe|video)\b[^>]*?\s(?:href|src)="([^"]*)"/g)].map(
    ([, element = '', url = '']) => ({ element, url: url.replaceAll('&amp;', '&') }),
  );
}
