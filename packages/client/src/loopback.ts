import { BlockList, isIP } from 'node:net';
import { ClientError } from './errors.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Whether what is sent to `host` stays on this machine: 127.0.0.0/8, ::1 (also IPv4-mapped), and the name `localhost`.
 *
 * A name is judged as a name and never looked up: an answer of DNS can be forged, and can differ between this look-up
 * and the connection's own. Only `localhost` itself is no resolver's business (RFC 6761 section 6.3). `localhost.` and
 * `x.localhost` are, on systems that ask the network for them, and so are short forms such as `127.1`.
 */
export function isLoopbackHost(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  const address = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  switch (isIP(address)) {
    case 4:
      return LOOPBACK.check(address, 'ipv4');
    case 6:
      return !address.includes('%') && LOOPBACK.check(address, 'ipv6');
    default:
      return false;
  }
}

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
