import { clientFindings } from './client-findings.ts';
import { type Profiles, profileTable } from './profiles.ts';
import { medianOf, type Results, ratio } from './results.ts';
import type { Group } from './row.ts';
import { markdown, round, tableOf } from './table.ts';
import { isMet, TARGETS } from './targets.ts';
import { workersFindings } from './workers-findings.ts';

/** One after the other on a quiet machine the load comes from the run alone: two cores, both at work. */
const QUIET_LOAD = 0.5;

const SECTIONS: Readonly<Record<Group, { readonly title: string; readonly text: string }>> = {
  gateway: {
    title: 'Through Envoy',
    text: `A real Envoy with one worker and an answer of its own behind the check, so that nothing but the check costs. All see the
same export with a credential of the same size; \`h2load\` keeps 64 requests under way on two connections. Processor time is
what the kernel booked for Envoy and for the server that it asks, divided by the number of checks. With exchanged tokens the filter has
the same few options, and fetches the control plane's keys; as it is generated it also stamps who sends, from the claims, and demands the
scope of the signal.`,
  },
  server: {
    title: 'Straight at the server, on one core',
    text: `The server on one core, the load on the other, 64 checks under way on two connections. The CheckRequest is what Envoy sends.
The bare echo reads nothing and gives everybody the same bytes: it is what grpc-js and Node.js cost before anything is checked.`,
  },
  wall: {
    title: 'Newer Node.js, garbage collection, HTTP/2 options',
    text: `As above with fewer checks, the server under other versions of Node.js, with a larger young generation, or with other settings of
HTTP/2. What the bare echo pays is what no change of spanpass can save.`,
  },
  cold: {
    title: 'Credentials seen for the first time',
    text: `Each check shows a new credential (ES256) of a key that is at hand: form, signature, claims. In each turn of the event
loop signatures are verified for a millisecond; what is beyond that waits for one of the next turns, or is done on libuv's threads where
the process has more than one core, so that checks whose answer is known go on meanwhile. The first row is as low as it gets for anybody who
verifies in Node.js: an echo with one \`node:crypto\` verification of 400 bytes in it.`,
  },
  client: {
    title: 'What a credential costs the client',
    text: `The stock exporter for OTLP/gRPC in a process of its own on one core, one span an export, against a server that reads nothing.`,
  },
  spans: {
    title: 'What it costs to lose no span',
    text: `One process on one core ends spans as fast as it can, and waits until all of them have left for a server that reads nothing, in
batches of 512. The stock processor keeps them in memory until then, with a queue that holds all; the spool writes each to disk
as it ends. The spool alone has its spans encoded beforehand, and nobody to send them to.`,
  },
  imports: {
    title: 'What a package costs to import',
    text: `In a process that has loaded nothing else, file cache warm: time until the import is done, and resident memory that came with it.`,
  },
  workers: {
    title: 'Several workers',
    text: `The same Envoy with two workers of its own, and \`spanpass server\` with one or two, on all cores of the machine together with
\`h2load\` (64 checks under way on eight connections): the rates show what is left beside the load, the processor time what a check costs. With one port the
connections are dealt out, and Envoy has one for each of its workers; with a port for each worker Envoy deals out the checks.`,
  },
  memory: {
    title: 'Memory',
    text: `What an auth server remembers, in a fresh process without what speaks to a network: so many pipeds show a credential each (ES256), and
there is one key record and one decision, with its encoded answer, for each of them. After a collection. RSS is what the kernel counts, beyond
that of a process that was shown 20,000 credentials as well, and remembers one of them: it differs by some MiB from one process to the next,
so that it says little of a thousand pipeds. The share of a decision is what a collection frees once they are forgotten. Parsed keys are
not among it: they are kept for the 4,096 that were used last, 4 KiB each. A run of its own: \`npm run bench:memory -w test\`.`,
  },
  storm: {
    title: 'All pipeds at once, after a restart',
    text: `An auth server that was just started knows no key. Every piped shows a credential of its own, thousands of checks under
way at any time, while one piped that is known goes on at a steady rate. Times are what the asker waits, in that crowd. The
control plane is a stand-in that counts what it is asked; server, askers and control plane share the cores.`,
  },
};

export interface PageParts {
  /** Where servers spend their time. */
  readonly profiles?: Profiles;
  /** What was tried besides, as Markdown. */
  readonly tried?: string;
  /** What the run of its own found on memory. */
  readonly memory?: Results | undefined;
}

/** `docs/performance.md`, from the figures of one run. */
export function performancePage(results: Results, { profiles, tried, memory }: PageParts = {}): string {
  const groups = [...results.groups.filter(({ group }) => !memory || group !== 'memory'), ...(memory?.groups ?? [])];
  const sections = groups.map(group => {
    const { title, text } = SECTIONS[group.group];
    return `## ${title}\n\n${text}\n\n${tableOf(group)}`;
  });
  const findings = [
    whereTheWallIs(results),
    wallOfPipecdKeys(results),
    wallOfTheColdPath(results),
    profilesOf(profiles),
    tried?.trim(),
    workersFindings(results),
    clientFindings(results),
  ]
    .filter(text => text !== undefined)
    .join('\n\n');
  return `<!-- Written by \`npm run bench:page -w test\` from test/bench/results/measured.json. -->

# Performance

What a check costs, beside what others pay for one: the same machine, the same run, the rows of a table measured in turns.
Each figure is the median of up to ${results.rounds} rounds, with the lowest and the highest in parentheses. µs are processor time, not
waiting time.

${machineOf(results)}

## What was aimed at

${targets(results)}

${sections.join('\n\n')}
${findings === '' ? '' : `\n${findings}\n`}
## How to repeat it

\`\`\`sh
npm run bench                              # all rows but memory, at most 25 minutes; figures go to .reports/bench.json
npm run bench -- --minutes 16              # as many rounds as fit
npm run bench -- --quick                   # the same rows with less of each, below three minutes on a quiet machine
npm run bench -- --rows server/,cold/      # rows whose id holds one of these
npm run bench -- --rows server/spanpass --cpu-prof /tmp/profiles
SPANPASS_BENCH_NODE=/path/to/node npm run bench -- --rows wall/    # another Node.js beside these
npm run bench:memory -w test               # up to a million pipeds, some three minutes
\`\`\`

It wants Linux, two cores with nothing else to do, Go, and \`h2load\` (Debian's \`nghttp2-client\`); Envoy is downloaded, and the
peer in Go built, on the first run. The load average before it began is written down with the figures. This page comes from
\`npm run bench -- --out test/bench/results/measured.json\` and then \`npm run bench:page -w test\`.

Figures of two runs, or of two machines, are not to be compared; ratios between the rows of one run are. The peers are in
\`test/bench/peers\`: [Go](../test/bench/peers/go-ext-authz/main.go) with grpc-go, go-control-plane and golang-jwt;
[the echo](../test/bench/peers/grpc-echo.ts) with grpc-js.
`;
}

