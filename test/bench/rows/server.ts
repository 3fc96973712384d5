import type { Row } from '../row.ts';
import { goPeer, nodePeer } from '../world/peers.ts';
import { STATIC_AUTHORIZATION } from '../world/pipecd.ts';
import { authServer } from '../world/spanpass.ts';
import { SERVER_CORE } from '../world/world.ts';
import { type DirectServer, directRow } from './direct.ts';

const core = SERVER_CORE;

const SERVERS: readonly DirectServer[] = [
  { id: 'server/go-echo', label: 'Go, bare echo', start: world => goPeer(world, 'echo', core), checksNothing: true },
  { id: 'server/go-cached', label: 'Go, cached', start: world => goPeer(world, 'cached', core) },
  { id: 'server/go-jwt', label: 'Go, verifying each time (ES256)', start: world => goPeer(world, 'jwt', core) },
  {
    id: 'server/grpc-echo',
    label: 'bare grpc-js echo',
    start: world => nodePeer(world, 'grpc-echo', core),
    checksNothing: true,
  },
  {
    id: 'server/http2-echo',
    label: 'bare node:http2 echo, without grpc-js',
    start: world => nodePeer(world, 'http2-echo', core),
    checksNothing: true,
  },
  { id: 'server/spanpass', label: '**spanpass**, cached', start: world => authServer(world, { core }) },
  {
    id: 'server/spanpass-http2',
    label: '**spanpass**, cached, `grpcTransport: http2`',
    start: world => authServer(world, { core, grpcTransport: 'http2' }),
  },
  {
    id: 'server/spanpass-young-64',
    label: '**spanpass**, cached, `--max-semi-space-size=64`',
    start: world => authServer(world, { core, nodeFlags: ['--max-semi-space-size=64'] }),
  },
  {
    id: 'server/pipecd',
    label: "PipeCD's way (Go, bcrypt on each check)",
    start: world => goPeer(world, 'pipecd', core),
    authorization: STATIC_AUTHORIZATION,
    checks: ({ checks }) => checks.bcrypt,
  },
  {
    id: 'server/spanpass-pipecd-key',
    label: "**spanpass**, PipeCD's keys",
    start: world => authServer(world, { core, pipecd: true }),
    authorization: STATIC_AUTHORIZATION,
  },
];

export const serverRows: readonly Row[] = SERVERS.map(directRow);
