import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeyFile, parseKeyFile, type Signal } from '@spanpass/credential';

/** A piped as its owner has it: its key, in memory and in a file of mode 0600. */
export interface EnrolledPiped {
  readonly project: string;
  readonly piped: string;
  readonly keyFile: KeyFile;
  readonly keyFilePath: string;
}

export interface Admin {
  /** Of the control plane. */
  readonly url: string;
  /** Registers a piped, and gives the one-time token that enrolls its key. */
  register(project: string, piped: string): Promise<string>;
  /** Registers a piped and has the control plane make its key. */
  enroll(project: string, piped: string, scopes?: readonly Signal[]): Promise<EnrolledPiped>;
  setPiped(project: string, piped: string, action: 'disable' | 'enable'): Promise<void>;
  setProject(project: string, action: 'disable' | 'enable'): Promise<void>;
  revoke(kid: string): Promise<void>;
}

/** Speaks the control plane's HTTP API as an administrator. `folder` takes the key files. */
export function createAdmin(url: string, token: string, folder: string): Admin {
  async function post(path: string, body: unknown = {}): Promise<unknown> {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${answer}`);
    return JSON.parse(answer);
  }

  return {
    url,
    async register(project, piped) {
      const registered = (await post(`/v1/projects/${project}/pipeds`, { piped })) as { enrollmentToken: string };
      return registered.enrollmentToken;
    },
    async enroll(project, piped, scopes = ['traces', 'metrics', 'logs', 'profiles']) {
      await post(`/v1/projects/${project}/pipeds`, { piped, scopes });
      const created = (await post(`/v1/projects/${project}/pipeds/${piped}/keys`, { generate: true })) as {
        keyFile: unknown;
      };
      const keyFile = await parseKeyFile(created.keyFile);
      const keyFilePath = join(folder, `${project}-${piped}.json`);
      await writeFile(keyFilePath, JSON.stringify(keyFile), { mode: 0o600 });
      return { project, piped, keyFile, keyFilePath };
    },
    async setPiped(project, piped, action) {
      await post(`/v1/projects/${project}/pipeds/${piped}/${action}`);
    },
    async setProject(project, action) {
      await post(`/v1/projects/${project}/${action}`);
    },
    async revoke(kid) {
      await post(`/v1/keys/${kid}/revoke?force=true`);
    },
  };
}
