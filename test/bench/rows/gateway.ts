import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { framedCheckRequest, TRACES_PATH } from '../check-request.ts';
import { call, openSession } from '../drive/http2-calls.ts';
import { h2load } from '../measure/h2load.ts';
import type { Profile } from '../profile.ts';
import type { Row } from '../row.ts';
import { envoyGateway, type GatewayAuth } from '../world/envoy.ts';
import { accessToken, bareAccessTokens, generatedAccessTokens } from '../world/exchanged.ts';
import { goPeer, nodePeer } from '../world/peers.ts';
import { STATIC_AUTHORIZATION } from '../world/pipecd.ts';
import type { ServerProcess } from '../world/server-process.ts';
import { authServer, freshPass, piped } from '../world/spanpass.ts';
import type { World } from '../world/world.ts';
import { spending } from './figures.ts';

interface Way {
  readonly id: Row['id'];
  readonly label: string;
  /** Who is asked, and in which way. */
  readonly auth: (world: World) => Promise<{ readonly auth: GatewayAuth; readonly server?: ServerProcess }>;
  readonly authorization?: (world: World) => Promise<string>;
  readonly checks?: (profile: Profile) => number;
  /** It lets everybody pass: there is no bad credential to show it. */
  readonly checksNothing?: true;
}

const asked = (mode: 'grpc' | 'http', start: (world: World) => Promise<ServerProcess>): Way['auth'] => {
  return async world => {
    const server = await start(world);
    return { auth: { mode, port: server.port }, server };
  };
};

const WAYS: readonly Way[] = [
  {
    id: 'gateway/none',
    label: 'no auth (floor)',
    auth: async () => ({ auth: { mode: 'none' } }),
    checksNothing: true,
  },
  { id: 'gateway/jwt-cached', label: 'Envoy `jwt_authn` with its token cache (no hop)', auth: jwtAuthn(true) },
  {
    id: 'gateway/jwt-exchanged',
    label: 'the same, access tokens of the control plane (exchanged)',
    auth: async world => ({ auth: await bareAccessTokens(world) }),
    authorization: exchangedToken,
  },
  {
    id: 'gateway/jwt-generated',
    label: 'the same, as `spanpass gateway envoy --check jwt` has it: stamped, by scope',
    auth: async world => ({ auth: await generatedAccessTokens(world) }),
    authorization: exchangedToken,
  },
  { id: 'gateway/jwt', label: 'Envoy `jwt_authn`, verifying each time', auth: jwtAuthn(false) },
  {
    id: 'gateway/go-cached',
    label: 'ext_authz gRPC → Go, cached',
    auth: asked('grpc', world => goPeer(world, 'cached')),
  },
  {
    id: 'gateway/go-jwt',
    label: 'ext_authz gRPC → Go, verifying each time',
    auth: asked('grpc', world => goPeer(world, 'jwt')),
  },
  {
    id: 'gateway/grpc-echo',
    label: 'ext_authz gRPC → bare grpc-js echo',
    auth: asked('grpc', world => nodePeer(world, 'grpc-echo')),
    checksNothing: true,
  },
  {
    id: 'gateway/spanpass-grpc',
    label: 'ext_authz gRPC → **spanpass**, cached',
    auth: asked('grpc', world => authServer(world)),
  },
  {
    id: 'gateway/spanpass-http2',
    label: 'ext_authz gRPC → **spanpass**, cached, `grpcTransport: http2`',
    auth: asked('grpc', world => authServer(world, { grpcTransport: 'http2' })),
  },
  {
    id: 'gateway/http-echo',
    label: 'ext_authz HTTP → bare node:http echo',
    auth: asked('http', world => nodePeer(world, 'http-echo')),
    checksNothing: true,
  },
  {
    id: 'gateway/spanpass-http',
    label: 'ext_authz HTTP → **spanpass**, cached',
    auth: asked('http', async world => {
      const { pid, httpPort } = await authServer(world);
      return { pid, port: httpPort };
    }),
  },
  {
    id: 'gateway/pipecd',
    label: "ext_authz gRPC → PipeCD's way (Go, bcrypt on each check)",
    auth: asked('grpc', world => goPeer(world, 'pipecd')),
    authorization: async () => STATIC_AUTHORIZATION,
    checks: ({ checks }) => checks.bcrypt,
  },
  {
    id: 'gateway/spanpass-pipecd-key',
    label: "ext_authz gRPC → **spanpass**, PipeCD's keys (`pipecdKey`)",
    auth: asked('grpc', world => authServer(world, { pipecd: true })),
    authorization: async () => STATIC_AUTHORIZATION,
  },
  {
    id: 'gateway/spanpass-pipecd-key-http',
    label: "ext_authz HTTP → **spanpass**, PipeCD's keys (`pipecdKey`)",
    auth: asked('http', async world => {
      const { pid, httpPort } = await authServer(world, { pipecd: true });
      return { pid, port: httpPort };
    }),
    authorization: async () => STATIC_AUTHORIZATION,
  },
];

