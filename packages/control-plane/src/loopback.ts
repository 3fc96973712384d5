import { BlockList, isIP } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether what is sent to a host stays on this machine. Names are judged as names; only `localhost` needs no resolver. */
export function isLoopbackHost(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  const address = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  return LOOPBACK.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
