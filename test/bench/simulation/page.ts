import type { ScaleResults } from '../control-plane/run.ts';
import { scaleTable } from '../control-plane/table.ts';
import { markdown, round } from '../table.ts';
import { type Figures, sourcesOf } from './figures.ts';
import { FLEETS, PLANNED, type SimulationResults, serversFor } from './run.ts';
import { EXPORT_EVERY_MS } from './storm.ts';

const LABELS: Readonly<Record<keyof Figures, string>> = {
  gatewayMicros: 'Envoy, per check over HTTP, µs',
  checkMicros: 'auth server, per check over HTTP, µs',
  gatewayGrpcMicros: 'Envoy, per check over gRPC, µs',
  checkGrpcMicros: 'auth server, per check over gRPC, µs',
  coldMicros: 'auth server, a credential seen for the first time, µs',
  lookupMicros: 'control plane, per look-up, µs',
  lookupsPerSecond: 'look-ups per second, one replica and its PostgreSQL on two cores',
  keysPerSecond: 'keys made per second, the same',
  useMicros: 'control plane, per last use noted, µs',
  usesPerSecond: 'last uses noted per second, the same',
  writeMicros: 'control plane, one event to one follower, µs',
  memoryMib: 'control plane with a million pipeds, MiB',
};

const whole = (value: number) => Math.round(value).toLocaleString('en-US');
const perSecond = (pipeds: number) => pipeds / (EXPORT_EVERY_MS / 1000);
const KEY_LIFE_DAYS = 90;
const CREDENTIAL_LIFE_SECONDS = 300;
const REPORT_EVERY_SECONDS = 30;
const REPORTED_AT_MOST = 25_000;
const FEED_BYTES = 700;

/** `docs/scaling.md`, from the figures of the benches and of the simulation. */
export function scalingPage(scale: ScaleResults, simulation: SimulationResults): string {
  const { figures } = simulation;
  const sources = sourcesOf(scale);
  return `<!-- Written by \`npm run bench:page -w test\` from test/bench/results/{measured,control-plane,simulation}.json. -->

# How far it goes

How many pipeds one of each part carries, what a fleet of ten thousand, a hundred thousand and a million wants, what happens when all of
them come at once, and what gives in first. Every piped exports once in ${EXPORT_EVERY_MS / 1000} s. Nothing here was seen in a fleet of that size: it is measured part by
part, and then reckoned and simulated.

## What it rests on

${markdown(
  ['', 'measured', 'in `test/bench/results`'],
  (Object.keys(LABELS) as (keyof Figures)[]).map(name => [LABELS[name], round(figures[name]), sources[name]]),
)}

## A full control plane, measured

${scaleTable(scale)}

One process and its database on ${scale.machine.cores} cores, beside the load: ${scale.machine.cpu}, Linux ${scale.machine.kernel}; load average ${scale.machine.loadAtStart.toFixed(2)} at the start${scale.profile === 'full' ? '' : ` (the ${scale.profile} profile)`}. On
PostgreSQL every commit is flushed to disk. The whole of it took ${whole(scale.seconds / 60)} minutes.

## What one of each carries

A core is planned to be ${PLANNED * 100} % at work, so that it has room for what comes at once.

${markdown(['', 'pipeds', 'what bounds it'], carries(figures))}

## What a fleet wants

${markdown(['', ...FLEETS.map(whole)], fleets(figures))}

## When they all come at once

An auth server that was just started knows no key (\`snapshotFile\` is what spares it that: [the life of a key](operations/life-of-a-key.md) and the
[server's page](../packages/server/README.md) tell of it). Each piped comes with its next export, and the server asks the control plane once for each key, 64 at a time, 8,192
waiting. Simulated with the server's own queue on a virtual clock; what is refused is a 503, and the exporter keeps its spans and comes again.

${markdown(
  [
    'pipeds',
    'restarted',
    'replicas',
    'seconds until all have passed',
    '503s',
    'p50, ms',
    'p99, ms',
    'slowest, ms',
    'look-ups/s',
  ],
  simulation.storms.map(({ pipeds, servers, replicas, restarted, result }) => [
    whole(pipeds),
    `${restarted} of ${servers}`,
    String(replicas),
    round(result.seconds),
    whole(result.refused * restarted),
    round(result.p50Ms),
    round(result.p99Ms),
    round(result.maxMs),
    whole(result.lookupsPerSecond),
  ]),
)}

## The change feed before many followers

A follower is an auth server, not a piped: a fleet of a million has ${serversFor(1_000_000, figures)} of one core each. Simulated with the control plane's own feed on a virtual clock, for
one replica; from a commit until the last follower has it.

${markdown(
  ['followers', 'changes/s', 'slow readers', 'p50, ms', 'p99, ms', 'slowest, ms', 'of a core', 'cut off'],
  simulation.fanOuts.map(({ followers, changesPerSecond, slowShare, result }) => [
    whole(followers),
    String(changesPerSecond),
    `${slowShare * 100} %`,
    round(result.p50Ms),
    round(result.p99Ms),
    round(result.maxMs),
    `${Math.round(result.busy * 100)} %`,
    String(result.cutOff),
  ]),
)}

${breaksFirst(figures)}

## How to repeat it

\`\`\`sh no-run="benches and soaks: each takes minutes to hours"
npm run bench:control-plane -w test -- --out test/bench/results/control-plane.json
npm run bench:page -w test            # simulates with the committed figures, and writes this page
\`\`\`

The simulation is seeded (${simulation.seed}) and says the same each time; its code is in \`test/bench/simulation\`.
`;
}

