import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Admin, createAdmin } from '../harness/admin.ts';
import { type CheckClient, connectCheckClient } from '../harness/check-client.ts';
import { type CuttableProxy, startCuttableProxy } from '../harness/cuttable-proxy.ts';
import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startAuthServer, startControlPlane } from '../harness/servers.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

/** A control plane, and auth servers that reach it by ways of their own. */
export interface Fleet {
  readonly controlPlaneUrl: string;
  readonly controlPlane: RunningProcess;
  readonly admin: Admin;
  readonly servers: readonly FleetServer[];
  /** Starts a control plane like the first one in its place, after that one was stopped. */
  restartControlPlane(): Promise<RunningProcess>;
}

export interface FleetServer {
  readonly process: RunningProcess;
  readonly client: CheckClient;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly way: CuttableProxy;
  /** Starts a server like this one in its place, after it was stopped. */
  restart(): Promise<FleetServer>;
}

export const adminToken = 'admin-token-of-the-suites-0123456789';
const authServerToken = 'auth-server-token-of-the-suites-0123456789';

export interface FleetOptions {
  /** The control plane's PostgreSQL; embedded by default. */
  readonly databaseUrl?: string;
  /** Settings of each server, one after the other; asked when the control plane runs. */
  settings(folder: string, controlPlaneUrl: string): Promise<readonly object[]> | readonly object[];
}

export async function startFleet(stage: Stage, { databaseUrl, settings }: FleetOptions): Promise<Fleet> {
  const folder = await tempDir(stage, 'fleet');
  const { port } = await freePorts('port');
  const controlPlaneUrl = `http://127.0.0.1:${port}`;
  const restartControlPlane = () =>
    startControlPlane(stage, { folder, port, adminToken, authServerToken, databaseUrl });
  const controlPlane = await restartControlPlane();
  const servers = await Promise.all(
    (await settings(folder, controlPlaneUrl)).map(async (own, at) => {
      const way = await startCuttableProxy(stage, port);
      const config = join(folder, `server-${at}.yaml`);
      await writeFile(config, JSON.stringify(own));
      const { grpcPort, metricsPort } = await freePorts('grpcPort', 'metricsPort');
      const token = authServerToken;
      const start = async (): Promise<FleetServer> => {
        const process = await startAuthServer(stage, {
          grpcPort,
          metricsPort,
          controlPlaneUrl: `http://127.0.0.1:${way.port}`,
          token,
          config,
        });
        const client = connectCheckClient(stage, `127.0.0.1:${grpcPort}`);
        return { process, client, grpcPort, metricsPort, way, restart: start };
      };
      return start();
    }),
  );
  const admin = createAdmin(controlPlaneUrl, adminToken, folder);
  return { controlPlaneUrl, controlPlane, admin, servers, restartControlPlane };
}
