import type { Signal } from '@spanpass/credential';

/**
 * Where telemetry arrives: the `Export` methods of OTLP/gRPC (opentelemetry-proto `collector/<signal>/v1`, profiles
 * still in `v1development`), and OTLP/HTTP's default paths. The Collector listens for profiles on
 * `/v1development/profiles`; its documentation also names `/v1/profiles`.
 */
const SIGNAL_OF_PATH: ReadonlyMap<string, Signal> = new Map([
  ['/opentelemetry.proto.collector.trace.v1.TraceService/Export', 'traces'],
  ['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', 'metrics'],
  ['/opentelemetry.proto.collector.logs.v1.LogsService/Export', 'logs'],
  ['/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export', 'profiles'],
  ['/v1/traces', 'traces'],
  ['/v1/metrics', 'metrics'],
  ['/v1/logs', 'logs'],
  ['/v1/profiles', 'profiles'],
  ['/v1development/profiles', 'profiles'],
]);

/**
 * The signal that a request's path brings, the query aside. A path is compared as it is: whoever checks has to see the
 * path that the upstream will see, so escapes, dots and doubled slashes are for the gateway to normalise or refuse.
 */
export function signalOfPath(path: string): Signal | undefined {
  const query = path.indexOf('?');
  return SIGNAL_OF_PATH.get(query === -1 ? path : path.slice(0, query));
}
