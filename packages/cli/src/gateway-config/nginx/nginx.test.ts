import { describe, expect, it } from 'vitest';
import { nginxConfig } from '../index.ts';
import type { NginxOptions } from './options.ts';

/** The bodies of all blocks whose opening begins so. */
function blocks(config: string, opening: string): string[] {
  const from = [...config.matchAll(new RegExp(`^( *)${opening}.*\\{\\n`, 'gm'))];
  return from.map(match => {
    const start = match.index + match[0].length;
    return config.slice(start, config.indexOf(`\n${match[1]}}\n`, start));
  });
}

describe('nginxConfig', () => {
  const config = nginxConfig();
  const places = [...blocks(config, 'location = /v1'), ...blocks(config, 'location = /opentelemetry')];

  it('checks all eight places where telemetry is taken, and forwards from no other', () => {
    expect(places).toHaveLength(8);
    for (const place of places) expect(place).toContain('auth_request /_spanpass_check;');
    expect(config.match(/(proxy|grpc)_pass /g)).toHaveLength(8 + 2);
  });

  it.each(['x-spanpass-project', 'x-spanpass-piped', 'x-gateway-auth', 'Authorization'])(
    'lets no client write %s',
    header => {
      for (const place of places) expect(place).toMatch(new RegExp(`^ *(proxy|grpc)_set_header ${header} `, 'm'));
    },
  );

  it.each(['X-Original-Method', 'X-Original-URI', 'X-Real-IP', 'X-Forwarded-Client-Cert', 'Content-Length'])(
    'writes %s of the check itself',
    header => {
      const checks = blocks(config, 'location = /_spanpass_check');
      expect(checks).toHaveLength(2);
      for (const check of checks) expect(check).toContain(`proxy_set_header ${header} `);
      for (const check of checks) expect(check).toContain('internal;');
    },
  );

  it('makes no answer of a failed check but that it failed', () => {
    for (const place of [...places, ...blocks(config, 'location / ')]) {
      expect(place).toMatch(/error_page 500 = @undecided_/);
    }
    // What a server has for all its places is inherited, but by a place that has something of its own.
    for (const check of blocks(config, 'location = /_spanpass_check')) {
      expect(check.match(/error_page .*/g)).toEqual(['error_page 599 @none;']);
    }
  });

  it('sends what has no identity nowhere', () => {
    for (const way of ['http', 'grpc']) {
      const [map] = blocks(config, `map "\\$spanpass_project/\\$spanpass_piped" \\$spanpass_${way}_upstream`);
      expect(map).toContain('default spanpass_nowhere;');
    }
    expect(places.join()).not.toMatch(/_pass (http|grpc):\/\/spanpass/);
  });

  it('holds no token', () => {
    expect(blocks(config, 'map "" \\$spanpass_gateway_token')[0]?.trim()).toBe('include spanpass-gateway-token.conf;');
  });

  it('has no variable, quote or line end in the bytes of its answers', () => {
    const bodies = [...config.matchAll(/^ *return \d+ "(.*)";$/gm)].map(match => match[1] ?? '');
    expect(bodies.filter(body => body !== '')).toHaveLength(8);
    for (const body of bodies) expect(body.replaceAll('\\"', '')).not.toMatch(/[$"\\\n]/);
    // ASCII, so that it is the same bytes in any encoding of a file.
    expect(Buffer.byteLength(config)).toBe(config.length);
  });

  it('demands and forwards client certificates where it has their CA', () => {
    const tls = { certFile: 'a.pem', keyFile: 'a.key', clientCaFile: 'ca.pem' };
    const secured = nginxConfig({ tls });
    expect(secured).toContain('ssl_verify_client on;');
    expect(secured).toContain('proxy_set_header X-Forwarded-Client-Cert $spanpass_client_certificate;');
    expect(config).toContain('proxy_set_header X-Forwarded-Client-Cert "";');
    expect(secured.match(/listen 127\.0\.0\.1:\d+ ssl http2;/g)).toHaveLength(2);
  });

  it('verifies the auth server where it speaks TLS', () => {
    const auth = { endpoints: ['10.0.0.5:9087'], tls: { caFile: 'ca.pem', serverName: 'auth.example' } };
    const secured = nginxConfig({ auth });
    expect(secured).toContain('proxy_pass https://spanpass_auth/nginx;');
    expect(secured).toContain('proxy_ssl_verify on;');
    expect(secured).toContain('proxy_ssl_name auth.example;');
  });

  it.each<[NginxOptions, string]>([
    [{ listen: { address: '0.0.0.0' } }, 'tls: needed to listen on 0.0.0.0, or allowPlaintext'],
    [{ listen: { grpcPort: 4318 } }, 'listen: grpcPort and httpPort must differ'],
    [{ tls: { certFile: 'a;b', keyFile: 'c' } }, 'tls.certFile: must be a path without'],
    [{ gatewayTokenFile: '$HOME/x' }, 'gatewayTokenFile: must be a path without'],
    [{ auth: { endpoints: ['nowhere'] } }, "auth.endpoints.0: 'nowhere' is not host:port"],
    [{ projectHeader: 'x_project' }, 'projectHeader: must be a lower-case header name'],
  ])('refuses %j by name', (options, problem) => {
    expect(() => nginxConfig(options)).toThrow(problem);
  });
});
