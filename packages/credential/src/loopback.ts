import { BlockList, isIP } from 'node:net';

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
