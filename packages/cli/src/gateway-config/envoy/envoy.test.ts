import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { envoyConfig } from '../index.ts';
import type { EnvoyOptions } from './options.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape is Envoy's; a wrong path in a test fails by itself.
type Loose = any;

function generate(options?: EnvoyOptions): Loose {
  return parse(envoyConfig(options));
}

function managers(config: Loose): Loose[] {
  return config.static_resources.listeners.map((each: Loose) => each.filter_chains[0].filters[0].typed_config);
}

function filters(manager: Loose): Record<string, Loose> {
  return Object.fromEntries(manager.http_filters.map((each: Loose) => [each.name, each.typed_config]));
}

function clusters(config: Loose): Record<string, Loose> {
  return Object.fromEntries(config.static_resources.clusters.map((each: Loose) => [each.name, each]));
}

function addresses(cluster: Loose): string[] {
  return cluster.load_assignment.endpoints[0].lb_endpoints.map((each: Loose) => {
    const { address, port_value } = each.endpoint.address.socket_address;
    return `${address}|${port_value}`;
  });
}

it('makes each worker of each auth server an endpoint', () => {
  const auth = { mode: 'grpc' as const, endpoints: ['10.0.0.5:9086', '[::1]:9286'], workers: 2 };
  expect(addresses(clusters(generate({ auth })).auth)).toEqual([
    '10.0.0.5|9086',
    '10.0.0.5|9088',
    '::1|9286',
    '::1|9288',
  ]);
  for (const workers of [0, 257, Number.NaN])
    expect(() => generate({ auth: { mode: 'grpc', workers } })).toThrow(/workers/);
});

describe('the defaults', () => {
  const config = generate();

  it('listen on the OTLP ports of loopback, without an admin interface', () => {
    const sockets = config.static_resources.listeners.map((each: Loose) => each.address.socket_address);
    expect(sockets).toEqual([
      { address: '127.0.0.1', port_value: 4317 },
      { address: '127.0.0.1', port_value: 4318 },
    ]);
    expect(config.admin).toBeUndefined();
    expect(config.static_resources.listeners[0].filter_chains[0].transport_socket).toBeUndefined();
  });

  it('ask the auth server on its port, and forward beside the OTLP ports', () => {
    expect(addresses(clusters(config).auth)).toEqual(['127.0.0.1|9086']);
    expect(addresses(clusters(config).upstream_grpc)).toEqual(['127.0.0.1|14317']);
    expect(addresses(clusters(config).upstream_http)).toEqual(['127.0.0.1|14318']);
  });
});

describe.each(managers(generate()).map(manager => [manager.stat_prefix, manager]))('on %s', (_name, manager) => {
  it('an auth server that can not answer means 503, never 403 and never a pass', () => {
    const door = filters(manager)['envoy.filters.http.ext_authz'];
    expect(door.failure_mode_allow).toBe(false);
    expect(door.status_on_error).toEqual({ code: 'ServiceUnavailable' });
    expect(door.validate_mutations).toBe(true);
  });

  it('the auth server may touch three headers', () => {
    const rules = filters(manager)['envoy.filters.http.ext_authz'].decoder_header_mutation_rules;
    expect(rules.disallow_all).toBe(true);
    expect(rules.disallow_is_error).toBe(true);
    expect(rules.allow_expression.regex).toBe('x-spanpass-project|x-spanpass-piped|authorization');
  });

  it('checks are retried by the policy that Envoy heeds', () => {
    const service = filters(manager)['envoy.filters.http.ext_authz'].grpc_service;
    expect(service.envoy_grpc).toEqual({ cluster_name: 'auth' });
    expect(service.timeout).toBe('5s');
    expect(service.retry_policy.num_retries).toBe(60);
    expect(service.retry_policy.retry_on).toContain('unavailable');
  });

  it('the second door stands between the check and the router, and wants both identity headers', () => {
    expect(manager.http_filters.map((each: Loose) => each.name)).toEqual([
      'envoy.filters.http.ext_authz',
      'envoy.filters.http.rbac',
      'envoy.filters.http.router',
    ]);
    const { rules } = filters(manager)['envoy.filters.http.rbac'];
    expect(rules.action).toBe('ALLOW');
    const demanded = rules.policies.identified.principals[0].and_ids.ids.map((each: Loose) => each.header.name);
    expect(demanded).toEqual(['x-spanpass-project', 'x-spanpass-piped']);
  });

  it("a client's identity and gateway headers are gone before anything looks at the request", () => {
    const removed = manager.early_header_mutation_extensions[0].typed_config.mutations;
    expect(removed).toEqual([
      { remove: 'x-spanpass-project' },
      { remove: 'x-spanpass-piped' },
      { remove: 'x-gateway-auth' },
    ]);
    expect(manager.common_http_protocol_options.headers_with_underscores_action).toBe('REJECT_REQUEST');
  });

  it('one path has one meaning', () => {
    expect(manager.normalize_path).toBe(true);
    expect(manager.merge_slashes).toBe(true);
    expect(manager.path_with_escaped_slashes_action).toBe('REJECT_REQUEST');
  });

  it('the token comes from the environment, and the pass ends here', () => {
    const [host] = manager.route_config.virtual_hosts;
    expect(host.request_headers_to_add).toEqual([
      {
        header: { key: 'x-gateway-auth', value: 'Bearer %ENVIRONMENT(GATEWAY_TOKEN)%' },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
      },
    ]);
    expect(host.request_headers_to_remove).toEqual(['authorization']);
  });

  it('all four signals have an exact route, shorter than the patience of an exporter', () => {
    const routes = manager.route_config.virtual_hosts[0].routes.slice(0, -1);
    expect(routes).toHaveLength(4);
    for (const { match, route } of routes) {
      expect(match.path).toMatch(/^\/(v1|opentelemetry\.proto\.collector\.)/);
      expect(route.timeout).toBe('9s');
      expect(route.retry_policy.num_retries).toBe(60);
    }
  });
});

