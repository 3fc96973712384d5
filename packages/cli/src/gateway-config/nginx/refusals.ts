import { base64, statusBytes } from '../envoy/status.ts';
import { block, type Directives, quoted } from './syntax.ts';

/**
 * How nginx's own statuses are answered. `from` of 500 is its word for a check that was neither allowed nor refused: the
 * auth server can't decide, or is not there.
 */
interface Refusal {
  readonly name: string;
  readonly from: readonly number[];
  readonly http: number;
  /** https://grpc.io/docs/guides/status-codes/ */
  readonly code: number;
  /** Where gRPC has another word for it: its own for an unknown method is UNIMPLEMENTED. */
  readonly grpcCode?: number;
  /** Said where the auth server said nothing. */
  readonly message: string;
  /** nginx itself hands on the challenge of a 401, and of nothing else. */
  readonly headers?: 'challenge' | 'retry';
}

const refusals: readonly Refusal[] = [
  { name: 'bad_request', from: [400], http: 400, code: 3, message: 'bad request' },
  { name: 'unauthenticated', from: [401], http: 401, code: 16, message: 'unauthenticated' },
  { name: 'denied', from: [403], http: 403, code: 7, message: 'permission denied', headers: 'challenge' },
  {
    name: 'not_found',
    from: [404],
    http: 404,
    code: 5,
    grpcCode: 12,
    message: 'no telemetry is taken on this path',
  },
  { name: 'not_allowed', from: [405], http: 405, code: 12, message: 'telemetry comes by POST' },
  { name: 'too_large', from: [413], http: 413, code: 3, message: 'request too large' },
  { name: 'undecided', from: [500], http: 503, code: 14, message: 'authorization unavailable', headers: 'retry' },
  { name: 'unavailable', from: [502, 503, 504], http: 503, code: 14, message: 'unavailable', headers: 'retry' },
];

const retryAfterSeconds = 1;

type Encoding = 'grpc' | '$spanpass_encoding';

/**
 * For each status of nginx the answer, over HTTP in the encoding of the request. Only for places that clients reach: of a
 * check that failed they would make an answer too, and that of gRPC has the status 200, which is an allow.
 */
export function refusalPages(encoding: Encoding): Directives {
  return refusals.map(refusal => page(refusal, encoding));
}

/** For a request that is refused before any place is found for it, such as one with two `Authorization` headers. */
export function badRequestPage(encoding: Encoding): Directives {
  return refusals.filter(({ http }) => http === 400).map(refusal => page(refusal, encoding));
}

/** A place with a page of its own inherits none: here for a status that there is not. */
export const noPages = 'error_page 599 @none';

function page({ name, from }: Refusal, encoding: Encoding): string {
  return `error_page ${from.join(' ')} = @${name}_${encoding}`;
}

/** Fixed words unless the auth server had some; and when to try again. */
export function refusalContext(): Directives {
  return [
    block('map $content_type $spanpass_encoding', 'default json', '"~*^application/x-protobuf *(;|$)" protobuf'),
    ...refusals.map(({ name, message }) =>
      block(`map $spanpass_message $spanpass_${name}_message`, 'default $spanpass_message', `"" "${message}"`),
    ),
    block(
      'map $spanpass_retry_after $spanpass_retry_seconds',
      'default $spanpass_retry_after',
      `"" ${retryAfterSeconds}`,
    ),
  ];
}

export function httpRefusals(): Directives {
  return refusals.flatMap(refusal => [json(refusal), protobuf(refusal)]);
}

/** Trailers alone, as gRPC has it: 200, and the status among the headers. */
export function grpcRefusals(): Directives {
  return refusals.map(refusal => {
    const { name, code, message, headers } = refusal;
    const details = base64(statusBytes(code, message, retryAfterSeconds)).replace(/=+$/, '');
    return block(
      `location @${name}_grpc`,
      'default_type application/grpc',
      `add_header grpc-status ${refusal.grpcCode ?? code} always`,
      `add_header grpc-message $spanpass_${name}_message always`,
      ...(headers === 'retry' ? [`add_header grpc-status-details-bin ${details} always`] : []),
      ...headersOf(refusal),
      'return 200 ""',
    );
  });
}

function json({ name, http, code, ...rest }: Refusal) {
  return block(
    `location @${name}_json`,
    'default_type application/json',
    ...headersOf({ name, http, code, ...rest }),
    `return ${http} '{"code":${code},"message":"$spanpass_${name}_message"}'`,
  );
}

/** Bytes of a protobuf message, some of them control characters. Their length is among them, so the words are fixed. */
function protobuf(refusal: Refusal) {
  const { name, http, code, message } = refusal;
  return block(
    `location @${name}_protobuf`,
    'default_type application/x-protobuf',
    ...headersOf(refusal),
    `return ${http} ${quoted(Buffer.from(statusBytes(code, message)).toString('latin1'))}`,
  );
}

function headersOf({ headers }: Refusal): Directives {
  if (headers === 'challenge') return ['add_header WWW-Authenticate $spanpass_challenge always'];
  return headers === 'retry' ? ['add_header Retry-After $spanpass_retry_seconds always'] : [];
}
