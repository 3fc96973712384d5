import { isIP } from 'node:net';
import type { EnvoySettings } from './options.ts';
import { extension } from './proto.ts';

export function downstreamTls(tls: NonNullable<EnvoySettings['tls']>, alpn: readonly string[]) {
  return extension('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: tls.clientCaFile !== undefined,
    common_tls_context: {
      alpn_protocols: alpn,
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
      tls_certificates: [{ certificate_chain: { filename: tls.certFile }, private_key: { filename: tls.keyFile } }],
      ...(tls.clientCaFile === undefined ? {} : { validation_context: { trusted_ca: { filename: tls.clientCaFile } } }),
    },
  });
}

/** To the auth server. Envoy by itself verifies who signed a certificate, but not whose it is. */
export function authServerTls({ mode, endpoints, tls }: EnvoySettings['auth']) {
  if (tls === undefined) return {};
  const { caFile, certFile, keyFile } = tls;
  const names = tls.serverNames ?? [...new Set(endpoints.map(({ host }) => host))];
  const [sni] = names.filter(name => isIP(name) === 0);
  const own =
    certFile === undefined || keyFile === undefined
      ? {}
      : { tls_certificates: [{ certificate_chain: { filename: certFile }, private_key: { filename: keyFile } }] };
  return {
    transport_socket: extension(
      'envoy.transport_sockets.tls',
      'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      {
        ...(sni === undefined ? {} : { sni }),
        common_tls_context: {
          alpn_protocols: [mode === 'grpc' ? 'h2' : 'http/1.1'],
          tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
          ...own,
          validation_context: {
            trusted_ca: { filename: caFile },
            match_typed_subject_alt_names: names.map(name => ({
              san_type: isIP(name) === 0 ? 'DNS' : 'IP_ADDRESS',
              matcher: { exact: name },
            })),
          },
        },
      },
    ),
  };
}