it('only a route that answers by itself is left unchecked', () => {
  for (const manager of managers(generate())) {
    const { routes } = manager.route_config.virtual_hosts[0];
    const unchecked = routes.filter((each: Loose) => each.typed_per_filter_config !== undefined);
    expect(unchecked).toEqual([routes.at(-1)]);
    expect(unchecked[0].route).toBeUndefined();
    expect(unchecked[0].direct_response.status).toBe(404);
  }
});

describe('the clusters', () => {
  const { auth, upstream_grpc, upstream_http } = clusters(generate());

  it('keep exports through restarts', () => {
    for (const each of [auth, upstream_grpc, upstream_http]) {
      expect(each.common_lb_config.update_merge_window).toBe('0s');
      expect(each.circuit_breakers.thresholds[0].max_retries).toBe(4096);
    }
    expect(auth.health_checks[0].grpc_health_check).toEqual({});
    expect(auth.outlier_detection.consecutive_5xx).toBe(2);
  });

  it('resolve names, and take addresses as they are', () => {
    const named = clusters(generate({ auth: { mode: 'grpc', endpoints: ['auth.internal:9086', '[::1]:9087'] } })).auth;
    expect(named.type).toBe('STRICT_DNS');
    expect(addresses(named)).toEqual(['auth.internal|9086', '::1|9087']);
    expect(auth.type).toBe('STATIC');
  });
});

describe('options', () => {
  it('reach their places', () => {
    const config = generate({
      listen: { address: '10.0.0.1', grpcPort: 1, httpPort: 2 },
      tls: { certFile: '/c', keyFile: '/k', clientCaFile: '/ca' },
      projectHeader: 'x-p',
      pipedHeader: 'x-d',
      gatewayHeader: 'x-g',
      gatewayTokenEnv: 'TOKEN',
      clusterTimeouts: { checkMs: 1500, authConnectMs: 100, exportMs: 4000, upstreamConnectMs: 50 },
      accessLog: false,
      adminPort: 9901,
    });
    expect(config.admin.address.socket_address).toEqual({ address: '127.0.0.1', port_value: 9901 });
    const tls = config.static_resources.listeners[0].filter_chains[0].transport_socket.typed_config;
    expect(tls.require_client_certificate).toBe(true);
    expect(tls.common_tls_context.alpn_protocols).toEqual(['h2']);
    expect(tls.common_tls_context.validation_context.trusted_ca.filename).toBe('/ca');
    const [manager] = managers(config);
    expect(manager.access_log).toBeUndefined();
    expect(filters(manager)['envoy.filters.http.ext_authz'].grpc_service.timeout).toBe('1.5s');
    expect(filters(manager)['envoy.filters.http.ext_authz'].include_peer_certificate).toBe(true);
    expect(JSON.stringify(manager)).toContain('Bearer %ENVIRONMENT(TOKEN)%');
    expect(JSON.stringify(config)).not.toContain('x-spanpass');
    expect(clusters(config).auth.connect_timeout).toBe('0.1s');
    expect(clusters(config).upstream_http.connect_timeout).toBe('0.05s');
  });

  it.each<[EnvoyOptions, string]>([
    [{ listen: { address: '0.0.0.0' } }, 'tls: needed to listen on 0.0.0.0, or allowPlaintext'],
    [{ listen: { address: 'localhost' } }, 'listen.address: must be an IP address'],
    [{ listen: { grpcPort: 4318 } }, 'listen: grpcPort and httpPort must differ'],
    [{ auth: { mode: 'grpc', endpoints: ['nowhere'] } }, "auth.endpoints.0: 'nowhere' is not host:port"],
    [{ auth: { mode: 'grpc', endpoints: ['::1:9086'] } }, "auth.endpoints.0: '::1:9086' is not host:port"],
    [{ auth: { mode: 'grpc', endpoints: [] } }, 'auth.endpoints: '],
    [{ projectHeader: 'x_project' }, 'projectHeader: must be a lower-case header name'],
    [{ gatewayTokenEnv: 'A)%\n' }, 'gatewayTokenEnv: must be the name of an environment variable'],
    [{ clusterTimeouts: { checkMs: Number.NaN } }, 'clusterTimeouts.checkMs: '],
    [{ adminPort: 70_000 }, 'adminPort: '],
    [{ unknown: 1 } as EnvoyOptions, 'Unrecognized key'],
  ])('%j is refused by name', (options, message) => {
    expect(() => envoyConfig(options)).toThrow(TypeError);
    expect(() => envoyConfig(options)).toThrow(message);
  });

  it('plaintext beyond loopback is possible where asked for', () => {
    expect(() => envoyConfig({ listen: { address: '0.0.0.0' }, allowPlaintext: true })).not.toThrow();
  });
});

