import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { createClient } from '@spanpass/client';
import { createDeploymentTracing } from '@spanpass/tracing';
import { freePorts } from '../harness/ports.ts';
import { startProcess } from '../harness/process.ts';
import { spanpassCommand } from '../harness/servers.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk } from '../harness/wait.ts';

const run = promisify(execFile);

/** `spanpass up` on free ports, and ways to do from outside what the console then shows. */
export interface ConsoleStack {
  readonly url: string;
  readonly gateway: string;
  readonly adminToken: string;
  readonly folder: string;
  /** Runs `spanpass …`, and gives what it prints. */
  command(...args: string[]): Promise<string>;
  /** Calls the API as the admin. */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Registers and enrolls a piped, and gives its key file. */
  enroll(project: string, piped: string): Promise<string>;
  /** Traces one deployment as a piped does. */
  deploy(
    keyFile: string,
    deployment: { id: string; application?: string; fails?: boolean; unitMs?: number },
  ): Promise<void>;
}

export async function startConsoleStack(stage: Stage, env: NodeJS.ProcessEnv = {}): Promise<ConsoleStack> {
  const folder = await tempDir(stage, 'console');
  const ports = await freePorts('control-plane', 'auth', 'auth-http', 'metrics', 'grpc', 'http');
  await startProcess(stage, {
    name: 'spanpass up',
    command: process.execPath,
    args: [spanpassCommand, 'up', ...Object.entries(ports).flatMap(([name, port]) => [`--${name}-port`, String(port)])],
    cwd: folder,
    env: { SPANPASS_ENVOY: 'none', SPANPASS_ADMIN_TOKEN: '', SPANPASS_CONTROL_PLANE: '', ...env },
    ready: () => answersOk(`http://127.0.0.1:${ports.metrics}/readyz`),
    readyWithinMs: 60_000,
  });
  const url = `http://127.0.0.1:${ports['control-plane']}`;
  const gateway = `http://127.0.0.1:${ports.grpc}`;
  const adminToken = (await readFile(join(folder, '.spanpass', 'admin-token'), 'utf8')).trim();
  const command = async (...args: string[]) => {
    const { stdout } = await run(process.execPath, [spanpassCommand, ...args], {
      cwd: folder,
      env: { ...process.env, SPANPASS_ADMIN_TOKEN: adminToken, SPANPASS_CONTROL_PLANE: url },
    });
    return stdout;
  };
  const api = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${adminToken}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    url,
    gateway,
    adminToken,
    folder,
    command,
    api,
    async enroll(project, piped) {
      const path = `/v1/projects/${project}/pipeds`;
      const { enrollmentToken } = await api<{ enrollmentToken: string }>('POST', path, { piped });
      const keyFile = join(folder, `${project}-${piped}.json`);
      await command('enroll', '--control-plane', url, '--token', enrollmentToken, '--key-file', keyFile);
      return keyFile;
    },
    async deploy(keyFile, { id, application = 'checkout', fails = false, unitMs = 5 }) {
      const { project, piped } = JSON.parse(await readFile(keyFile, 'utf8'));
      const pass = createClient({ keyFile, renewal: false });
      const exporter = new OTLPTraceExporter({ url: gateway, credentials: pass.credentialsFor(gateway) });
      await using tracing = createDeploymentTracing({ project, piped, version: '1.4.2', exporter });
      const wait = (units: number) => new Promise(resolve => setTimeout(resolve, units * unitMs));
      const started = tracing.start({ id, application: { id: application, kind: 'KUBERNETES' } });
      await started
        .run(async deployment => {
          await deployment.plan(() => wait(2));
          await deployment.stage({ id: 's-1', name: 'K8S_CANARY_ROLLOUT' }, async stage => {
            await stage.step('apply manifests', () => wait(3));
            await stage.step('wait until ready', () => wait(5));
            if (fails) throw new Error('ImagePullBackOff');
          });
          await deployment.stage({ id: 's-2', name: 'K8S_PRIMARY_ROLLOUT' }, () => wait(8));
        })
        .catch(() => {});
    },
  };
}
