import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLoopbackHost } from './loopback.ts';

describe('isLoopbackHost', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '[0000:0000::0001]',
    '::ffff:127.0.0.1',
    '[::ffff:7f00:1]',
  ])('%s is this machine', host => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  it.each([
    '',
    ' ',
    'localhost.',
    'localhost.evil.com',
    'evil.localhost',
    'localhost ',
    '127.0.0.1.evil.com',
    '127.0.0.1.',
    '127.0.0.1 ',
    '127.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '0.0.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '192.0.2.1',
    '::',
    '[::]',
    '::2',
    '::127.0.0.1',
    '::ffff:192.0.2.1',
    '::1%eth0',
    '[::1',
    '::1]',
    '[localhost]',
    'fe80::1',
    'ip6-localhost',
    'ｌocalhost',
  ])('%j is not surely this machine', host => {
    expect(isLoopbackHost(host)).toBe(false);
  });

  it('agrees with the addresses that Node knows', () => {
    const loopback = new BlockList();
    loopback.addSubnet('127.0.0.0', 8, 'ipv4');
    loopback.addAddress('::1', 'ipv6');
    const near = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^(127|::ffff:127|::ffff:7f)[0-9a-f.:]{0,12}$/));
    fc.assert(
      fc.property(near, address => {
        const family = isIP(address);
        const known = family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
        expect(isLoopbackHost(address)).toBe(known);
      }),
      { numRuns: 2000 },
    );
  });
});