/** Through a real Envoy: what a check costs there and at the server that it asks. */
export const gatewayRows: readonly Row[] = WAYS.map(way => ({
  id: way.id,
  label: way.label,
  async open(world, profile) {
    const { auth, server } = await way.auth(world);
    const envoy = await envoyGateway(world, way.id.slice('gateway/'.length), auth);
    const authorization = way.authorization ?? (async () => `Bearer ${await freshPass(world)}`);
    const checks = way.checks?.(profile) ?? profile.checks.gateway;
    await assertJudges(way, envoy.port, await authorization(world));
    const bodyFile = join(world.folder, 'export.bin');
    await writeFile(bodyFile, framedCheckRequest('a body of the usual size'.repeat(10)));
    const load = async (requests: number, shown: string) =>
      h2load(world.h2load.path, {
        url: `http://127.0.0.1:${envoy.port}${TRACES_PATH}`,
        headers: { authorization: shown, 'content-type': 'application/grpc' },
        bodyFile,
        requests,
        connections: 2,
        streams: 32,
      });
    // What is compiled while it runs needs some thousand checks until it is.
    await load(Math.ceil(checks / 4), await authorization(world));
    return async () => {
      const shown = await authorization(world);
      await load(Math.ceil(checks / 20), shown);
      const pids = server ? [envoy.pid, server.pid] : [envoy.pid];
      const { result, micros } = await spending(pids, () => load(checks, shown));
      const [gatewayMicros = 0, serverMicros = 0] = micros.map(each => each / checks);
      return { gatewayMicros, serverMicros, cpuMicros: gatewayMicros + serverMicros, perSecond: result.perSecond };
    };
  },
}));

/** A figure for a door that lets nobody pass, or everybody, would mean nothing. */
async function assertJudges({ id, checksNothing }: Way, port: number, authorization: string): Promise<void> {
  const session = await openSession(port);
  // Not gRPC's, for which Envoy would make something else of its own answer.
  const headers = { 'content-type': 'text/plain' };
  try {
    const good = await call(session, TRACES_PATH, Buffer.alloc(5), { ...headers, authorization });
    if (good.body.toString() !== 'passed') throw new Error(`${id} refuses a good credential: ${JSON.stringify(good)}`);
    const bad = await call(session, TRACES_PATH, Buffer.alloc(5), {
      ...headers,
      authorization: spoiled(authorization),
    });
    if (!checksNothing && bad.body.toString() === 'passed') throw new Error(`${id} lets a bad credential pass`);
  } finally {
    session.close();
  }
}

/** The same but for a character in the middle of its last part. */
export function spoiled(authorization: string): string {
  const at = authorization.length - 20;
  return authorization.slice(0, at) + (authorization[at] === 'A' ? 'B' : 'A') + authorization.slice(at + 1);
}

async function exchangedToken(world: World): Promise<string> {
  return `Bearer ${await accessToken(world)}`;
}

function jwtAuthn(remember: boolean): Way['auth'] {
  return async world => {
    const { keyFile } = await piped(world);
    const { kty, crv, x, y } = keyFile.privateJwk as Record<string, string>;
    const jwks = { keys: [{ kty, crv, x, y, kid: keyFile.kid, alg: keyFile.alg }] };
    return { auth: { mode: 'jwt', jwks, issuer: keyFile.piped, remember } };
  };
}
