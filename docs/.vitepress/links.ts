import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import { type Page, repoRoot } from './pages.ts';
import { hrefOfFile } from './shown-files.ts';

/** As much of markdown-it as is needed here. */
interface Token {
  readonly type: string;
  readonly children: Token[] | null;
  content: string;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}
interface MarkdownIt {
  readonly core: {
    readonly ruler: {
      push(name: string, rule: (state: { tokens: Token[]; env: { path?: string; realPath?: string } }) => void): void;
    };
  };
  readonly renderer: {
    readonly rules: Record<string, ((tokens: Token[], index: number, ...rest: unknown[]) => string) | undefined>;
  };
}

/** What a link of a page is on the site, or why there is nothing behind it. */
export type Target =
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'page'; readonly href: string }
  /** A file or a folder that is no page: shown as it is. */
  | { readonly kind: 'file'; readonly href: string; readonly file: string }
  | { readonly kind: 'dead'; readonly why: string };

/** Links stand in the Markdown as they work in the repository, relative to its files. */
export function targetOf(href: string, source: string, pages: readonly Page[]): Target {
  if (href.startsWith('#') || /^[a-z][a-z0-9+.-]*:/i.test(href)) return { kind: 'elsewhere' };
  const [path = '', hash] = href.split('#');
  const inRepo = posix.normalize(posix.join(posix.dirname(source), decodeURIComponent(path))).replace(/\/$/, '');
  const suffix = hash === undefined ? '' : `#${hash}`;
  const page =
    pages.find(each => each.source === inRepo) ??
    pages.find(each => each.source === `${inRepo}/README.md`) ??
    pages.find(each => dirname(each.source) === inRepo);
  if (page) return { kind: 'page', href: `/${page.path}${suffix}` };
  const file = join(repoRoot, inRepo);
  if (inRepo.startsWith('..') || !existsSync(file)) return { kind: 'dead', why: `${source}: ${href}` };
  return { kind: 'file', href: hrefOfFile(inRepo), file: inRepo };
}

/** Turns the links of each page into those of the site. Notes what must be copied, and what leads nowhere. */
export function siteLinks(pages: readonly Page[]) {
  const files = new Set<string>();
  const dead = new Set<string>();

  function turn(link: Token, source: string): void {
    const target = targetOf(link.attrGet('href') ?? '', source, pages);
    if (target.kind === 'dead') dead.add(target.why);
    if (target.kind === 'page' || target.kind === 'file') link.attrSet('href', target.href);
    if (target.kind !== 'file') return;
    files.add(target.file);
    link.attrSet('target', '_blank');
  }

  return {
    files,
    dead,
    plugin(md: MarkdownIt): void {
      md.core.ruler.push('links_of_the_repository', ({ tokens, env }) => {
        const source = relative(repoRoot, env.realPath ?? env.path ?? '');
        for (const token of tokens.flatMap(each => each.children ?? [])) {
          if (token.type === 'link_open') turn(token, source);
          if (token.type === 'image') drawInline(token, source);
        }
      });
      const image = md.renderer.rules.image;
      md.renderer.rules.image = (tokens, index, ...rest) => {
        const token = tokens[index];
        return token?.attrGet('src') === '' ? token.content : (image?.(tokens, index, ...rest) ?? '');
      };
    },
  };
}

/** Drawings become part of the page, so that its colours, light or dark, are theirs. */
function drawInline(token: Token, source: string): void {
  const src = token.attrGet('src') ?? '';
  if (!src.endsWith('.svg')) return;
  const file = join(repoRoot, dirname(source), src);
  const prefix = basename(src, '.svg');
  const drawing = readFileSync(file, 'utf8')
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<rect class="paper"[^>]*\/>/, '')
    .replace(/ id="/g, ` id="${prefix}-`)
    .replace(/url\(#/g, `url(#${prefix}-`)
    .replace(/aria-labelledby="([^"]*)"/, (_, ids: string) => {
      return `aria-labelledby="${ids
        .split(' ')
        .map(id => `${prefix}-${id}`)
        .join(' ')}"`;
    });
  token.attrSet('src', '');
  token.content = `<span class="picture" v-pre>${drawing.trim()}</span>`;
}
