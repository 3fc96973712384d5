import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adjacentPorts } from '../../harness/adjacent-ports.ts';
import { createAdmin, type EnrolledPiped } from '../../harness/admin.ts';
import { passFor } from '../../harness/passes.ts';
import { freePorts } from '../../harness/ports.ts';
import { spanpassCommand } from '../../harness/servers.ts';
import type { Stage } from '../../harness/stage.ts';
import { answersOk } from '../../harness/wait.ts';
import { STATIC_KEY_HASH } from './pipecd.ts';
import { nodeProgram, type ServerProcess, startProgram } from './server-process.ts';
import type { World } from './world.ts';

const ADMIN_TOKEN = 'bench-admin-token-0123456789abcdef';
const AUTH_SERVER_TOKEN = 'bench-auth-server-token-0123456789abcdef';

/** The real control plane, on its embedded database. */
export function controlPlane(world: World): Promise<string> {
  return world.once('control plane', async () => {
    const { port } = await freePorts('port');
    const dataDir = join(world.folder, 'control-plane');
    await mkdir(dataDir, { recursive: true });
    const url = `http://127.0.0.1:${port}`;
    const env = {
      SPANPASS_DATA_DIR: dataDir,
      SPANPASS_PORT: String(port),
      SPANPASS_ADMIN_TOKEN: ADMIN_TOKEN,
      SPANPASS_AUTH_SERVER_TOKEN: AUTH_SERVER_TOKEN,
    };
    const program = {
      name: 'spanpass control-plane',
      command: process.execPath,
      args: [spanpassCommand, 'control-plane'],
      env,
    };
    await startProgram(world, program, () => answersOk(`${url}/readyz`));
    return url;
  });
}

/** The piped whose credentials most rows show. */
export async function piped(world: World): Promise<EnrolledPiped> {
  return enrolled(world, 1);
}

/** As many pipeds, the one of all others first. */
export async function pipeds(world: World, count: number): Promise<EnrolledPiped[]> {
  const found: EnrolledPiped[] = [];
  for (let at = 1; at <= count; at++) found.push(await enrolled(world, at));
  return found;
}

function enrolled(world: World, at: number): Promise<EnrolledPiped> {
  return world.once(`piped ${at}`, async () => {
    const admin = createAdmin(await controlPlane(world), ADMIN_TOKEN, world.folder);
    return admin.enroll('shop', `edge-${at}`);
  });
}

/** A fresh credential, so that no round runs into the end of one. */
export async function freshPass(world: World): Promise<string> {
  return passFor((await piped(world)).keyFile);
}

export interface AuthServerProcess extends ServerProcess {
  /** `port` is ext_authz over gRPC, this is over HTTP. */
  readonly httpPort: number;
  readonly metricsUrl: string;
  /** Of each worker, in their order; of the one process where there are none. */
  readonly pids: readonly number[];
  readonly ports: readonly number[];
}

export interface AuthServerChoice {
  /** For the kernel's scheduler. Default any core. */
  readonly core?: number | undefined;
  /** Takes PipeCD's static keys too. Default pipeds' own credentials alone. */
  readonly pipecd?: boolean;
  /** Default the real one. */
  readonly controlPlaneUrl?: string;
  /** Default the Node.js that runs the bench. */
  readonly node?: string | undefined;
  readonly nodeFlags?: readonly string[];
  /** Default one process, without any. */
  readonly workers?: number | undefined;
  readonly workerPorts?: 'shared' | 'own' | undefined;
  /** What speaks gRPC. Default as it comes. */
  readonly grpcTransport?: 'http2';
}

/** `spanpass server`, as it comes. */
export async function authServer(world: World, choice: AuthServerChoice = {}): Promise<AuthServerProcess> {
  return world.once(`auth server ${JSON.stringify(choice)}`, () => startAuthServer(world, choice));
}

/** A new one, that ends with the stage. */
export async function startAuthServer(
  world: World,
  choice: AuthServerChoice,
  stage: Stage = world.stage,
): Promise<AuthServerProcess> {
  const { core, pipecd = false, controlPlaneUrl, nodeFlags = [], grpcTransport } = choice;
  const { workers = 1, workerPorts = 'shared' } = choice;
  const { metrics } = await freePorts('metrics');
  // Each worker beyond the first may listen two above the one before.
  const grpc = await adjacentPorts(2 * workers);
  const http = grpc + 1;
  const env = {
    SPANPASS_GRPC_PORT: String(grpc),
    SPANPASS_HTTP_PORT: String(http),
    SPANPASS_METRICS_PORT: String(metrics),
    SPANPASS_CONTROL_PLANE: controlPlaneUrl ?? (await controlPlane(world)),
    SPANPASS_AUTH_SERVER_TOKEN: AUTH_SERVER_TOKEN,
    SPANPASS_LOG_LEVEL: 'warn',
    SPANPASS_WORKERS: String(workers),
    SPANPASS_WORKER_PORTS: workerPorts,
    ...(grpcTransport && { SPANPASS_GRPC_TRANSPORT: grpcTransport }),
    ...(pipecd && { SPANPASS_AUTHENTICATORS: await pipecdSettings(world) }),
  };
  const args = [...nodeFlags, spanpassCommand, 'server'];
  const program = nodeProgram(world, { name: 'spanpass server', args, env, core }, choice.node);
  const metricsUrl = `http://127.0.0.1:${metrics}`;
  const { pid } = await startProgram({ stage }, program, () => answersOk(`${metricsUrl}/readyz`));
  const pids = workers === 1 ? [pid] : await childrenOf(pid);
  const ports = Array.from({ length: workerPorts === 'own' ? workers : 1 }, (_, at) => grpc + 2 * at);
  return { pid, pids, port: grpc, ports, httpPort: http, metricsUrl: `${metricsUrl}/metrics` };
}

async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.trim().split(' ').map(Number);
}

async function pipecdSettings(world: World): Promise<string> {
  const file = join(world.folder, 'pipecd.json');
  const keys = [{ hash: STATIC_KEY_HASH, creator: 'bench', created_at: 1_700_000_000 }];
  await writeFile(file, JSON.stringify([{ id: 'edge-1', project_id: 'shop', keys }]));
  return JSON.stringify([{ kind: 'piped-jwt' }, { kind: 'pipecd-key', file }]);
}
