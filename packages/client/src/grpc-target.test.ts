import { createRequire } from 'node:module';
import { Channel, ChannelCredentials, type ChannelOptions, credentials, type experimental } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type GrpcUri, isLoopbackTarget, parseTarget, staysOnLoopback } from './grpc-target.ts';

const require = createRequire(import.meta.url);
const { parseUri, uriToString } = require('@grpc/grpc-js/build/src/uri-parser.js');
const { mapUriDefaultScheme } = require('@grpc/grpc-js/build/src/resolver.js');
const { mapProxyName } = require('@grpc/grpc-js/build/src/http_proxy.js');

/** Reads a target as a channel does, by the code of grpc-js itself. */
function asChannel(target: string): GrpcUri {
  return mapUriDefaultScheme(parseUri(target));
}

const HERE = [
  'localhost:4317',
  'LOCALHOST:4317',
  'localhost',
  '127.0.0.1:4317',
  '127.8.9.10:4317',
  '[::1]:4317',
  '::1',
  '[::ffff:127.0.0.1]:4317',
  'dns:localhost:4317',
  'dns:///localhost:4317',
  'dns:///127.0.0.1:4317',
  'dns://192.0.2.53/127.0.0.1:4317',
  'dns:[::1]:4317',
  'ipv4:127.0.0.1:4317',
  'ipv4:127.0.0.1:4317,127.0.0.2:4317',
  'ipv6:[::1]:4317',
  'ipv6:[::1]:4317,[::1]:4318',
  'unix:/run/otlp.sock',
  'unix:///run/otlp.sock',
  'unix:otlp.sock',
];

const NOT_SURELY_HERE = [
  'collector.example.com:4317',
  '192.0.2.1:4317',
  '0.0.0.0:4317',
  '[::]:4317',
  '127.0.0.1.evil.com:4317',
  '127.0.0.1@evil.com:4317',
  'localhost@evil.com',
  'localhost.:4317',
  'evil.localhost:4317',
  '127.1:4317',
  '0x7f000001:4317',
  'dns://192.0.2.53/localhost:4317',
  'dns://192.0.2.53:53/localhost',
  'dns:///evil.com:4317',
  'DNS:localhost:4317',
  'ipv4:127.0.0.1:4317,192.0.2.1:4317',
  'ipv4:192.0.2.1:4317,127.0.0.1:4317',
  'ipv4:127.0.0.1:4317,',
  'ipv4:localhost:4317',
  'ipv6:[fe80::1]:4317',
  'ipv6:[::1]:4317,[2001:db8::1]:4317',
  'ipv6:127.0.0.1:4317,evil.com',
  'unix-abstract:otlp',
  'unix-abstract:4317',
  'UNIX:/run/otlp.sock',
  'xds:///localhost',
  'http://localhost:4317',
  'https://127.0.0.1:4317',
  'localhost:4317/path',
  'localhost:port',
  'localhost:4317:4317',
  '[localhost]:4317',
  '[::1%eth0]:4317',
  ':4317',
];

describe('isLoopbackTarget', () => {
  it.each(HERE)('%s is this machine', target => {
    expect(isLoopbackTarget(asChannel(target))).toBe(true);
  });

  it.each(NOT_SURELY_HERE)('%s is not surely this machine', target => {
    expect(isLoopbackTarget(asChannel(target))).toBe(false);
  });

  it.each([...HERE, ...NOT_SURELY_HERE])('reads %s alike from the text that grpc-js makes of it', target => {
    const uri = asChannel(target);
    const again = parseTarget(uriToString(uri));
    expect(again !== undefined && isLoopbackTarget(again)).toBe(isLoopbackTarget(uri));
  });
});

describe('staysOnLoopback, with a proxy in the environment', () => {
  function proxied(proxy: string, target: string): [GrpcUri, ChannelOptions] {
    vi.stubEnv('grpc_proxy', proxy);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const mapped = mapProxyName(asChannel(target), {});
    return [mapped.target, mapped.extraOptions];
  }

  it.each([
    ['http://127.0.0.1:3128', 'localhost:4317', true],
    ['http://localhost:3128', '127.0.0.1:4317', true],
    ['http://[::1]:3128', 'dns:///localhost:4317', true],
    ['http://127.0.0.1:3128', 'ipv4:127.0.0.1:4317', true],
    ['http://127.0.0.1:3128', 'unix:/run/otlp.sock', true],
    ['http://127.0.0.1:3128', 'collector.example.com:4317', false],
    ['http://127.0.0.1:3128', '192.0.2.1:4317', false],
    // Such a proxy would take the credential over the network first, and then look for `localhost` on its own machine.
    ['http://192.0.2.1:3128', 'localhost:4317', false],
    ['http://proxy.example.com:3128', '127.0.0.1:4317', false],
    ['http://127.0.0.1@evil.com:3128', '127.0.0.1:4317', false],
  ])('by way of %s to %s: %j', (proxy, target, expected) => {
    expect(staysOnLoopback(...proxied(proxy, target))).toBe(expected);
  });

  it.each([undefined, '', 'localhost:4317', 'unix:/run/otlp.sock', 'xds:///localhost', 'dns:evil.com:1', 4317])(
    'refuses the connect target %j, which grpc-js would not read as this machine',
    target => {
      expect(staysOnLoopback(asChannel('127.0.0.1:3128'), { 'grpc.http_connect_target': target as string })).toBe(
        false,
      );
    },
  );
});

describe('what a channel hands to its credentials', () => {
  class Probe extends ChannelCredentials {
    readonly targets: GrpcUri[] = [];
    readonly #insecure = credentials.createInsecure();
    override _isSecure = () => false;
    override _equals(other: ChannelCredentials): boolean {
      return this === other;
    }
    override _createSecureConnector(target: GrpcUri, options: ChannelOptions): experimental.SecureConnector {
      this.targets.push(target);
      return this.#insecure._createSecureConnector(target, options);
    }
  }

  it.each(['127.0.0.1:1', 'dns://192.0.2.53/127.0.0.1:1', 'ipv4:127.0.0.1:1', 'ipv6:[::1]:1', 'unix:///nowhere'])(
    'is what these tests judge: %s',
    async target => {
      const probe = new Probe();
      const channel = new Channel(target, probe, {});
      onTestFinished(() => channel.close());
      channel.getConnectivityState(true);
      await vi.waitFor(() => expect(probe.targets[0]).toEqual(asChannel(target)));
    },
  );
});
