import { withoutKeys } from './access-tokens.ts';
import { metadataKey } from './metadata.ts';
import type { EnvoySettings } from './options.ts';
import { base64, statusBytes } from './status.ts';

/**
 * Answers that Envoy makes itself: refusals by the auth server, and its own. `http` is what Envoy would send; `code` is the
 * `google.rpc.Code` of the body. A refusal of the second door (403 that the auth server did not give) and a broken answer of the
 * auth server (500) are the gateway's trouble, not the client's: they become 503, after which exporters try again.
 */
interface Reply {
  readonly http: number;
  readonly code: number;
  readonly message: string;
  /**
   * Only where the auth server is the cause: by a refusal with a reason, or by any other answer or none as well. Or where
   * nobody is asked, and there are no keys to verify tokens by.
   */
  readonly byAuth?: 'refusal' | 'any' | 'no keys';
  readonly becomes?: 503;
}

const cannotDecide = 'the gateway cannot decide at the moment';

const replies: readonly Reply[] = [
  { http: 400, code: 3, message: 'bad request' },
  { http: 401, code: 16, message: 'unauthenticated' },
  { http: 403, code: 7, message: 'permission denied', byAuth: 'any' },
  { http: 403, code: 14, message: cannotDecide, becomes: 503 },
  { http: 404, code: 5, message: 'not found' },
  { http: 413, code: 3, message: 'request too large' },
  { http: 429, code: 8, message: 'too many requests' },
  { http: 500, code: 14, message: cannotDecide, becomes: 503 },
  { http: 503, code: 14, message: 'authorization unavailable', byAuth: 'refusal' },
  { http: 503, code: 14, message: 'authorization unavailable', byAuth: 'any' },
  { http: 503, code: 14, message: 'unavailable' },
  { http: 504, code: 14, message: 'timed out' },
];

/** Where tokens are verified here: without keys nothing can be said of a token, and both doors refuse in their own name. */
const repliesToTokens: readonly Reply[] = [
  { http: 401, code: 14, message: 'authorization unavailable', byAuth: 'no keys', becomes: 503 },
  { http: 403, code: 7, message: 'permission denied' },
  ...replies.filter(({ http, byAuth }) => http !== 403 && byAuth === undefined),
];

function repliesOf({ auth }: EnvoySettings): readonly Reply[] {
  return auth.mode === 'jwt' ? repliesToTokens : replies;
}

const retryAfterSeconds = 1;

function isUnavailable(reply: Reply): boolean {
  return reply.code === 14;
}

/** The body that Envoy has at hand is then about its own insides, or empty; else it is the auth server's, or of use. */
function needsWords(reply: Reply): boolean {
  return isUnavailable(reply) && reply.byAuth !== 'refusal';
}

function statusIs(http: number) {
  return { status_code_filter: { comparison: { op: 'EQ', value: { default_value: http, runtime_key: 'unused' } } } };
}

/** UAEX is Envoy's flag for "unauthorized by the external service". */
const byAuthServer = { response_flag_filter: { flags: ['UAEX'] } };

/** A refusal names its reason in the dynamic metadata; a timeout or a broken answer leaves none. */
function withReason(settings: EnvoySettings) {
  return {
    metadata_filter: {
      matcher: {
        filter: 'envoy.filters.http.ext_authz',
        path: [{ key: metadataKey(settings, 'reason') }],
        value: { present_match: true },
      },
      match_if_key_not_found: false,
    },
  };
}

const protobufRequest = {
  header_filter: { header: { name: 'content-type', string_match: { prefix: 'application/x-protobuf' } } },
};

function filterOf(settings: EnvoySettings, reply: Reply, protobuf: boolean) {
  const status = statusIs(reply.http);
  const filters = [
    status,
    ...(reply.byAuth === 'no keys' ? [withoutKeys] : []),
    ...(reply.byAuth === 'refusal' || reply.byAuth === 'any' ? [byAuthServer] : []),
    ...(reply.byAuth === 'refusal' ? [withReason(settings)] : []),
    ...(protobuf ? [protobufRequest] : []),
  ];
  // `and_filter` demands two at least.
  return filters.length === 1 ? status : { and_filter: { filters } };
}

function addIfAbsent(key: string, value: string) {
  return { header: { key, value }, append_action: 'ADD_IF_ABSENT' };
}

const retryAfter = addIfAbsent('retry-after', String(retryAfterSeconds));

function newStatus(reply: Reply) {
  return reply.becomes === undefined ? {} : { status_code: reply.becomes };
}

/** gRPC: the body becomes grpc-message, and RetryInfo (which the Collector's exporter obeys) rides in the status details. */
export function grpcLocalReplies(settings: EnvoySettings) {
  return {
    mappers: repliesOf(settings)
      .filter(reply => isUnavailable(reply) || reply.byAuth !== undefined)
      .map(reply => ({
        filter: filterOf(settings, reply, false),
        ...newStatus(reply),
        ...(needsWords(reply) ? { body: { inline_string: reply.message } } : {}),
        ...(isUnavailable(reply) ? { headers_to_add: [retryAfter, retryInfo(reply)] } : {}),
      })),
  };
}

function retryInfo({ code, message }: Reply) {
  // Without padding, as gRPC has it in `-bin` headers.
  const details = base64(statusBytes(code, message, retryAfterSeconds)).replace(/=+$/, '');
  return addIfAbsent('grpc-status-details-bin', details);
}

/**
 * OTLP/HTTP: a `google.rpc.Status` in the request's encoding. JSON can carry the auth server's own words; protobuf would need
 * their length, so it carries constant ones.
 */
export function httpLocalReplies(settings: EnvoySettings) {
  return {
    mappers: repliesOf(settings).flatMap(reply => [protobufMapper(settings, reply), jsonMapper(settings, reply)]),
    body_format: jsonBody(2),
  };
}

function common(settings: EnvoySettings, reply: Reply, protobuf: boolean) {
  return {
    filter: filterOf(settings, reply, protobuf),
    ...newStatus(reply),
    ...(isUnavailable(reply) ? { headers_to_add: [retryAfter] } : {}),
  };
}

function protobufMapper(settings: EnvoySettings, reply: Reply) {
  return {
    ...common(settings, reply, true),
    body_format_override: {
      content_type: 'application/x-protobuf',
      text_format_source: { inline_bytes: base64(statusBytes(reply.code, reply.message)) },
    },
  };
}

function jsonMapper(settings: EnvoySettings, reply: Reply) {
  return {
    ...common(settings, reply, false),
    ...(needsWords(reply) ? { body: { inline_string: reply.message } } : {}),
    body_format_override: jsonBody(reply.code),
  };
}

function jsonBody(code: number) {
  return { content_type: 'application/json', json_format: { code, message: '%LOCAL_REPLY_BODY%' } };
}
