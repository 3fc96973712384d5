import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { envoyConfig } from '../index.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape is Envoy's; a wrong path in a test fails by itself.
type Loose = any;

const config: Loose = parse(
  envoyConfig({
    auth: { mode: 'jwt', endpoints: ['10.0.0.4:443'], issuer: 'https://control-plane.example.org', audience: 'gate' },
  }),
);

describe.each<Loose>(config.static_resources.listeners)('on $name', listener => {
  const manager: Loose = listener.filter_chains[0].filters[0].typed_config;
  const [first, second] = manager.http_filters.map((each: Loose) => each.typed_config);

  it('a token is verified, nobody is asked, and a door behind demands identity and scope', () => {
    expect(manager.http_filters.map((each: Loose) => each.name)).toEqual([
      'envoy.filters.http.jwt_authn',
      'envoy.filters.http.rbac',
      'envoy.filters.http.router',
    ]);
    expect(Object.keys(second.rules.policies)).toEqual(['traces', 'metrics', 'logs', 'profiles']);
    const [principal] = second.rules.policies.logs.principals;
    const [project, piped, scope] = principal.and_ids.ids;
    expect([project.header.name, piped.header.name]).toEqual(['x-spanpass-project', 'x-spanpass-piped']);
    expect(scope.sourced_metadata.metadata_matcher.value.list_match.one_of.string_match.exact).toBe('logs');
  });

  it('it must be of this issuer, for this gateway, and end within a quarter of an hour', () => {
    expect(first.providers.spanpass).toMatchObject({
      issuer: 'https://control-plane.example.org',
      audiences: ['gate'],
      require_expiration: true,
      max_lifetime: '900s',
      forward: false,
      remote_jwks: { http_uri: { uri: 'https://control-plane.example.org/oauth2/jwks', cluster: 'auth' } },
      claim_to_headers: [
        { header_name: 'x-spanpass-project', claim_name: 'project' },
        { header_name: 'x-spanpass-piped', claim_name: 'sub' },
      ],
    });
    expect(first.rules).toEqual([{ match: { prefix: '/' }, requires: { provider_name: 'spanpass' } }]);
  });

  it("a client's own identity headers are gone before", () => {
    const removed = manager.early_header_mutation_extensions[0].typed_config.mutations;
    expect(removed).toEqual(['x-spanpass-project', 'x-spanpass-piped', 'x-gateway-auth'].map(remove => ({ remove })));
  });

  it('without keys it is no fault of the token; what a door refuses is', () => {
    const mappers = manager.local_reply_config.mappers.map((each: Loose) => JSON.stringify(each));
    const keyless = mappers.find((each: string) => each.includes('Jwks remote fetch is failed'));
    expect(keyless).toContain('"status_code":503');
    const forbidden = mappers.filter((each: string) => each.includes('"default_value":403'));
    for (const mapper of forbidden) expect(mapper).not.toContain('"status_code":');
  });
});

it.each(['https://control-plane.example.org/', 'https://x.example?y', 'ftp://x'])('no issuer is called %s', issuer => {
  expect(() => envoyConfig({ auth: { mode: 'jwt', issuer } })).toThrow(/^envoyConfig: auth.issuer/);
});
