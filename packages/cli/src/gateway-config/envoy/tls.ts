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
