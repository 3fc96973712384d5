import type { Issued } from './issued.ts';

/** How each proxy asks the check port about one export of traces (the request line and the headers that say what for). */
const ASKS: Readonly<Record<string, readonly string[]>> = {
  envoy: ['POST /envoy/v1/traces HTTP/1.1'],
  'envoy for gRPC': ['POST /envoy/opentelemetry.proto.collector.trace.v1.TraceService/Export HTTP/1.1'],
  nginx: ['GET /nginx HTTP/1.1', 'X-Original-Method: POST', 'X-Original-URI: /v1/traces?x=1'],
  traefik: ['GET /traefik HTTP/1.1', 'X-Forwarded-Method: POST', 'X-Forwarded-Uri: /v1/traces'],
};

/** Requests as proxies make them, one of each credential and kind of proxy. */
export function untouched(issued: readonly Issued[]): { readonly bytes: Buffer; readonly of: Issued }[] {
  return Object.values(ASKS).flatMap(([line = '', ...headers]) =>
    issued.map(of => {
      const all = ['Host: auth', ...headers, `Authorization: Bearer ${of.token}`, 'Content-Length: 0'];
      return { of, bytes: Buffer.from(`${[line, ...all, 'Connection: close'].join('\r\n')}\r\n\r\n`) };
    }),
  );
}

/** All authorization values that any reader could find, with the blanks around them taken away. */
export function authorizationsOf(request: Buffer): Buffer[] {
  return request
    .toString('latin1')
    .split(/\r\n|\n|\r/)
    .map(line => /^authorization:[ \t]*(.*?)[ \t]*$/is.exec(line)?.[1])
    .filter(value => value !== undefined)
    .map(value => Buffer.from(value, 'latin1'));
}

/** Whether a path that a piped of traces alone may use is asked about. */
export function asksForTraces(request: Buffer): boolean {
  const path = /(\/v1\/traces|\/opentelemetry\.proto\.collector\.trace\.v1\.TraceService\/Export)(\?[^ ]*)?[ \t\r\n]/;
  return path.test(request.toString('latin1'));
}

/** The answers in what came back, one after another. */
export function answersIn(response: Buffer): { readonly status: number; readonly head: string }[] {
  return response
    .toString('latin1')
    .split(/(?=HTTP\/1\.[01] \d{3} )/)
    .filter(text => text.startsWith('HTTP/1.'))
    .map(text => ({ status: Number(text.slice(9, 12)), head: text.split('\r\n\r\n')[0] ?? '' }));
}
