import { isLoopbackHost } from '@spanpass/credential';
import { ClientError } from './errors.ts';

/**
 * Reads an http(s) URL, and refuses it if a secret sent there would leave this machine unencrypted. What is judged is
 * what is connected to: the WHATWG parser has already taken apart user info, backslashes and odd IPv4 forms.
 *
 * @throws ClientError `plaintext_refused`
 * @throws TypeError if it is not an http or https URL
 */
export function assertConfidential(url: string | URL, allowPlaintext = false): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') throw new TypeError('not an http or https URL');
  if (parsed.protocol === 'https:' || allowPlaintext || isLoopbackHost(parsed.hostname)) return parsed;
  throw plaintextRefused(parsed.host, 'use https');
}

export function plaintextRefused(where: string, remedy: string): ClientError {
  return new ClientError(
    'plaintext_refused',
    `no secret is sent to ${where} over plaintext, since that is not surely this machine: ${remedy}, or set allowPlaintext`,
  );
}
