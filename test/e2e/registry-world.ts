import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { type ControlPlaneSettings, startControlPlane } from '../harness/servers.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

export const PROJECT = 'shop';
export const tokens = {
  admin: 'admin-token-of-the-suites-0123456789',
  authServer: 'auth-server-token-of-the-suites-0123456789',
};

/** A control plane with one project in it. */
export interface RegistryWorld {
  readonly url: string;
  /** To start one like it in its place. */
  readonly settings: ControlPlaneSettings;
  controlPlane: RunningProcess;
}

export async function startRegistryWorld(
  stage: Stage,
  { databaseUrl, folder }: { readonly databaseUrl?: string; readonly folder?: string } = {},
): Promise<RegistryWorld> {
  const settings = await replicaSettings(stage, databaseUrl, folder);
  const controlPlane = await startControlPlane(stage, settings);
  const url = `http://127.0.0.1:${settings.port}`;
  const created = await fetch(`${url}/v1/projects`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ project: PROJECT }),
  });
  if (created.status !== 201) throw new Error(`the project: ${created.status} ${await created.text()}`);
  return { url, settings, controlPlane };
}

export async function replicaSettings(
  stage: Stage,
  databaseUrl: string | undefined,
  folder?: string,
): Promise<ControlPlaneSettings> {
  const { port } = await freePorts('port');
  return {
    folder: folder ?? (await tempDir(stage, 'registry')),
    port,
    adminToken: tokens.admin,
    authServerToken: tokens.authServer,
    databaseUrl,
  };
}
