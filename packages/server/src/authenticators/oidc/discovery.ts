import { IssuerError } from '@spanpass/credential/issuer';
import { type FetchJsonOptions, fetchJson, isSafe } from './fetch-json.ts';

/**
 * Where an issuer keeps its keys, by its discovery document (OpenID Connect Discovery 1.0 section 4). The document must
 * name this very issuer, and may lead from a remote issuer to TLS only.
 *
 * @throws IssuerError, or what node:http throws
 */
export async function discoverKeys(issuer: string, options: FetchJsonOptions): Promise<URL> {
  const document = await fetchJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`), options);
  if (document.issuer !== issuer) throw new IssuerError('the discovery document is of another issuer');
  const { jwks_uri: text } = document;
  const uri = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (uri === undefined || !isSafe(uri) || (uri.protocol === 'http:' && new URL(issuer).protocol !== 'http:')) {
    throw new IssuerError('the discovery document leads to no keys that could be trusted');
  }
  return uri;
}
