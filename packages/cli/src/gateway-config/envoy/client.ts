import type { EnvoySettings } from './options.ts';

const address = 'x-real-ip';
const certificate = 'x-forwarded-client-cert';

/** The headers in which a check over HTTP says who the client is; over gRPC it has fields of its own. */
export function clientHeaders({ auth, tls }: EnvoySettings): readonly string[] {
  if (auth.mode !== 'http') return [];
  return tls?.clientCaFile === undefined ? [address] : [address, certificate];
}

/** Written before anything looks at the request, over whatever the client wrote there. */
export function nameClient({ auth }: EnvoySettings) {
  if (auth.mode !== 'http') return [];
  return [
    {
      append: {
        header: { key: address, value: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%' },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
      },
    },
  ];
}

/** By default Envoy drops the certificate's header; so the client's own is dropped in either case. */
export function forwardCertificate(settings: EnvoySettings) {
  if (!clientHeaders(settings).includes(certificate)) return {};
  return {
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { cert: true, uri: true, dns: true },
  };
}
