import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repoRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Pages outside of `docs/`, and where they are on the site. */
const elsewhere: Readonly<Record<string, string>> = {
  'README.md': 'readme.md',
  'CHANGELOG.md': 'changelog.md',
  'SECURITY.md': 'security.md',
  'test/README.md': 'testing.md',
};

/** Where a Markdown file of the repository is on the site: `docs/operations/README.md` at `operations/index.md`. */
export function sitePath(source: string): string {
  const known = elsewhere[source];
  if (known !== undefined) return known;
  const room = /^packages\/([^/]+)\/README\.md$/.exec(source);
  if (room) return `packages/${room[1]}.md`;
  const module = /^docs\/reference\/typescript\/(?:@spanpass\.)?(.+)\.md$/.exec(source)?.[1];
  if (module !== undefined && module !== 'README') return `reference/typescript/${module.replaceAll('.', '-')}.md`;
  return source.replace(/^docs\//, '').replace(/(^|\/)README\.md$/, '$1index.md');
}

export interface Page {
  /** From the root of the repository: `docs/operations/backup.md`. */
  readonly source: string;
  /** On the site: `operations/backup.md`. */
  readonly path: string;
  /** Its first heading, as plain text. */
  readonly title: string;
}

/** Every page of the site. */
export function allPages(): Page[] {
  const docs = readdirSync(join(repoRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md') && !/(^|\/)(node_modules|\.vitepress)\//.test(name))
    .map(name => `docs/${name}`);
  const rooms = readdirSync(join(repoRoot, 'packages')).map(name => `packages/${name}/README.md`);
  return [...docs, ...rooms, ...Object.keys(elsewhere)]
    .filter(source => existsSync(join(repoRoot, source)))
    .sort()
    .map(source => ({ source, path: sitePath(source), title: titleOf(source) }));
}

function titleOf(source: string): string {
  const [, heading = source] = /^# +(.+)$/m.exec(readFileSync(join(repoRoot, source), 'utf8')) ?? [];
  return heading.replace(/`|\\|\*\*/g, '').trim();
}
