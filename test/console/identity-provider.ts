import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import type { Page } from 'playwright-core';
import type { Stage } from '../harness/stage.ts';

export interface Account {
  readonly email: string;
  readonly groups: readonly string[];
}

export interface RealProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * A certified OpenID Connect provider, of another site than the console's (`localhost`, not `127.0.0.1`), which believes
 * everybody who he is.
 */
export async function startIdentityProvider(
  stage: Stage,
  { redirectUri, accounts }: { redirectUri: string; accounts: Readonly<Record<string, Account>> },
): Promise<RealProvider> {
  const server = createServer((request, response) => handle(request, response));
  await new Promise<void>(resolve => server.listen(0, 'localhost', resolve));
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const [clientId, clientSecret] = ['spanpass-console', 'a-secret-of-this-test-0123456789'];
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    // So that all of them are in the ID token.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email_verified: true, ...accounts[id] }),
    }),
  });
  const handle = provider.callback();
  stage.defer(async () => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  });
  return { issuer, clientId, clientSecret };
}

/** Tells the provider's own pages who one is, and that the console may know. */
export async function signInThere(page: Page, login: string): Promise<void> {
  await page.locator('input[name=login]').fill(login);
  await page.locator('input[name=password]').fill('whatever');
  await page.getByRole('button', { name: /sign-?in/i }).click();
  await page.getByRole('button', { name: /continue/i }).click();
}
