const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const IPV6_LETTERS = /^[0-9a-f:.]+$/i;
/** As the WHATWG URL parser writes them. */
const LOOPBACK_IPV6 = /^\[::(?:1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})\]$/;

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
  if (IPV4.test(address)) return address.startsWith('127.');
  const url = `http://[${address}]`;
  return IPV6_LETTERS.test(address) && URL.canParse(url) && LOOPBACK_IPV6.test(new URL(url).hostname);
}