function carries(figures: Figures): (readonly string[])[] {
  const core = (micros: number) => (1e6 / micros) * PLANNED * (EXPORT_EVERY_MS / 1000);
  const replica = (figures.lookupsPerSecond * PLANNED * CREDENTIAL_LIFE_SECONDS) / 2;
  return [
    ['a core of Envoy that asks over HTTP', whole(core(figures.gatewayMicros)), 'its own work for a check'],
    ['a core of an auth server, over HTTP', whole(core(figures.checkMicros)), 'checks, nearly all of them known'],
    ['a core of an auth server, over gRPC', whole(core(figures.checkGrpcMicros)), 'the same'],
    [
      'a replica, if auth servers kept no key',
      whole(replica),
      'a look-up for each new credential; they keep them, and ask once',
    ],
    [
      'a replica and its PostgreSQL, last uses',
      whole(figures.usesPerSecond * PLANNED * REPORT_EVERY_SECONDS),
      `each key noted every ${REPORT_EVERY_SECONDS} s`,
    ],
    [
      'a PostgreSQL, renewals',
      whole(figures.keysPerSecond * PLANNED * KEY_LIFE_DAYS * (2 / 3) * 86_400),
      `each key replaced after two thirds of ${KEY_LIFE_DAYS} days`,
    ],
  ];
}

function fleets(figures: Figures): (readonly string[])[] {
  const row = (label: string, of: (pipeds: number) => string) => [label, ...FLEETS.map(of)];
  const cores = (micros: number) => (pipeds: number) => round((perSecond(pipeds) * micros) / 1e6 / PLANNED);
  return [
    row('exports, and so checks, per second', pipeds => whole(perSecond(pipeds))),
    row('cores for Envoy, over HTTP', cores(figures.gatewayMicros)),
    row('cores for auth servers, over HTTP', cores(figures.checkMicros)),
    row('cores for Envoy, over gRPC', cores(figures.gatewayGrpcMicros)),
    row('cores for auth servers, over gRPC', cores(figures.checkGrpcMicros)),
    row('new credentials per second, 300 s each', pipeds => whole(pipeds / CREDENTIAL_LIFE_SECONDS)),
    row('cores for these', pipeds => round(((pipeds / CREDENTIAL_LIFE_SECONDS) * figures.coldMicros) / 1e6 / PLANNED)),
    row('renewals per second, on average', pipeds => round(pipeds / (KEY_LIFE_DAYS * (2 / 3) * 86_400))),
    row('last uses per second, if all are noted', pipeds => whole(pipeds / REPORT_EVERY_SECONDS)),
    row('last uses per second that reports can hold', pipeds =>
      whole(Math.min(pipeds, serversFor(pipeds, figures) * REPORTED_AT_MOST) / REPORT_EVERY_SECONDS),
    ),
    row('keys at an auth server, `maxKeys`', pipeds => whole(pipeds / serversFor(pipeds, figures))),
    row('bytes to each follower, all keys replaced in a day', pipeds => whole((pipeds * 2 * FEED_BYTES) / 86_400)),
  ];
}

/** In the order in which they give in, by the same figures. */
function breaksFirst(figures: Figures): string {
  const millionUses = 1_000_000 / REPORT_EVERY_SECONDS;
  const usesShare = millionUses / figures.usesPerSecond;
  const envoyCores = Math.ceil((perSecond(1_000_000) * figures.gatewayMicros) / 1e6 / PLANNED);
  return `## What breaks first, and what to add

1. **What auth servers keep, beyond 10,000 pipeds.** \`maxKeys\` and \`maxDecisions\` are 10,000 by default. More pipeds at one server than that push each other out, and
   checks are look-ups and signatures again. Set both to the pipeds that the server sees, and half as many again.
2. **The gateway's cores.** Envoy and the auth server take ${round(figures.gatewayMicros + figures.checkMicros)} µs for each export, whatever the number of pipeds: a million want
   ${envoyCores} cores of Envoy and ${serversFor(1_000_000, figures)} auth servers. Add gateways, each with its auth server beside it; \`workers: auto\` uses the cores of one machine.
   [Access tokens](direct-or-exchanged.md) spare the hop where revocation may take as long as their life.
3. **The last uses of keys, around ${whole(figures.usesPerSecond * PLANNED * REPORT_EVERY_SECONDS)} pipeds for each PostgreSQL.** They are most of what is written: a million pipeds make ${whole(millionUses)} a second, ${round(usesShare)} times what was measured
   on two cores. Nothing is refused for it: reports are bounded, what does not fit is dropped and counted, and the list shows an older time. Report less often
   (\`usageReportEveryMs\` of \`startAuthServer\`): whether a key was seen in the last half minute or in the last ten is rarely the question.
4. **A restart of all auth servers at once.** The control plane answers ${whole(figures.lookupsPerSecond)} look-ups a second. Restart one after the other; give each a \`snapshotFile\`, and it asks for nothing; add
   replicas, of which each brings its own core until PostgreSQL is the bound.
5. **Writes.** All of them go through one lock: ${whole(figures.keysPerSecond)} keys a second here, by sharing transactions, and more replicas do not make it more. A million pipeds need
   ${round(1_000_000 / (KEY_LIFE_DAYS * (2 / 3) * 86_400))} a second for renewals; enrolling a million at that rate takes ${round(1_000_000 / figures.keysPerSecond / 3600)} hours.
6. **The change feed** comes last: it grows with the auth servers and the changes, and not with the pipeds.`;
}