/** What of a check over gRPC is not ours to make cheaper. */
function whereTheWallIs(results: Results): string | undefined {
  const cpu = (name: string) => medianOf(results, `server/${name}`, 'cpuMicros');
  const [ours, grpcJs, http2, go] = [cpu('spanpass'), cpu('grpc-echo'), cpu('http2-echo'), cpu('go-cached')];
  const lean = cpu('spanpass-http2');
  if (!ours || !grpcJs || !http2 || !go || !lean) return undefined;
  return `## Where the wall is

Of the ${round(ours)} µs of a check over gRPC, ${round(ours - grpcJs)} µs are spanpass beyond a bare echo, ${round(grpcJs - http2)} µs grpc-js, and ${round(http2)} µs Node's HTTP/2 with
what the kernel takes for it. \`grpcTransport: http2\` leaves grpc-js out: ${round(lean)} µs, which is ${round(lean / go)} times what the Go server
takes. A bare echo over \`node:http2\`, which checks nothing, takes ${round(http2 / go)} times that: no server on it can be cheaper. Asking over
HTTP/1.1 is cheaper than either. Envoy spends about the same on all of them.`;
}

/** Of PipeCD's keys through Envoy: what Go does there that has nothing left to compare. */
function wallOfPipecdKeys(results: Results): string | undefined {
  const go = ratio(results, 'perSecond', 'gateway/go-cached', 'gateway/pipecd');
  const none = ratio(results, 'perSecond', 'gateway/none', 'gateway/pipecd');
  if (!go || !none) return undefined;
  return `PipeCD's keys through Envoy over gRPC: the Go server with its cache, which compares nothing, gets to ${round(go)} times PipeCD's rate
there, and Envoy that asks nobody to ${round(none)} times. Envoy, the server and \`h2load\` share two cores in that table, and PipeCD's way has both to itself
for bcrypt. On one core, or asked over HTTP, the way is free.`;
}

/** Of a credential that is new: what is left beside the verification and the transport. */
function wallOfTheColdPath(results: Results): string | undefined {
  const cpu = (id: string) => medianOf(results, id, 'cpuMicros');
  const [ours, echo, transport] = [cpu('cold/spanpass'), cpu('cold/grpc-echo-verify'), cpu('server/grpc-echo')];
  if (!ours || !echo || !transport) return undefined;
  return `Of the ${round(ours)} µs of a credential that is new, ${round(echo)} µs are an echo with one verification: ${round(transport)} µs the transport, and the rest
OpenSSL. The other ${round(ours - echo)} µs are two JSON texts taken out of base64url, each member and claim looked at, five look-ups in bounded caches, and a
decision that stays: what stays is copied twice by the garbage collector, and drives an older one out. \`JSON.parse\`, the decoding and the
collector are Node's own; no step of it stands out in the profile below but OpenSSL's.`;
}

function profilesOf(profiles: Profiles | undefined): string | undefined {
  if (profiles === undefined) return undefined;
  const tables = Object.entries(profiles.rows).map(([id, summary]) => `### \`${id}\`\n\n${profileTable(summary)}`);
  return `What the main thread did (Node.js ${profiles.node}), warm, the time in which it did nothing left out. These tables are of a run of their own:
\`npm run bench -- --quick --rows … --cpu-prof FOLDER\` leaves them in \`FOLDER/summary.json\`.\n\n${tables.join('\n\n')}`;
}

function machineOf({ machine, startedAt, profile }: Results): string {
  const { cpu, cores, memoryGib, kernel, versions, loadAtStart } = machine;
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const quiet =
    loadAtStart <= QUIET_LOAD
      ? `Nothing else ran: the load average was ${loadAtStart.toFixed(2)} at the start.`
      : `**The machine was not quiet**: the load average was ${loadAtStart.toFixed(2)} at the start. Take the ratios for rough, and the rates for too low.`;
  const profiled =
    profile === 'full' ? '' : ` This is the ${profile} profile, with less of everything than the full one.`;
  return `Measured on ${startedAt.slice(0, 10)}: ${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}; ${list.join(', ')}. ${quiet}${profiled}`;
}

function targets(results: Results): string {
  const lines = TARGETS.flatMap(target => {
    const value = target.found(results);
    if (value === undefined) return [];
    return [[target.text, `${target.kind} ${target.bound}`, round(value), isMet(target, results) ? 'yes' : '**no**']];
  });
  return markdown(['', 'aim', 'found', 'met'], lines);
}
