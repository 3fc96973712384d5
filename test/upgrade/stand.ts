import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { type CheckClient, connectCheckClient } from '../harness/check-client.ts';
import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { type ControlPlaneSettings, startAuthServer, startControlPlane } from '../harness/servers.ts';
import type { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import type { Release } from './releases.ts';

export const ADMIN_TOKEN = 'admin-token-of-the-upgrade-0123456789';
export const AUTH_SERVER_TOKEN = 'auth-server-token-of-the-upgrade-0123456789';

/** A control plane of one version. */
export interface Plane {
  readonly url: string;
  readonly process: RunningProcess;
  /** This version's client of its API. */
  readonly admin: ControlPlaneClient;
  /** Of the settings that it was started with. */
  readonly settings: ControlPlaneSettings;
}

export async function startPlane(
  stage: Stage,
  release: Release,
  { folder, databaseUrl }: { readonly folder: string; readonly databaseUrl?: string | undefined },
): Promise<Plane> {
  const { port } = await freePorts('port');
  const settings: ControlPlaneSettings = {
    ...{ folder, port, databaseUrl, command: release.command },
    ...{ adminToken: ADMIN_TOKEN, authServerToken: AUTH_SERVER_TOKEN },
  };
  const process = await startControlPlane(stage, settings);
  const url = `http://127.0.0.1:${port}`;
  return { url, process, settings, admin: new ControlPlaneClient({ url, token: ADMIN_TOKEN }) };
}

/** An auth server of one version that follows a control plane, as a gateway asks it. */
export async function startServer(stage: Stage, release: Release, plane: Plane): Promise<CheckClient> {
  const ports = await freePorts('grpc', 'metrics');
  await startAuthServer(stage, {
    ...{ command: release.command, grpcPort: ports.grpc, metricsPort: ports.metrics },
    ...{ controlPlaneUrl: plane.url, token: AUTH_SERVER_TOKEN },
  });
  return connectCheckClient(stage, `127.0.0.1:${ports.grpc}`);
}

/** Waits for an answer as long as a change may take. */
export async function answers(server: CheckClient, pass: string, wanted: string): Promise<void> {
  let last = '';
  await waitFor(
    `the answer ${wanted}`,
    async () => {
      last = await server.check(pass);
      return last === wanted;
    },
    5_000,
  ).catch(error => {
    throw new Error(`${error.message}, but ${last}`);
  });
}

/** A pass of the key in a file, signed by a client of this version. */
export async function passOf({ client }: Release, keyFile: string): Promise<string> {
  await using source = client.signedSource({ keyFile });
  // Awaited here: at the end of this block the source is closed.
  return await source.credential();
}
