import { parseOptions } from '../parse.ts';
import { checkContext } from './check.ts';
import { type NginxOptions, type NginxSettings, nginxOptions } from './options.ts';
import { refusalContext } from './refusals.ts';
import { grpcServer, httpServer, upstreams } from './servers.ts';
import { block, type Directives, render } from './syntax.ts';

/**
 * A complete nginx.conf (tried with 1.22) for the gateway: OTLP in, each request checked by the auth server over HTTP
 * (`auth_request`), then on to the Collector with the identity and the gateway's token attached.
 *
 * @example
 * ```ts
 * await writeFile('nginx.conf', nginxConfig({ auth: { endpoints: ['10.0.0.5:9087', '10.0.0.6:9087'] } }));
 * ```
 * @throws {TypeError} for options that make no sense, naming them
 */
export function nginxConfig(options: NginxOptions = {}): string {
  const settings = parseOptions('nginxConfig', nginxOptions, options);
  return render([...heading(settings), ...process(settings), block('http', ...http(settings))]);
}

function heading({ gatewayTokenFile }: NginxSettings): Directives {
  return [
    '# spanpass gateway: nginx checks each OTLP request with the auth server before it passes.',
    `# Once:  (umask 077; echo "default \\"Bearer $GATEWAY_TOKEN\\";" > ${gatewayTokenFile})`,
    '# Start: nginx -p . -c nginx.conf',
    '# Answers in protobuf are bytes in quotes below: keep this file as it is, and generate it again for changes.',
  ];
}

function process({ maxConnections }: NginxSettings): Directives {
  return [
    'daemon off',
    'worker_processes auto',
    'pid nginx.pid',
    'error_log stderr warn',
    block('events', `worker_connections ${maxConnections}`),
  ];
}

function http(settings: NginxSettings): Directives {
  return [
    'server_tokens off',
    '# Below the directory that -p names.',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(what => `${what}_temp_path ${what}_temp`),
    ...accessLog(settings),
    '# A credential of 8 KiB must still arrive to be refused by name.',
    'large_client_header_buffers 4 16k',
    'client_header_timeout 10s',
    'client_body_timeout 30s',
    'client_body_buffer_size 1m',
    `client_max_body_size ${settings.maxBodyBytes}`,
    'keepalive_timeout 300s',
    'http2_max_concurrent_streams 256',
    ...checkContext(settings),
    ...refusalContext(),
    ...upstreams(settings),
    httpServer(settings),
    grpcServer(settings),
  ];
}

/** Who was identified, or the reason code of the refusal; never a credential, and the path without its query. */
function accessLog({ accessLog: wanted }: NginxSettings): Directives {
  if (!wanted) return ['access_log off'];
  const fields = {
    time: '$time_iso8601',
    peer: '$remote_addr',
    path: '$uri',
    project: '$spanpass_project',
    piped: '$spanpass_piped',
    kid: '$spanpass_kid',
    reason: '$spanpass_reason',
    http: '$status',
    grpc: '$sent_http_grpc_status',
    bytes_in: '$request_length',
    duration_s: '$request_time',
  };
  const line = Object.entries(fields).map(([name, value]) => `"${name}":"${value}"`);
  return [`log_format spanpass escape=json '{${line.join(',')}}'`, 'access_log access.log spanpass'];
}
