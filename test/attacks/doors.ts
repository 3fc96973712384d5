import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import {
  AuthenticationError,
  authenticateHttp,
  authFetch,
  authInterceptor,
  authMiddleware,
  extAuthzService,
  refusalToHttp,
  type Server,
  startHttp2Listener,
  startHttpAuthz,
} from '@spanpass/server';
import { bytesMethod } from '../harness/bytes-method.ts';
import { message } from '../harness/protobuf.ts';
import type { Stage } from '../harness/stage.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const asItIs = (bytes: Buffer) => bytes;

/** One way to ask a server: shows it an authorization value, and gives the words of its answer, or `allowed`. */
export interface Door {
  readonly name: string;
  /** What its transport can carry in a header at all. */
  readonly carries: RegExp;
  show(authorization: string): Promise<string>;
}

/** Every door of one server, each over real sockets. */
export async function openDoors(stage: Stage, server: Server): Promise<readonly Door[]> {
  return Promise.all([
    extAuthz(stage, server),
    extAuthzOnHttp2(stage, server),
    interceptor(stage, server),
    http(stage, server),
    middleware(stage, server),
    fetchStyle(server),
    ...(await checkPort(stage, server)),
  ]);
}

async function extAuthz(stage: Stage, server: Server): Promise<Door> {
  const { definition, implementation } = extAuthzService(server);
  return checkDoor('ext_authz over gRPC', await serve(stage, new grpc.Server(), definition, implementation));
}

async function extAuthzOnHttp2(stage: Stage, server: Server): Promise<Door> {
  const listener = await startHttp2Listener({ host: '127.0.0.1', port: 0, tls: undefined, server, observer: {} });
  stage.defer(() => listener.drain(0));
  const client = new grpc.Client(listener.address, grpc.credentials.createInsecure());
  stage.defer(() => client.close());
  return checkDoor('ext_authz over gRPC, on node:http2', client);
}

function checkDoor(name: string, client: grpc.Client): Door {
  const header = (key: string, value: string) => [3, message([1, key], [2, value])] as const;
  return {
    name,
    carries: /^.*$/su,
    async show(authorization) {
      const request = message([2, 'POST'], header('authorization', authorization), [4, EXPORT]);
      const source = message([1, message([1, message([2, '127.0.0.1'], [3, 40_000])])]);
      const attributes = message([1, source], [4, message([2, request])]);
      const answer = await call(client, '/envoy.service.auth.v3.Authorization/Check', message([1, attributes]));
      const text = answer.toString('latin1');
      return text.includes('x-spanpass-project') ? 'allowed' : text;
    },
  };
}

function http(stage: Stage, server: Server): Promise<Door> {
  return receiver(stage, 'node:http', async (request, response) => {
    try {
      await authenticateHttp(server, request);
      response.end('allowed');
    } catch (error) {
      const { status, headers, body } = refusalToHttp(AuthenticationError.from(error), request.headers['content-type']);
      response.writeHead(status, headers).end(body);
    }
  });
}

function middleware(stage: Stage, server: Server): Promise<Door> {
  const guard = authMiddleware(server);
  return receiver(stage, 'the node:http middleware', (request, response) =>
    guard(request, response, () => response.end('allowed')),
  );
}

async function receiver(stage: Stage, name: string, listen: RequestListener): Promise<Door> {
  const listener = createHttpServer(listen);
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  stage.defer(() => {
    listener.closeAllConnections();
    listener.close();
  });
  const { port } = listener.address() as AddressInfo;
  return {
    name,
    carries: HTTP_VALUE,
    async show(authorization) {
      const response = await fetch(`http://127.0.0.1:${port}/v1/traces`, exportWith(authorization));
      return response.text();
    },
  };
}

/** Its transport is the platform's `Request`. */
function fetchStyle(server: Server): Door {
  const guarded = authFetch(server, () => new Response('allowed'));
  return {
    name: 'the fetch-style middleware',
    carries: HTTP_VALUE,
    async show(authorization) {
      const response = await guarded(new Request('http://gateway/v1/traces', exportWith(authorization)), {});
      return response.text();
    },
  };
}

const HTTP_VALUE = /^[\t\x20-\x7e]*$/;

function exportWith(authorization: string) {
  return { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: '{}' };
}

/** How each proxy asks at the check port about an export of traces. */
const ASKS = {
  envoy: { path: '/envoy/v1/traces', method: 'POST', headers: {} },
  nginx: { path: '/nginx', method: 'GET', headers: { 'x-original-method': 'POST', 'x-original-uri': '/v1/traces' } },
  traefik: {
    path: '/traefik',
    method: 'GET',
    headers: { 'x-forwarded-method': 'POST', 'x-forwarded-uri': '/v1/traces' },
  },
};

async function checkPort(stage: Stage, server: Server): Promise<Door[]> {
  const { address, drain } = await startHttpAuthz({ server, port: 0 });
  stage.defer(() => drain(0));
  return Object.entries(ASKS).map(([name, { path, method, headers }]) => ({
    name: `checks over HTTP, as ${name} asks`,
    carries: HTTP_VALUE,
    async show(authorization) {
      const response = await fetch(`http://${address}${path}`, { method, headers: { ...headers, authorization } });
      const { status, headers: answered } = response;
      const words = answered.get('x-spanpass-message') ?? (await response.text());
      return status === 200 && answered.has('x-spanpass-project') ? 'allowed' : words;
    },
  }));
}

async function interceptor(stage: Stage, server: Server): Promise<Door> {
  const receiver = new grpc.Server({ interceptors: [authInterceptor(server)] });
  const method = bytesMethod(EXPORT);
  const handler = {
    export: (_: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(null, Buffer.from('allowed')),
  };
  const client = await serve(stage, receiver, { export: method }, handler);
  return {
    name: 'the grpc-js interceptor',
    carries: /^[\x20-\x7e]*$/,
    async show(authorization) {
      const metadata = new grpc.Metadata();
      metadata.set('authorization', authorization);
      return (await call(client, EXPORT, new Uint8Array(), metadata)).toString();
    },
  };
}

async function serve(
  stage: Stage,
  server: grpc.Server,
  definition: grpc.ServiceDefinition,
  implementation: grpc.UntypedServiceImplementation,
): Promise<grpc.Client> {
  server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  stage.defer(() => {
    client.close();
    server.forceShutdown();
  });
  return client;
}

/** The answer's bytes, or the words of the status that refused the call. */
function call(client: grpc.Client, path: string, bytes: Uint8Array, metadata = new grpc.Metadata()): Promise<Buffer> {
  return new Promise(resolve =>
    client.makeUnaryRequest(path, asItIs, asItIs, Buffer.from(bytes), metadata, (error, answer) =>
      resolve(error === null ? (answer ?? Buffer.alloc(0)) : Buffer.from(error.details)),
    ),
  );
}
