import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFindings } from '../console/axe.ts';
import { type OpenPage, openPage, startBrowser, visit } from '../console/browser.ts';
import { type RealProvider, signInThere, startIdentityProvider } from '../console/identity-provider.ts';
import { describeWithEngine } from '../engines/describe.ts';
import { freePorts } from '../harness/ports.ts';
import { startControlPlane } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

const ADMIN_TOKEN = 'admin-token-of-this-test-0123456789';
const NAME = 'Sign in with Example login';

await describeWithEngine(['chromium'], 'people sign in at an identity provider', engines => {
  const stage = new Stage();
  let url: string;
  let provider: RealProvider;
  let browser: Browser;
  let open: OpenPage;

  const api = async (method: string, path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    expect(response.status).toBe(201);
  };

  beforeAll(async () => {
    const ports = await freePorts('plane');
    url = `http://127.0.0.1:${ports.plane}`;
    provider = await startIdentityProvider(stage, {
      redirectUri: `${url}/v1/session/oidc/callback`,
      accounts: {
        ada: { email: 'ada@example.org', groups: ['shop-team'] },
        mallory: { email: 'mallory@example.org', groups: ['visitors'] },
      },
    });
    const oidc = {
      issuer: provider.issuer,
      clientId: provider.clientId,
      name: 'Example login',
      scopes: ['openid', 'email', 'groups'],
      grants: [{ claim: 'groups', value: 'shop-team', role: 'project-admin', projects: ['shop'] }],
    };
    await startControlPlane(stage, {
      folder: await tempDir(stage, 'people'),
      port: ports.plane,
      adminToken: ADMIN_TOKEN,
      authServerToken: 'auth-server-token-of-this-test-0123456789',
      env: { SPANPASS_OIDC: JSON.stringify(oidc), SPANPASS_OIDC_CLIENT_SECRET: provider.clientSecret },
    });
    await api('POST', '/v1/projects/shop/pipeds', { piped: 'edge-1' });
    await api('POST', '/v1/projects/bank/pipeds', { piped: 'vault-1' });
    browser = await startBrowser(stage, engines.chromium.path);
    open = await openPage(browser, url);
  });
  afterAll(() => stage.dispose());

  it('offers it on the page for signing in', async () => {
    const { page } = open;
    await page.getByRole('link', { name: NAME }).waitFor();
    expect(await axeFindings(page)).toEqual([]);
  });

  it('brings a person back from there to the page that she wanted, signed in', async () => {
    const { page } = open;
    await page.evaluate("location.hash = '/pipeds/shop/edge-1'");
    await page.getByRole('link', { name: NAME }).click();
    await signInThere(page, 'ada');
    await page.getByRole('heading', { name: 'edge-1', level: 1 }).waitFor();
    expect(page.url()).toBe(`${url}/#/pipeds/shop/edge-1`);
    await page.getByText('ada@example.org').waitFor();
    // What the provider's pages would have loaded from elsewhere is not the console's.
    open.complaints.length = 0;
    const cookies = await page.context().cookies(url);
    expect(cookies.map(({ name, sameSite, httpOnly }) => [name, sameSite, httpOnly])).toEqual([
      ['spanpass-session', 'Strict', true],
    ]);
  });

  it('shows her what is hers, and lets her do what her role may', async () => {
    const { page } = open;
    await visit(page, '/', 'Pipeds');
    await page.getByRole('link', { name: 'edge-1' }).waitFor();
    expect(await page.getByText('vault-1').count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Tokens' }).count()).toBe(0);
    const asPage = (method: string, path: string) =>
      page.evaluate(
        `fetch(${JSON.stringify(path)}, { method: ${JSON.stringify(method)}, headers: { 'x-spanpass-console': '1' } }).then(({ status }) => status)`,
      );
    expect(await asPage('GET', '/v1/projects/bank/pipeds/vault-1/keys')).toBe(403);
    expect(await asPage('POST', '/v1/projects/bank/pipeds/vault-1/disable')).toBe(403);
    expect(await asPage('GET', '/v1/tokens')).toBe(403);

    await visit(page, '/pipeds/shop/edge-1', 'edge-1');
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
    await page.getByText('It is disabled').waitFor();
    await visit(page, '/audit', 'Audit');
    const row = page.getByRole('row', { name: /piped\.disabled/ });
    await row.getByText('ada@example.org').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await visit(page, '/settings', 'Settings');
    await page.getByText(provider.issuer).first().waitFor();
  });

  it('lets an owner verify the chain that names her', async () => {
    const { page } = await openPage(browser, url);
    await page.getByLabel('Admin token').fill(ADMIN_TOKEN);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('heading', { name: 'Pipeds', level: 1 }).waitFor();
    await visit(page, '/audit', 'Audit');
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/^All \d+ rows hang together\.$/).waitFor();
    await page.context().close();
  });

  it('signs her out', async () => {
    const { page } = open;
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: NAME }).waitFor();
    expect(await page.context().cookies(url)).toEqual([]);
    expect(open.complaints).toEqual([]);
  });

  it('says to whom no role is granted that this is so', async () => {
    const { page } = await openPage(browser, url);
    await page.getByRole('link', { name: NAME }).click();
    await signInThere(page, 'mallory');
    await page.getByText('no role here is granted to you').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    expect(page.url()).toBe(`${url}/`);
    expect(await page.context().cookies(url)).toEqual([]);
    await page.context().close();
  });

  it('says what to do when somebody turns back, or the provider is down', async () => {
    const { page } = await openPage(browser, url);
    await page.getByRole('link', { name: NAME }).click();
    await page.getByRole('link', { name: /cancel/i }).click();
    await page.getByText('you turned back there').waitFor();
    await page.goto(`${url}/v1/session/oidc/callback?code=c&state=s`);
    await page.getByText('Begin it once more').waitFor();
    // Which is where the control plane sends the browser then.
    await page.goto(`${url}/?refused=identity_provider_unavailable`);
    await page.getByText('a token works all the while').waitFor();
    await page.context().close();
  });
});
