import type { DefaultTheme } from 'vitepress';
import type { Page } from './pages.ts';

type Item = DefaultTheme.SidebarItem;

/** What a reader comes for first; all else of `docs/` itself follows in a group of its own. */
const first = ['index.md', 'start.md', 'how-it-works.md'];

/** Folders in the order of the sidebar, with their headings; one that is not here comes after them, by its own name. */
const headings: Readonly<Record<string, string>> = {
  guides: 'Guides',
  '': 'Topics',
  operations: 'Operations',
  reference: 'Reference',
  spec: 'Specification',
  packages: 'Packages',
  decisions: 'Decisions',
};

/** Pages whose heading says too little here. */
const names: Readonly<Record<string, string>> = { 'index.md': 'All pages', 'readme.md': 'The README' };

/** Made from the folders, so that a new page is in it. */
export function sidebarOf(pages: readonly Page[]): Item[] {
  const folders = new Map<string, Page[]>();
  for (const page of pages) {
    if (first.includes(page.path)) continue;
    const folder = page.path.includes('/') ? (page.path.split('/')[0] ?? '') : '';
    folders.set(folder, [...(folders.get(folder) ?? []), page]);
  }
  const order = [...Object.keys(headings), ...[...folders.keys()].filter(folder => !(folder in headings)).sort()];
  return [
    {
      text: 'Start',
      items: first.flatMap(path => pages.filter(page => page.path === path)).map(page => itemOf(page)),
    },
    ...order.flatMap(folder => {
      const inside = folders.get(folder);
      return inside ? [groupOf(folder, inside)] : [];
    }),
  ];
}

function groupOf(folder: string, pages: readonly Page[]): Item {
  const own = pages.filter(page => page.path.split('/').length <= 2);
  const below = pages.filter(page => !own.includes(page));
  const nested = new Set(below.map(page => page.path.split('/')[1] ?? ''));
  return {
    text: headings[folder] ?? capitalised(folder),
    collapsed: folder === 'decisions' || folder === 'packages',
    items: [
      ...own.toSorted(byIndexThenTitle).map(page => itemOf(page)),
      ...[...nested].map(name => ({
        text: name === 'typescript' ? 'TypeScript API' : capitalised(name),
        collapsed: true,
        items: below
          .filter(page => page.path.split('/')[1] === name)
          .toSorted(byIndexThenTitle)
          .map(page => itemOf(page)),
      })),
    ],
  };
}

function itemOf({ path, title }: Page): Item {
  const text = names[path] ?? capitalised(title.replace(/^Reference: /, ''));
  return { text, link: `/${path.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}` };
}

function byIndexThenTitle(one: Page, other: Page): number {
  const isIndex = (page: Page) => Number(page.path.endsWith('/index.md'));
  const numbered = /\/\d{4}-/;
  if (numbered.test(one.path) && numbered.test(other.path)) return one.path < other.path ? -1 : 1;
  return isIndex(other) - isIndex(one) || one.title.localeCompare(other.title, 'en');
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
