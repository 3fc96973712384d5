import { BlockList, isIP } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** 127.0.0.0/8, ::1, and the name `localhost`; other names are not looked up, since an answer of DNS can be forged. */
export function isLoopbackHost(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  const address = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  switch (isIP(address)) {
    case 4:
      return LOOPBACK.check(address, 'ipv4');
    case 6:
      return LOOPBACK.check(address, 'ipv6');
    default:
      return false;
  }
}

/** @throws TypeError if a secret would leave this machine in the clear */
export function assertConfidential(where: string, isConfidential: boolean, hasSecret: boolean): void {
  if (isConfidential || !hasSecret) return;
  throw new TypeError(`credentials are not sent to ${where} over plaintext: use https, or set allowPlaintext`);
}
