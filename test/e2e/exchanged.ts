import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Client, createClient } from '@spanpass/client';
import { parseJws } from '@spanpass/credential';
import { type Admin, createAdmin, type EnrolledPiped } from '../harness/admin.ts';
import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { spanpassCommand, startControlPlane } from '../harness/servers.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

const execute = promisify(execFile);
const adminToken = 'admin-token-of-the-suites-0123456789';
const authServerToken = 'auth-server-token-of-the-suites-0123456789';

/** Life of access tokens: as short as it can be, for suites that wait for their end. */
export const TOKEN_LIFE_SECONDS = 10;

/** A control plane that issues access tokens, and whom it knows. */
export interface Issuer {
  readonly url: string;
  /** `host:port`. */
  readonly endpoint: string;
  readonly process: RunningProcess;
  readonly admin: Admin;
  /** A client that exchanges; it ends with the stage. */
  client(piped: EnrolledPiped): Client;
  /** An access token of the piped. */
  token(piped: EnrolledPiped): Promise<string>;
  /** `spanpass control-plane rotate-signing-key`, and the kid of the new key. */
  rotate(...flags: string[]): Promise<string>;
  /** Starts it again in the same place, after it was stopped. */
  restart(): Promise<RunningProcess>;
}

export async function startIssuer(stage: Stage): Promise<Issuer> {
  const folder = await tempDir(stage, 'issuer');
  const { port } = await freePorts('port');
  const url = `http://127.0.0.1:${port}`;
  const start = () =>
    startControlPlane(stage, {
      ...{ folder, port, adminToken, authServerToken },
      env: { SPANPASS_ACCESS_TOKEN_LIFE_SECONDS: String(TOKEN_LIFE_SECONDS) },
    });
  let process = await start();
  const client = (piped: EnrolledPiped) => {
    const made = createClient({ keyFile: piped.keyFilePath, exchange: true });
    stage.defer(() => made[Symbol.asyncDispose]());
    return made;
  };
  return {
    url,
    endpoint: `127.0.0.1:${port}`,
    get process() {
      return process;
    },
    admin: createAdmin(url, adminToken, folder),
    client,
    token: piped => client(piped).source.credential(),
    async rotate(...flags) {
      const args = [spanpassCommand, 'control-plane', 'rotate-signing-key', '--control-plane', url, '--json', ...flags];
      const { stdout } = await execute(globalThis.process.execPath, args, {
        env: { ...globalThis.process.env, SPANPASS_ADMIN_TOKEN: adminToken },
      });
      return (JSON.parse(stdout) as { kid: string }).kid;
    },
    async restart() {
      process = await start();
      return process;
    },
  };
}

/** The key that signed a token. */
export function signerOf(token: string): string {
  return String(parseJws(token).unverifiedHeader.kid);
}

/** When a token ends, in milliseconds. */
export function endOf(token: string): number {
  return Number(parseJws(token).unverifiedClaims.exp) * 1000;
}
