import { isIP } from 'node:net';
import { formatEndpoint } from '../endpoint.ts';
import { signals } from '../signals.ts';
import { checked, checkLocation } from './check.ts';
import type { NginxSettings } from './options.ts';
import { badRequestPage, grpcRefusals, httpRefusals, refusalPages } from './refusals.ts';
import { block, type Directives } from './syntax.ts';

export function upstreams({ upstream }: NginxSettings): Directives {
  return (['http', 'grpc'] as const).map(way =>
    block(
      `upstream spanpass_${way}`,
      ...upstream[way].map(one => `server ${formatEndpoint(one)} max_fails=2 fail_timeout=1s`),
      'keepalive 64',
    ),
  );
}

export function httpServer(settings: NginxSettings) {
  return server(
    settings,
    settings.listen.httpPort,
    ...signals.map(({ httpPath }) =>
      block(
        `location = ${httpPath}`,
        ...refusalPages('$spanpass_encoding'),
        ...checked(),
        'proxy_pass http://$spanpass_http_upstream',
        'proxy_http_version 1.1',
        'proxy_set_header Connection ""',
        'proxy_set_header Host $host',
        ...stamped(settings, 'proxy'),
        ...bounded(settings, 'proxy'),
      ),
    ),
    block('location /', ...refusalPages('$spanpass_encoding'), 'return 404'),
    ...httpRefusals(),
  );
}

export function grpcServer(settings: NginxSettings) {
  return server(
    settings,
    settings.listen.grpcPort,
    ...signals.map(({ grpcPath }) =>
      block(
        `location = ${grpcPath}`,
        ...refusalPages('grpc'),
        ...checked(),
        'grpc_pass grpc://$spanpass_grpc_upstream',
        ...stamped(settings, 'grpc'),
        ...bounded(settings, 'grpc'),
      ),
    ),
    block('location /', ...refusalPages('grpc'), 'return 404'),
    ...grpcRefusals(),
  );
}

function server(settings: NginxSettings, port: number, ...locations: Directives) {
  const isGrpc = port === settings.listen.grpcPort;
  const { tls } = settings;
  const http2 = isGrpc || tls !== undefined ? ' http2' : '';
  const { address } = settings.listen;
  const listen = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  return block(
    'server',
    `listen ${listen}${tls === undefined ? '' : ' ssl'}${http2}`,
    ...ownTls(tls),
    ...badRequestPage(isGrpc ? 'grpc' : '$spanpass_encoding'),
    checkLocation(settings),
    ...locations,
  );
}

function ownTls(tls: NginxSettings['tls']): Directives {
  if (tls === undefined) return [];
  return [
    `ssl_certificate ${tls.certFile}`,
    `ssl_certificate_key ${tls.keyFile}`,
    'ssl_protocols TLSv1.2 TLSv1.3',
    ...(tls.clientCaFile === undefined ? [] : [`ssl_client_certificate ${tls.clientCaFile}`, 'ssl_verify_client on']),
  ];
}

/** Over whatever the client wrote into these headers. */
function stamped({ projectHeader, pipedHeader, gatewayHeader }: NginxSettings, module: 'proxy' | 'grpc'): Directives {
  const set = (header: string, value: string) => `${module}_set_header ${header} ${value}`;
  return [
    set(projectHeader, '$spanpass_project'),
    set(pipedHeader, '$spanpass_piped'),
    set(gatewayHeader, '$spanpass_gateway_token'),
    // They have no business behind the gateway.
    ...['Authorization', 'X-Real-IP', 'X-Forwarded-Client-Cert'].map(header => set(header, '""')),
  ];
}

function bounded({ timeouts }: NginxSettings, module: 'proxy' | 'grpc'): Directives {
  return [
    `${module}_connect_timeout ${timeouts.connectMs}ms`,
    `${module}_send_timeout ${timeouts.exportMs}ms`,
    `${module}_read_timeout ${timeouts.exportMs}ms`,
  ];
}
