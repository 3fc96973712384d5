import { afterEach, beforeAll, beforeEach } from 'vitest';
import type { CheckedRequest, Server } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { codeOf, now, requestWith } from '../fixture.test.support.ts';
import {
  claimsOf,
  createIssuerKey,
  type IssuerKeyPair,
  signToken,
  startIssuer,
  type TestIssuer,
} from './oidc/issuer.test.support.ts';
import { type OidcOptions, oidc } from './oidc.ts';

export const audience = 'spanpass-gateway';

/** An issuer for each test of a file, and servers that trust it. */
export interface OidcTest {
  readonly issuer: TestIssuer;
  readonly key: IssuerKeyPair;
  /** Another key that goes by the same kid. */
  readonly stranger: IssuerKeyPair;
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): string;
  serverOf(options?: Partial<OidcOptions>): Server;
  answerTo(token: string, options?: Partial<OidcOptions>): Promise<string>;
}

export function useOidc(): OidcTest {
  let issuer: TestIssuer;
  let key: IssuerKeyPair;
  let stranger: IssuerKeyPair;
  beforeAll(async () => {
    [key, stranger] = await Promise.all([createIssuerKey('2026-01'), createIssuerKey('2026-01')]);
  });
  beforeEach(async () => {
    issuer = await startIssuer();
    issuer.keys = [key.jwk];
  });
  afterEach(() => issuer[Symbol.asyncDispose]());

  return {
    get issuer() {
      return issuer;
    },
    get key() {
      return key;
    },
    get stranger() {
      return stranger;
    },
    token: (claims = {}, header = {}) => signToken(key, claimsOf(issuer, claims), header),
    serverOf: (options = {}) =>
      createServer({
        authenticators: [oidc({ issuer: issuer.url, audience, now, ...options })],
        now: options.now ?? now,
      }),
    answerTo(token, options) {
      return codeOf(() => this.serverOf(options).authenticate(bearer(token)));
    },
  };
}

export function bearer(token: string): CheckedRequest {
  return requestWith(`Bearer ${token}`);
}
