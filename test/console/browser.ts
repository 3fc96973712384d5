import { type Browser, chromium, type Page } from 'playwright-core';
import type { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';

export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

export interface OpenPage {
  readonly page: Page;
  /** What the browser complained of: exceptions, and what the page's policy did not let in. */
  readonly complaints: string[];
  /** Hosts other than the console's own that were asked for anything. */
  readonly elsewhere: string[];
}

/** Debian's Chromium; nothing is downloaded. */
export async function startBrowser(stage: Stage, executablePath: string): Promise<Browser> {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  stage.defer(() => browser.close());
  return browser;
}

export async function openPage(browser: Browser, url: string, view: View = {}): Promise<OpenPage> {
  const { width = 1280, height = 800, scheme = 'light' } = view;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce' });
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  page.on('pageerror', error => complaints.push(error.message));
  page.on('console', message => {
    // A 401 before the sign-in is how the page learns that there is none.
    if (message.type() === 'error' && !message.text().includes('status of 4')) complaints.push(message.text());
  });
  page.on('request', request => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) elsewhere.push(request.url());
  });
  await page.goto(`${url}/`);
  return { page, complaints, elsewhere };
}

export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Admin token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Pipeds', level: 1 }).waitFor();
}

/** Opens a page of the console by its address behind the `#`, and waits for its heading. */
/** By the keyboard alone, as the list of them promises. */
export async function openFailedDeployment(page: Page): Promise<void> {
  await visit(page, '/deployments', 'Deployments');
  await page
    .getByRole('link', { name: /, failed/ })
    .first()
    .focus();
  await page.keyboard.press('Enter');
  await page.getByRole('list', { name: 'Spans' }).waitFor();
}

export async function visit(page: Page, path: string, heading: string | RegExp): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(path)}`);
  await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
  await waitFor(`${path} loaded`, async () => (await page.getByLabel(/^Loading/).count()) === 0);
}
