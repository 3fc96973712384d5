import { claimsKey } from './access-tokens.ts';
import { type MetadataKey, metadataKey } from './metadata.ts';
import type { EnvoySettings } from './options.ts';
import { extension } from './proto.ts';

/** JSON lines on stdout: who was identified, or the reason code of the refusal; never a credential. */
export function accessLog(settings: EnvoySettings) {
  const fromAuth = (key: MetadataKey) =>
    `%DYNAMIC_METADATA(envoy.filters.http.ext_authz:${metadataKey(settings, key)})%`;
  const fromToken = (claim: string) => `%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:${claimsKey}:${claim})%`;
  // Not a file log to /dev/stdout: that can't be opened where stdout is a socket, as under systemd or a parent in Node.
  return extension('envoy.access_loggers.stdout', 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
    log_format: {
      json_format: {
        time: '%START_TIME%',
        request_id: '%REQ(X-REQUEST-ID)%',
        peer: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
        // The path alone: what follows a question mark could hold anything.
        path: '%PATH(NQ)%',
        ...(settings.auth.mode === 'jwt'
          ? { project: fromToken('project'), piped: fromToken('sub') }
          : {
              project: fromAuth('project'),
              piped: fromAuth('piped'),
              kid: fromAuth('kid'),
              reason: fromAuth('reason'),
            }),
        http: '%RESPONSE_CODE%',
        grpc: '%GRPC_STATUS(SNAKE_STRING)%',
        details: '%RESPONSE_CODE_DETAILS%',
        flags: '%RESPONSE_FLAGS%',
        bytes_in: '%BYTES_RECEIVED%',
        duration_ms: '%DURATION%',
        ...(settings.auth.mode !== 'jwt' && {
          check_us: '%FILTER_STATE(envoy.filters.http.ext_authz:FIELD:latency_us)%',
        }),
      },
    },
  });
}
