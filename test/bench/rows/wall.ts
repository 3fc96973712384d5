import { execFileSync } from 'node:child_process';
import { engine } from '../../engines/index.ts';
import { engineVersions } from '../../engines/names.ts';
import type { Row } from '../row.ts';
import { nodePeer } from '../world/peers.ts';
import { authServer } from '../world/spanpass.ts';
import { SERVER_CORE, type World } from '../world/world.ts';
import { directRow } from './direct.ts';

interface Node {
  readonly id: string;
  readonly label: string;
  readonly path: () => Promise<string>;
}

const released = (name: 'node-22' | 'node-24'): Node => ({
  id: name,
  label: `Node.js ${engineVersions[name]}`,
  path: async () => (await engine(name)).path,
});

const own = process.env.SPANPASS_BENCH_NODE;

/** The one that runs the bench, those that came after it, and one of the user's own choice. */
const NODES: readonly Node[] = [
  { id: 'node', label: `Node.js ${process.versions.node}`, path: async () => process.execPath },
  released('node-22'),
  released('node-24'),
  ...(own ? [{ id: 'node-own', label: `Node.js ${versionOf(own)}`, path: async () => own }] : []),
];

/** As the others are named: without the `v`. */
function versionOf(node: string): string {
  return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1);
}

const young = ['--max-semi-space-size=64'];
const core = SERVER_CORE;
const checks = ({ checks: { wall } }: { readonly checks: { readonly wall: number } }) => wall;
const echo = { checks, checksNothing: true } as const;

/** Whether a newer Node.js, another garbage collection, or options of HTTP/2 move the wall. */
export const wallRows: readonly Row[] = [
  ...NODES.flatMap(({ id, label, path }) => [
    directRow({
      id: `wall/${id}/grpc-echo`,
      label: `${label}: bare grpc-js echo`,
      start: async world => nodePeer(world, 'grpc-echo', core, { node: await path() }),
      ...echo,
    }),
    directRow({
      id: `wall/${id}/grpc-echo-young`,
      label: `${label}: bare grpc-js echo, \`${young}\``,
      start: async world => nodePeer(world, 'grpc-echo', core, { node: await path(), nodeFlags: young }),
      ...echo,
    }),
    directRow({
      id: `wall/${id}/spanpass`,
      label: `${label}: **spanpass**, cached`,
      start: async world => authServer(world, { core, node: await path() }),
      checks,
    }),
    directRow({
      id: `wall/${id}/http2-echo`,
      label: `${label}: bare node:http2 echo`,
      start: async world => nodePeer(world, 'http2-echo', core, { node: await path() }),
      ...echo,
    }),
  ]),
  ...http2Row('--no-date', 'without a `date`'),
  ...http2Row('--no-table', '`headerTableSize: 0`'),
];

function http2Row(flag: string, what: string): Row[] {
  const start = (world: World) => nodePeer(world, 'http2-echo', core, { flags: [flag] });
  const label = `Node.js ${process.versions.node}: bare node:http2 echo, ${what}`;
  return [directRow({ id: `wall/node/http2-echo${flag}`, label, start, ...echo })];
}
