import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseForwardTarget, refuseOwnAddress } from './target.ts';

describe('a forward endpoint', () => {
  it.each([
    ['http://tempo:4318', { protocol: 'http', tls: false, host: 'tempo', port: 4318, baseUrl: 'http://tempo:4318' }],
    [
      'https://otlp.example.com/base/',
      { protocol: 'http', tls: true, port: 443, baseUrl: 'https://otlp.example.com/base' },
    ],
    ['grpc://[::1]:4317', { protocol: 'grpc', tls: false, host: '::1', port: 4317 }],
    ['GRPCS://otlp.example.com', { protocol: 'grpc', tls: true, host: 'otlp.example.com', port: 443 }],
  ])('%s is read', (text, expected) => {
    expect(parseForwardTarget(text)).toMatchObject(expected);
  });

  it.each([
    'tempo:4318',
    '4318',
    '',
    'ftp://tempo:4318',
    'http://',
    'http://u:p@tempo:4318',
    'http://tempo:4318/?a=b',
    'grpc://tempo:4317/x',
    'http://tempo:0',
    'http://tempo:99999',
  ])('%s is refused in one line', text => {
    expect(() => parseForwardTarget(text)).toThrow(/^forward endpoint: [^\n]+$/);
  });
});

describe('our own address', () => {
  const ownAddress = Object.values(networkInterfaces())
    .flat()
    .find(address => address && !address.internal)?.address;
  const spellings = [
    'http://127.0.0.1:4318',
    'http://localhost:4318',
    'http://LocalHost.:4318',
    'http://any.localhost:4318',
    'http://0.0.0.0:4318',
    'http://[::1]:4318',
    'http://[::]:4318',
    'http://[::ffff:127.0.0.1]:4318',
    'http://127.1:4318',
    'http://2130706433:4318',
    'http://127.8.8.8:4318',
    'grpc://0x7f.1:4317',
    'grpc://localhost:4317',
    ...(ownAddress === undefined ? [] : [`http://${ownAddress.includes(':') ? `[${ownAddress}]` : ownAddress}:4318`]),
  ];

  it.each(spellings)('%s is refused', async text => {
    await expect(refuseOwnAddress(parseForwardTarget(text), [4317, 4318])).rejects.toThrow('is this gateway itself');
  });

  it.each(['http://127.0.0.1:4328', 'http://192.0.2.1:4318', 'http://does-not-resolve.invalid:4318'])(
    '%s is another',
    async text => {
      await expect(refuseOwnAddress(parseForwardTarget(text), [4317, 4318])).resolves.toBeUndefined();
    },
  );
});
