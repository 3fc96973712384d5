import { expect, it } from 'vitest';
import { addressSet } from './address-set.ts';

const hops = addressSet('trustedHops', ['10.1.0.0/16', '192.0.2.7', 'fd00:1::/32', '::ffff:172.16.0.0/108', '::1']);

it.each([
  ['10.1.2.3', true],
  ['10.2.0.1', false],
  ['192.0.2.7', true],
  ['192.0.2.8', false],
  ['::ffff:10.1.2.3', true],
  ['::ffff:0a01:203', true],
  ['0:0:0:0:0:ffff:10.1.2.3', true],
  ['::ffff:10.2.0.1', false],
  ['172.16.9.9', true],
  ['::ffff:172.16.9.9', true],
  ['172.32.0.1', false],
  ['fd00:1:ffff::1', true],
  ['FD00:0001::1', true],
  ['fd00:2::1', false],
  ['::1', true],
  ['127.0.0.1', false],
  ['fe80::1%eth0', false],
  ['010.1.2.3', false],
  ['10.1.2.3:80', false],
  ['10.1.2.3/16', false],
  ['gateway', false],
  ['', false],
])('%s: %s', (address, known) => {
  expect(hops.has(address)).toBe(known);
});

it.each([
  '',
  'gateway',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0/8',
  'fd00::/129',
  '10.0.0.0/',
  '10.0.0.1 ',
  'fe80::1%eth0',
])('refuses "%s"', entry => {
  expect(() => addressSet('trustedHops', [entry])).toThrow('trustedHops must hold addresses and CIDR networks only');
});

it.each(['0.0.0.0/0', '::/0'])('refuses to know everybody: %s', entry => {
  expect(() => addressSet('trustedHops', [entry])).toThrow('trustedHops must not hold a network of all addresses');
});
