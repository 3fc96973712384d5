import fc from 'fast-check';
import { message } from '../../harness/protobuf.ts';
import type { Issued } from './issued.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

interface Parts {
  readonly authorizations: readonly string[];
  readonly raw: boolean;
  readonly method: string;
  readonly path: string;
  readonly address: string;
  readonly principal: string;
  readonly others: readonly (readonly [string, string])[];
}

function encode({ authorizations, raw, method, path, address, principal, others }: Parts): Buffer {
  const headers = [...others, ...authorizations.map(value => ['authorization', value] as const)];
  const header = ([key, value]: readonly [string, string]) =>
    raw ? ([1, message([1, key], [3, Buffer.from(value)])] as const) : ([3, message([1, key], [2, value])] as const);
  const fields = headers.map(header);
  const http = raw ? [[13, message(...fields)] as const] : fields;
  const source = message([1, message([1, message([2, address], [3, 40_000])])], [7, principal]);
  const attributes = message([1, source], [4, message([2, message([2, method], ...http, [4, path])])]);
  return Buffer.from(message([1, attributes]));
}

const usual = { method: 'POST', address: '192.0.2.7', principal: '', path: EXPORT, raw: false };
const others = [
  ['content-type', 'application/grpc'],
  ['user-agent', 'OTel-OTLP-Exporter-JavaScript/0.223.1'],
] as const;

/** Requests as Envoy makes them, one or two of each credential. */
export function untouched(issued: readonly Issued[]): { readonly bytes: Buffer; readonly of: Issued }[] {
  return issued.flatMap(of => {
    const authorizations = [`Bearer ${of.token}`];
    return [
      { of, bytes: encode({ ...usual, authorizations, others }) },
      { of, bytes: encode({ ...usual, authorizations, others, raw: true, path: '/v1/traces?x=1' }) },
    ];
  });
}

/** Requests that are well formed, and wrong in what they say as often as not. */
export function anyRequest(issued: readonly Issued[]): fc.Arbitrary<Buffer> {
  const token = fc.constantFrom(...issued.map(one => one.token));
  const scheme = fc.constantFrom(
    'Bearer ',
    'bearer ',
    'BEARER  ',
    'Bearer',
    'Bearer\t',
    'Basic ',
    '',
    'Bearer Bearer ',
  );
  const around = fc.constantFrom('', ' ', ',', '=', '.', '\0', '\n', '%20', 'é', ';x=y');
  const cut = fc.tuple(token, fc.nat(900)).map(([text, at]) => text.slice(0, at));
  const swapped = fc.tuple(token, token, fc.nat(2)).map(([one, other, part]) =>
    one
      .split('.')
      .toSpliced(part, 1, other.split('.')[part] ?? '')
      .join('.'),
  );
  const text = fc.oneof({ weight: 4, arbitrary: token }, cut, swapped, fc.string({ maxLength: 300, unit: 'binary' }));
  const authorization = fc.tuple(scheme, around, text, around).map(parts => parts.join(''));
  const path = fc.oneof(
    fc.constantFrom(
      EXPORT,
      '/v1/traces',
      '/v1/logs',
      '/v1/../v1/traces',
      '/v1/traces/',
      '',
      '/v1/traces#',
      '//v1/traces',
    ),
    fc.webPath(),
  );
  return fc
    .record({
      authorizations: fc.array(authorization, { maxLength: 3 }),
      raw: fc.boolean(),
      method: fc.constantFrom('POST', 'GET', '', 'PRI'),
      path,
      address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
      principal: fc.constantFrom('', 'spiffe://example.org/project/shop/piped/edge-1', '\0'),
      others: fc.array(fc.tuple(fc.constantFrom('authorization', 'Authorization', 'x-spanpass-project', ''), text), {
        maxLength: 2,
      }),
    })
    .map(encode);
}
