import { medianOf, type Results, ratio } from './results.ts';

/** What was set out to be reached, by the medians of one run. */
export interface Target {
  readonly text: string;
  /** The figure that is compared, and with what: at most that, or at least. */
  readonly found: (results: Results) => number | undefined;
  readonly bound: number;
  readonly kind: 'at most' | 'at least';
}

const cpu = (id: string, to: string) => (results: Results) => ratio(results, 'cpuMicros', id, to);

export const TARGETS: readonly Target[] = [
  {
    text: 'gRPC, CPU per check, beside a bare grpc-js echo',
    found: cpu('server/spanpass', 'server/grpc-echo'),
    bound: 1.1,
    kind: 'at most',
  },
  {
    text: 'gRPC on `node:http2` alone, CPU per check, beside the Go server',
    found: cpu('server/spanpass-http2', 'server/go-cached'),
    bound: 1,
    kind: 'at most',
  },
  {
    text: 'HTTP, CPU of the server per check, beside the Go server over gRPC',
    found: results => ratio(results, 'serverMicros', 'gateway/spanpass-http', 'gateway/go-cached'),
    bound: 0.6,
    kind: 'at most',
  },
  {
    text: 'HTTP, CPU of Envoy and server per check, beside `jwt_authn` verifying each time',
    found: cpu('gateway/spanpass-http', 'gateway/jwt'),
    bound: 1,
    kind: 'at most',
  },
  {
    text: 'exchanged tokens, CPU of Envoy per check, `jwt_authn` with its token cache, beside the same with credentials',
    found: cpu('gateway/jwt-exchanged', 'gateway/jwt-cached'),
    bound: 1.1,
    kind: 'at most',
  },
  {
    text: 'a credential seen for the first time, CPU per check, beside an echo with one `node:crypto` verification',
    found: cpu('cold/spanpass', 'cold/grpc-echo-verify'),
    bound: 1.15,
    kind: 'at most',
  },
  {
    text: "PipeCD's keys, checks/s of one core, beside PipeCD's way",
    found: results => ratio(results, 'perSecond', 'server/spanpass-pipecd-key', 'server/pipecd'),
    bound: 500,
    kind: 'at least',
  },
  {
    text: "PipeCD's keys, checks/s through Envoy, asked over HTTP, beside PipeCD's way",
    found: results => ratio(results, 'perSecond', 'gateway/spanpass-pipecd-key-http', 'gateway/pipecd'),
    bound: 500,
    kind: 'at least',
  },
  {
    text: "PipeCD's keys, checks/s through Envoy, asked over gRPC, beside PipeCD's way",
    found: results => ratio(results, 'perSecond', 'gateway/spanpass-pipecd-key', 'gateway/pipecd'),
    bound: 500,
    kind: 'at least',
  },
  {
    text: 'exports/s with a credential attached, beside static metadata, by pairs of neighbours',
    found: results => medianOf(results, 'client/credential', 'perSecondShare'),
    bound: 0.97,
    kind: 'at least',
  },
  {
    text: 'CPU per export with a credential attached, beside static metadata, by pairs of neighbours',
    found: results => medianOf(results, 'client/credential', 'cpuShare'),
    bound: 1.03,
    kind: 'at most',
  },
  {
    text: 'spans/s through the spool alone, appended and taken in batches of 512',
    found: results => medianOf(results, 'spans/spool', 'perSecond'),
    bound: 50_000,
    kind: 'at least',
  },
  {
    text: 'checks refused when every piped comes at once after a restart',
    found: results => medianOf(results, 'storm/restart', 'refused'),
    bound: 0,
    kind: 'at most',
  },
  {
    text: 'questions to the control plane per key meanwhile',
    found: results => medianOf(results, 'storm/restart', 'lookupsPerKey'),
    bound: 1,
    kind: 'at most',
  },
];

export function isMet({ found, bound, kind }: Target, results: Results): boolean | undefined {
  const value = found(results);
  if (value === undefined) return undefined;
  return kind === 'at most' ? value <= bound : value >= bound;
}
