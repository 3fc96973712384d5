import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';
import { type RunningProcess, startProcess } from './process.ts';
import type { Stage } from './stage.ts';
import { answersOk } from './wait.ts';

/** The command as the build leaves it. */
export const spanpassCommand = join(repoRoot, 'packages', 'cli', 'dist', 'main.js');

/** Flags that let `spanpass up` take free ports instead of the usual ones. */
export const freePortFlags = [
  '--grpc-port',
  '--http-port',
  '--auth-port',
  '--auth-http-port',
  '--metrics-port',
  '--control-plane-port',
].flatMap(flag => [flag, '0']);

/** Whose build is started. */
interface Built {
  /** The command of another version; this one's by default. */
  readonly command?: string | undefined;
}

export interface ControlPlaneSettings extends Built {
  readonly folder: string;
  readonly port: number;
  readonly adminToken: string;
  readonly authServerToken: string;
  /** A PostgreSQL to use instead of the embedded database. */
  readonly databaseUrl?: string | undefined;
  /** More settings, as the environment has them. */
  readonly env?: NodeJS.ProcessEnv;
  /** For Node.js itself. */
  readonly nodeArgs?: readonly string[];
}

/** `spanpass control-plane`. */
export function startControlPlane(stage: Stage, settings: ControlPlaneSettings): Promise<RunningProcess> {
  return startCommand(stage, 'control-plane', {
    command: settings.command,
    env: {
      SPANPASS_DATA_DIR: join(settings.folder, 'data'),
      SPANPASS_PORT: String(settings.port),
      SPANPASS_ADMIN_TOKEN: settings.adminToken,
      SPANPASS_AUTH_SERVER_TOKEN: settings.authServerToken,
      // On a PostgreSQL server it is not made at the first start.
      SPANPASS_ENCRYPTION_KEY: Buffer.alloc(32, 'encryption key').toString('base64'),
      // Empty counts as absent.
      SPANPASS_DATABASE_URL: settings.databaseUrl ?? '',
      ...settings.env,
    },
    nodeArgs: settings.nodeArgs ?? [],
    readyUrl: `http://127.0.0.1:${settings.port}/readyz`,
  });
}

export interface AuthServerSettings extends Built {
  readonly grpcPort: number;
  /** Checks over HTTP; any free port by default. */
  readonly httpPort?: number;
  readonly metricsPort: number;
  readonly controlPlaneUrl: string;
  readonly token: string;
  /** A settings file. */
  readonly config?: string | undefined;
}

/** `spanpass server`. */
export function startAuthServer(stage: Stage, settings: AuthServerSettings): Promise<RunningProcess> {
  return startCommand(stage, 'server', {
    command: settings.command,
    env: {
      SPANPASS_GRPC_PORT: String(settings.grpcPort),
      SPANPASS_HTTP_PORT: String(settings.httpPort ?? 0),
      SPANPASS_METRICS_PORT: String(settings.metricsPort),
      SPANPASS_CONTROL_PLANE: settings.controlPlaneUrl,
      SPANPASS_AUTH_SERVER_TOKEN: settings.token,
    },
    args: settings.config === undefined ? [] : ['--config', settings.config],
    readyUrl: `http://127.0.0.1:${settings.metricsPort}/readyz`,
  });
}

export interface ForwardSettings extends Built {
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly keyFile: string;
  /** The gateway. */
  readonly endpoint: string;
  readonly spoolDir: string;
  readonly args?: readonly string[];
}

/** `spanpass forward`. */
export function startForward(stage: Stage, settings: ForwardSettings): Promise<RunningProcess> {
  const { command, grpcPort, httpPort, keyFile, endpoint, spoolDir, args = [] } = settings;
  const ports = ['--grpc-port', String(grpcPort), '--http-port', String(httpPort)];
  return startCommand(stage, 'forward', {
    command,
    env: {},
    args: ['--key-file', keyFile, '--endpoint', endpoint, '--spool-dir', spoolDir, ...ports, ...args],
    readyUrl: `http://127.0.0.1:${httpPort}/readyz`,
  });
}

interface Command extends Built {
  readonly nodeArgs?: readonly string[];
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly readyUrl: string;
}

async function startCommand(
  stage: Stage,
  name: string,
  { command = spanpassCommand, args = [], nodeArgs = [], env, readyUrl }: Command,
): Promise<RunningProcess> {
  if (!existsSync(command)) throw new Error(`${command} is not there: npm run build`);
  return startProcess(stage, {
    name: `spanpass ${name}`,
    command: process.execPath,
    args: [...nodeArgs, command, name, ...args],
    env,
    ready: () => answersOk(readyUrl),
    // Where others use the machine too, it takes that long until the first line of it runs.
    readyWithinMs: 90_000,
  });
}
