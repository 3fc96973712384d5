import { formatEndpoint } from '../endpoint.ts';
import type { NginxSettings } from './options.ts';
import { noPages } from './refusals.ts';
import { block, type Directives } from './syntax.ts';

/** What the auth server's answer leaves behind: a variable of ours, and the header that it comes from. */
const answered = {
  spanpass_project: 'x_spanpass_project',
  spanpass_piped: 'x_spanpass_piped',
  spanpass_kid: 'x_spanpass_kid',
  spanpass_reason: 'x_spanpass_reason',
  spanpass_message: 'x_spanpass_message',
  spanpass_challenge: 'www_authenticate',
  spanpass_retry_after: 'retry_after',
};

/** In the place where telemetry is taken: the check before anything else, and what it found. */
export function checked(): Directives {
  return [
    'auth_request /_spanpass_check',
    ...Object.entries(answered).map(([name, header]) => `auth_request_set $${name} $upstream_http_${header}`),
  ];
}

/** The check itself. Whatever a client writes into a header that is set here is not sent. */
export function checkLocation({ auth, tls, timeouts }: NginxSettings) {
  return block(
    'location = /_spanpass_check',
    'internal',
    noPages,
    `proxy_pass ${auth.tls === undefined ? 'http' : 'https'}://spanpass_auth/nginx`,
    ...authTls(auth.tls),
    'proxy_http_version 1.1',
    'proxy_set_header Connection ""',
    'proxy_set_header Host spanpass',
    'proxy_pass_request_body off',
    'proxy_set_header Content-Length ""',
    'proxy_set_header X-Original-Method $request_method',
    'proxy_set_header X-Original-URI $request_uri',
    'proxy_set_header X-Real-IP $remote_addr',
    `proxy_set_header X-Forwarded-Client-Cert ${tls?.clientCaFile === undefined ? '""' : '$spanpass_client_certificate'}`,
    `proxy_connect_timeout ${timeouts.connectMs}ms`,
    `proxy_read_timeout ${timeouts.checkMs}ms`,
    'proxy_next_upstream error timeout invalid_header http_503',
    `proxy_next_upstream_timeout ${timeouts.checkMs}ms`,
  );
}

function authTls(tls: NginxSettings['auth']['tls']): Directives {
  if (tls === undefined) return [];
  const own = [`proxy_ssl_certificate ${tls.certFile}`, `proxy_ssl_certificate_key ${tls.keyFile}`];
  return [
    'proxy_ssl_verify on',
    'proxy_ssl_verify_depth 3',
    `proxy_ssl_trusted_certificate ${tls.caFile}`,
    `proxy_ssl_name ${tls.serverName}`,
    'proxy_ssl_server_name on',
    'proxy_ssl_protocols TLSv1.2 TLSv1.3',
    ...(tls.certFile === undefined ? [] : own),
  ];
}

/** What the checks need beside the servers. */
export function checkContext({ auth, tls, gatewayTokenFile }: NginxSettings): Directives {
  return [
    block(
      'upstream spanpass_auth',
      ...auth.endpoints.map(one => `server ${formatEndpoint(one)} max_fails=2 fail_timeout=1s`),
      'keepalive 64',
    ),
    '# The second door: without both names of an identity, what goes on goes nowhere.',
    ...['http', 'grpc'].map(way =>
      block(
        `map "$spanpass_project/$spanpass_piped" $spanpass_${way}_upstream`,
        'default spanpass_nowhere',
        `"~^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$" spanpass_${way}`,
      ),
    ),
    block('upstream spanpass_nowhere', 'server 127.0.0.1:9 down'),
    '# The token by which the Collector knows the gateway: a file of mode 0600, so that this one holds no secret.',
    block('map "" $spanpass_gateway_token', `include ${gatewayTokenFile}`),
    ...(tls?.clientCaFile === undefined
      ? []
      : [
          block(
            'map $ssl_client_verify $spanpass_client_certificate',
            'default ""',
            `SUCCESS 'Cert="$ssl_client_escaped_cert"'`,
          ),
        ]),
  ];
}
