import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeFindings } from '../console/axe.ts';
import { type OpenPage, openFailedDeployment, openPage, signIn, startBrowser, visit } from '../console/browser.ts';
import { type ConsoleStack, startConsoleStack } from '../console/stack.ts';
import { describeWithEngine } from '../engines/describe.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';

const PAGES = [
  ['/', 'Pipeds'],
  ['/pipeds/shop/edge-1', 'edge-1'],
  ['/pipeds/register', 'Register a piped'],
  ['/deployments', 'Deployments'],
  ['/projects', 'Projects'],
  ['/audit', 'Audit'],
  ['/tokens', 'Tokens'],
  ['/settings', 'Settings'],
  ['/reasons', 'Reasons for a refusal'],
  ['/reasons/key_revoked', 'key_revoked'],
] as const;

await describeWithEngine(['chromium'], 'the console', engines => {
  const stage = new Stage();
  let stack: ConsoleStack;
  let browser: Browser;
  let open: OpenPage;
  let keyFile: string;

  beforeAll(async () => {
    stack = await startConsoleStack(stage);
    browser = await startBrowser(stage, engines.chromium.path);
    open = await openPage(browser, stack.url);
  });
  afterAll(() => stage.dispose());

  it('lets nobody in but with a token', async () => {
    const { page } = open;
    expect(await axeFindings(page)).toEqual([]);
    await page.getByLabel('Admin token').fill('a wrong one');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This token is not known').waitFor();
    await signIn(page, stack.adminToken);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
    expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).not.toContain(stack.adminToken);
  });

  it('registers a piped, and ticks off that it has enrolled and that its first span has passed', async () => {
    const { page } = open;
    await page.getByRole('link', { name: 'Register a piped' }).click();
    await page.getByRole('combobox', { name: 'Project' }).fill('shop');
    await page.getByRole('textbox', { name: 'Piped' }).fill('edge-1');
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await page.getByText('Waiting for it to enroll').waitFor();
    expect(await axeFindings(page)).toEqual([]);

    // What is there to copy works as it is.
    const shell = ((await page.getByRole('tabpanel').locator('pre').textContent()) ?? '').replaceAll('\\\n', '');
    const [, , ...words] = shell.split(/\s+/);
    await stack.command(...words);
    await page.getByText('Enrolled', { exact: true }).waitFor();

    keyFile = `${stack.folder}/edge-1.json`;
    await stack.deploy(keyFile, { id: 'd-1' });
    await page.getByText('Its first span has passed').waitFor();
    await page.getByRole('link', { name: 'Look at the piped' }).click();
    await page.getByText('What it sends passes.').waitFor();
    await page.getByText('1.4.2', { exact: true }).waitFor();
  });

  it('shows deployments as a picture, and one of them span by span', async () => {
    const { page } = open;
    await stack.deploy(keyFile, { id: 'd-2', fails: true });
    await visit(page, '/deployments', 'Deployments');
    await page.getByText('1 failed').waitFor();
    await page.getByRole('link', { name: /^checkout, failed/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^K8S_CANARY_ROLLOUT.*failed/ }).click();
    await page.getByText('s-1', { exact: true }).first().waitFor();
    expect(await axeFindings(page)).toEqual([]);
  });

  it('disables a piped, shows what that did to it, and enables it again', async () => {
    const { page } = open;
    await visit(page, '/pipeds/shop/edge-1', 'edge-1');
    await page.getByRole('button', { name: 'Disable' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('1 auth server follows this control plane').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Disable' }).click();
    await page.getByText('It is disabled').waitFor();

    await stack.deploy(keyFile, { id: 'd-3' });
    await page.getByRole('link', { name: 'piped_disabled' }).first().waitFor();
    await page.getByRole('button', { name: 'Enable' }).click();
    await dialog.getByRole('button', { name: 'Enable' }).click();
    await page.getByText('It is disabled').waitFor({ state: 'detached' });
  });

  it('sees at once what others do', async () => {
    const { page } = open;
    await stack.command('piped', 'disable', '--project', 'shop', '--piped', 'edge-1');
    await page.getByText('It is disabled').waitFor();
    await stack.command('piped', 'enable', '--project', 'shop', '--piped', 'edge-1');
    await page.getByText('It is disabled').waitFor({ state: 'detached' });
  });

  it('revokes the last key only when told so twice, and says why the piped is refused', async () => {
    const { page } = open;
    await page.getByRole('button', { name: /^Revoke the key/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('It is the only key').waitFor();
    const revoke = dialog.getByRole('button', { name: 'Revoke for good' });
    await revoke.click();
    await dialog.getByText('Say that it shall be shut out').waitFor();
    await dialog.getByLabel('Shut the piped out all the same').check();
    await revoke.click();
    await page.getByText('Its keys were revoked or have ended').waitFor();
    await stack.deploy(keyFile, { id: 'd-4' });
    await page.getByRole('link', { name: 'key_revoked' }).first().click();
    await page.getByText('Enroll the piped anew if it is trusted.').waitFor();
  });

  it('gives a fresh token to a piped that lost its key', async () => {
    const { page } = open;
    await visit(page, '/pipeds/shop/edge-1', 'edge-1');
    await page.getByRole('button', { name: 'New enrollment token' }).click();
    await page.getByRole('button', { name: 'Make a token' }).click();
    const token = (await page.getByTestId('enrollment-token').textContent()) ?? '';
    await stack.command(
      'enroll',
      '--control-plane',
      stack.url,
      '--token',
      token,
      '--key-file',
      `${stack.folder}/2.json`,
    );
    await page.getByText('Enrolled', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('says how a piped renews its key, and ticks off that it has', async () => {
    const { page } = open;
    await page.getByRole('button', { name: /^Renew the key/ }).click();
    const dialog = page.getByRole('dialog');
    const words = ((await dialog.locator('pre').textContent()) ?? '').split(' ');
    expect(words.slice(0, 4)).toEqual(['npx', 'spanpass', 'renew', '--key-file']);
    await dialog.getByText('Waiting for it to renew').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    const key = `${stack.folder}/2.json`;
    await stack.command('renew', '--key-file', key);
    await dialog.getByText('Renewed', { exact: true }).waitFor();
    await stack.deploy(key, { id: 'd-5' });
    await dialog.getByText('A span with the new key has passed').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('filters the audit, and verifies its chain by itself', async () => {
    const { page } = open;
    await visit(page, '/audit', 'Audit');
    await page.getByRole('combobox', { name: 'What' }).selectOption('key.revoked');
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/^All \d+ rows hang together\.$/).waitFor();
  });

  it('makes a token for a viewer, who is shown nothing to change, and who is out when it is revoked', async () => {
    const { page } = open;
    await visit(page, '/tokens', 'Tokens');
    await page.getByRole('button', { name: 'Make a token' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('eve');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    const token = (await dialog.locator('code').textContent()) ?? '';
    await dialog.getByRole('button', { name: 'I have it' }).click();

    const other = await openPage(browser, stack.url);
    await signIn(other.page, token);
    await visit(other.page, '/pipeds/shop/edge-1', 'edge-1');
    await other.page.getByRole('heading', { name: 'Keys' }).waitFor();
    expect(await other.page.getByRole('button', { name: /Disable|Revoke|token/ }).count()).toBe(0);
    expect(await other.page.getByRole('link', { name: 'Tokens' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Revoke the token eve' }).click();
    await dialog.getByRole('button', { name: 'Revoke for good' }).click();
    await other.page.reload();
    await other.page.getByLabel('Admin token').waitFor();
    await other.page.close();
  });

  it('draws thousands of pipeds a few at a time, and finds one among them', async () => {
    const { page } = open;
    for (let at = 0; at < 2000; at += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, next) =>
          stack.api('POST', '/v1/projects/farm/pipeds', { piped: `node-${String(at + next).padStart(4, '0')}` }),
        ),
      );
    }
    await visit(page, '/', 'Pipeds');
    await page.getByText('200 or more pipeds').waitFor();
    expect(await page.getByRole('row').count()).toBeLessThan(60);
    await waitFor(
      'the last piped in sight',
      async () => {
        await page.evaluate('scrollTo(0, document.body.scrollHeight)');
        return page.getByRole('link', { name: 'node-1999' }).isVisible();
      },
      30_000,
    );
    expect(await page.getByRole('row').count()).toBeLessThan(60);
    await page.getByLabel('Search').fill('NODE-1123');
    await page.getByText('1 piped', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'node-1123' }).waitFor();
  });

  describe.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 360],
  ] as const)('in %s colours, %i pixels wide', (scheme, width) => {
    it('has nothing that axe finds, fits, and loads nothing from elsewhere', async () => {
      const { page, complaints, elsewhere } = await openPage(browser, stack.url, { scheme, width });
      expect(await axeFindings(page)).toEqual([]);
      await signIn(page, stack.adminToken);
      for (const [path, heading] of PAGES) {
        await visit(page, path, heading);
        expect(await axeFindings(page), path).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(width);
      }
      await openFailedDeployment(page);
      expect(await axeFindings(page), 'a trace').toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth'), 'a trace').toBeLessThanOrEqual(width);
      expect(complaints).toEqual([]);
      expect(elsewhere).toEqual([]);
      await page.close();
    });
  });

  it('is worked with the keyboard alone', async () => {
    const { page } = await openPage(browser, stack.url);
    await signIn(page, stack.adminToken);
    await page.keyboard.press('Tab');
    const focused = () => page.evaluate('document.activeElement?.textContent');
    for (let tries = 0; tries < 20 && (await focused()) !== 'Audit'; tries++) await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Audit', level: 1 }).waitFor();
    expect(await focused()).toBe('Audit');
    await page.close();
  });

  it('complained of nothing all along, and signs out', async () => {
    const { page, complaints, elsewhere } = open;
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Admin token').waitFor();
    expect(complaints).toEqual([]);
    expect(elsewhere).toEqual([]);
  });
});