describe('TLS to the auth server', () => {
  const authOf = (auth: EnvoyOptions['auth']) => clusters(generate({ auth })).auth.transport_socket?.typed_config;
  const endpoints = ['auth.example.org:9086', '10.0.0.5:9086', '10.0.0.5:9087'];

  it('is spoken where there is a CA, and the certificate must carry a host of the endpoints', () => {
    expect(authOf({ mode: 'grpc', endpoints })).toBeUndefined();
    const tls = authOf({ mode: 'grpc', endpoints, tls: { caFile: '/ca' } });
    expect(tls.sni).toBe('auth.example.org');
    expect(tls.common_tls_context).toEqual({
      alpn_protocols: ['h2'],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      validation_context: {
        trusted_ca: { filename: '/ca' },
        match_typed_subject_alt_names: [
          { san_type: 'DNS', matcher: { exact: 'auth.example.org' } },
          { san_type: 'IP_ADDRESS', matcher: { exact: '10.0.0.5' } },
        ],
      },
    });
  });

  it('shows a certificate where there is one, and may ask for another name', () => {
    const serverNames = ['auth.internal'];
    const tls = authOf({ mode: 'grpc', endpoints, tls: { caFile: '/ca', certFile: '/c', keyFile: '/k', serverNames } });
    expect(tls.sni).toBe('auth.internal');
    expect(tls.common_tls_context.tls_certificates).toEqual([
      { certificate_chain: { filename: '/c' }, private_key: { filename: '/k' } },
    ]);
    expect(tls.common_tls_context.validation_context.match_typed_subject_alt_names).toEqual([
      { san_type: 'DNS', matcher: { exact: 'auth.internal' } },
    ]);
  });

  it('needs a certificate and its key together', () => {
    const tls = { caFile: '/ca', certFile: '/c' };
    expect(() => generate({ auth: { mode: 'grpc', endpoints, tls } })).toThrow('certFile and keyFile belong together');
  });
});

describe('checks over HTTP', () => {
  const config = generate({ auth: { mode: 'http' } });

  it('ask at the port and in the dialect that the auth server has for Envoy', () => {
    expect(addresses(clusters(config).auth)).toEqual(['127.0.0.1|9087']);
    expect(clusters(config).auth).not.toHaveProperty('typed_extension_protocol_options');
    expect(clusters(config).auth.health_checks[0].http_health_check.expected_statuses).toEqual([
      { start: 404, end: 405 },
    ]);
    for (const manager of managers(config)) {
      const door = filters(manager)['envoy.filters.http.ext_authz'];
      expect(door).not.toHaveProperty('grpc_service');
      expect(door.failure_mode_allow).toBe(false);
      expect(door.status_on_error).toEqual({ code: 'ServiceUnavailable' });
      expect(door.http_service.path_prefix).toBe('/envoy');
    }
  });

  it('let few headers through, either way', () => {
    for (const manager of managers(config)) {
      const door = filters(manager)['envoy.filters.http.ext_authz'];
      const names = ({ patterns }: Loose) => patterns.map(({ exact }: Loose) => exact);
      expect(names(door.allowed_headers)).toEqual([
        ...['authorization', 'content-type', 'user-agent', 'x-request-id', 'x-real-ip'],
      ]);
      const { allowed_upstream_headers: upstream, allowed_client_headers: client } =
        door.http_service.authorization_response;
      expect(names(upstream)).toEqual(['x-spanpass-project', 'x-spanpass-piped']);
      expect(names(client)).toEqual(['www-authenticate', 'retry-after']);
    }
  });

  it("name the client's address, and its certificate where one is demanded, over what it says itself", () => {
    const [manager] = managers(config);
    const { mutations } = manager.early_header_mutation_extensions[0].typed_config;
    expect(mutations.at(-1).append).toMatchObject({
      header: { key: 'x-real-ip', value: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%' },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    });
    expect(manager).not.toHaveProperty('forward_client_cert_details');
    const tls = { certFile: 'a', keyFile: 'b', clientCaFile: 'c' };
    const [secured] = managers(generate({ auth: { mode: 'http' }, tls }));
    expect(secured.forward_client_cert_details).toBe('SANITIZE_SET');
  });
});
