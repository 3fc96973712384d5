/**
 * The pictures of the console in the documentation: `node test/dist/pictures/console.js` writes docs/images/console-*.png,
 * with a farm of pipeds in all states, and half an hour's deployments told as if they were a minute's.
 */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openFailedDeployment, openPage, signIn, startBrowser, type View, visit } from '../console/browser.ts';
import { startConsoleStack } from '../console/stack.ts';
import { engine } from '../engines/index.ts';
import { repoRoot } from '../engines/root.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';

const stage = new Stage();
try {
  const stack = await startConsoleStack(stage);
  const browser = await startBrowser(stage, (await engine('chromium')).path);
  const keyFiles: Record<string, string> = {};
  for (const piped of ['edge-berlin', 'edge-lisbon', 'edge-oslo', 'edge-tokyo', 'edge-vienna']) {
    keyFiles[piped] = await stack.enroll('shop', piped);
  }
  await stack.enroll('shop', 'edge-zagreb');
  for (const piped of ['edge-athens', 'edge-zurich']) await stack.api('POST', '/v1/projects/shop/pipeds', { piped });
  keyFiles['staging-1'] = await stack.enroll('shop-staging', 'staging-1');

  for (let at = 0; at < 70; at++) {
    const names = Object.keys(keyFiles);
    const piped = names[at % names.length] ?? '';
    const slow = at > 40 && at < 50;
    await stack.deploy(keyFiles[piped] ?? '', {
      id: `deployment-${1000 + at}`,
      application: ['checkout', 'cart', 'search'][at % 3] ?? '',
      fails: at % 11 === 7,
      unitMs: (3 + ((at * 37) % 17)) * (slow ? 4 : 1),
    });
  }
  await stack.api('POST', '/v1/projects/shop/pipeds/edge-oslo/disable');
  const { items } = await stack.api<{ items: { kid: string }[] }>('GET', '/v1/projects/shop/pipeds/edge-tokyo/keys');
  await stack.api('POST', `/v1/keys/${items[0]?.kid}/revoke?force=true`);
  for (const piped of ['edge-oslo', 'edge-tokyo']) {
    for (let at = 0; at < 3; at++) await stack.deploy(keyFiles[piped] ?? '', { id: `refused-${piped}-${at}` });
  }
  await waitFor('refusals reported', async () => {
    const pipeds = await stack.api<{ items: { piped: string; refusals: { verified?: unknown } }[] }>(
      'GET',
      '/v1/pipeds',
    );
    return pipeds.items.filter(({ refusals }) => refusals.verified !== undefined).length >= 2;
  });

  const shoot = async (name: string, view: View, go: (page: Page) => Promise<void>) => {
    const { page } = await openPage(browser, stack.url, view);
    await signIn(page, stack.adminToken);
    await go(page);
    await page.mouse.move(0, 0);
    await page.evaluate('document.activeElement?.blur()');
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(repoRoot, 'docs', 'images', `console-${name}.png`) });
    await page.close();
  };
  const shootSignIn = async () => {
    const { page } = await openPage(browser, stack.url, { width: 900, height: 620 });
    // As where an identity provider is set.
    await page.route('**/v1/sign-in', route => route.fulfill({ json: { oidc: { name: 'Example login' } } }));
    await page.goto(`${stack.url}/`);
    await page.getByRole('link', { name: 'Sign in with Example login' }).waitFor();
    await page.screenshot({ path: join(repoRoot, 'docs', 'images', 'console-sign-in.png') });
    await page.close();
  };
  await shootSignIn();
  const list = (page: Page) => page.getByRole('link', { name: 'edge-zurich' }).waitFor();
  await shoot('pipeds', { height: 720 }, list);
  await shoot('pipeds-dark', { height: 720, scheme: 'dark' }, list);
  await shoot('narrow', { width: 390, height: 800 }, list);
  await shoot('piped', { height: 760 }, page => visit(page, '/pipeds/shop/edge-berlin', 'edge-berlin'));
  await shoot('deployments', { height: 860 }, page => visit(page, '/deployments', 'Deployments'));
  await shoot('waterfall', { height: 620 }, openFailedDeployment);
  await shoot('revoke', { height: 760 }, async page => {
    await visit(page, '/pipeds/shop/edge-berlin', 'edge-berlin');
    await page.getByRole('button', { name: /^Revoke the key/ }).click();
    await page.getByRole('dialog').waitFor();
  });
  await shoot('register', { height: 900 }, async page => {
    await visit(page, '/pipeds/register', 'Register a piped');
    await page.getByRole('combobox', { name: 'Project' }).fill('shop');
    await page.getByRole('textbox', { name: 'Piped' }).fill('edge-madrid');
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await page.getByText('Waiting for it to enroll').waitFor();
  });
  await shoot('audit', { height: 760 }, async page => {
    await visit(page, '/audit', 'Audit');
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText('hang together').waitFor();
  });
} finally {
  await stage.dispose();
}
