import { defineConfig } from 'vitepress';
import { problemsOf } from './check-site.ts';
import { siteLinks } from './links.ts';
import { allPages, sitePath } from './pages.ts';
import { showFiles } from './shown-files.ts';
import { sidebarOf } from './sidebar.ts';
import { slugOf } from './slug.ts';
import { writeTypeScriptApi } from './typescript-api.ts';

await writeTypeScriptApi();
const pages = allPages();
const links = siteLinks(pages);
const base = process.env.SPANPASS_DOCS_BASE ?? '/';

export default defineConfig({
  title: 'spanpass',
  description: 'Short-lived, signed passes for OpenTelemetry',
  lang: 'en',
  // Else browsers ask for one that is not there.
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  base,
  srcDir: '..',
  outDir: process.env.SPANPASS_DOCS_OUT ?? '.vitepress/dist',
  srcExclude: [
    '**/node_modules/**',
    '**/dist/**',
    'packages/*/*/**',
    'packages/*/!(README).md',
    'test/*/**',
    'test/!(README).md',
  ],
  rewrites: sitePath,
  // What is checked at the end finds them all, those to headings and to files of the repository too.
  ignoreDeadLinks: true,
  markdown: {
    // As the repository's own viewer makes them, so that a link works on both.
    anchor: { slugify: slugOf },
    config: md => links.plugin(md),
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
  },
  themeConfig: {
    search: { provider: 'local' },
    sidebar: sidebarOf(pages),
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'How it works', link: '/how-it-works' },
      { text: 'Operations', link: '/operations/' },
      { text: 'Reference', link: '/reference/settings' },
    ],
  },
  async buildEnd({ outDir }) {
    await showFiles(links.files, outDir, base);
    const problems = [...links.dead, ...(await problemsOf(outDir, base))];
    if (problems.length > 0) throw new Error(`The site has dead links:\n${problems.join('\n')}`);
  },
});
