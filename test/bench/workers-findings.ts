import { medianOf, type Results } from './results.ts';
import { markdown, round } from './table.ts';

const CORES = [2, 4, 8, 16, 32] as const;
/** As the page of scaling plans it: room for what comes at once. */
const PLANNED = 0.7;

/** What several workers would do on a machine with more cores than the one at hand; undefined for a run that did not look. */
export function workersFindings(results: Results): string | undefined {
  const cpu = (way: string) => medianOf(results, `workers/${way}`, 'cpuMicros');
  const [one, own] = [cpu('1'), cpu('2-own')];
  const envoy = medianOf(results, 'workers/2-own', 'gatewayMicros');
  if (!one || !own || !envoy) return undefined;
  const lines = CORES.map(cores => {
    const workers = workersOf(cores, own, envoy);
    const threads = cores - workers;
    // Whichever of the two is at its end first.
    const perSecond = Math.min(workers / own, threads / envoy) * 1e6 * PLANNED;
    const even = threads / (workers * Math.ceil(threads / workers));
    return [String(cores), String(workers), String(threads), whole(perSecond), whole(perSecond * 5), percent(even)];
  });
  const head = [
    'cores',
    'workers',
    'threads of Envoy',
    'checks/s',
    'pipeds, an export per 5 s',
    'evenness with one port',
  ];
  return `## Beyond two cores: an estimate

Reckoned and not measured. Workers share no memory, no lock and no connection, and the process that starts them sees no check: so N of them are
taken to carry N times what one does, each at ${PLANNED * 100} % of a core. A check is taken to cost what it does with two workers, ${round(own)} µs there, which is ${round(own / one)} times
what it costs with one, and ${round(envoy)} µs in Envoy on the same machine; cores are divided between the two as these costs are.

${markdown(head, lines)}

With one port a thread of Envoy is one connection, and connections are dealt out in turn: if workers and threads do not go into each other, some
workers hold more connections than others, or none. The last column is how busy the workers are on average when the busiest one is full; with a port each it is all
of them, for as many connections as workers times threads. What grows with the workers besides: memory, look-ups after a start, and followers
of the control plane. Not in it, and what such a machine should be asked first: the memory's bandwidth, and what the network card's interrupts take.`;
}

/** As many cores for the workers as their share of a check's cost, and one at least for either side. */
function workersOf(cores: number, own: number, envoy: number): number {
  return Math.min(cores - 1, Math.max(1, Math.round((cores * own) / (own + envoy))));
}

const whole = (value: number) => Number(value.toPrecision(2)).toLocaleString('en-US');
const percent = (share: number) => `${Math.round(share * 100)} %`;
