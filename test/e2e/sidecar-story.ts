import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pendingIn } from '@spanpass/tracing/durable';
import { expect } from 'vitest';
import type { Engines } from '../engines/describe.ts';
import { type Tap, type Tapped, tapGrpc, tapHttp } from '../harness/otlp-tap.ts';
import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startForward } from '../harness/servers.ts';
import { valuesOf } from '../harness/sink.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

const execute = promisify(execFile);

/** A sidecar before the gateway, with a tap on each side of it. */
export interface SidecarStory {
  readonly way: TheWay;
  /** Between the exporter and the sidecar. */
  readonly before: { readonly grpc: Tap; readonly http: Tap };
  /** Between the sidecar and the gateway. */
  readonly behind: Tap;
  readonly spoolDir: string;
  /** Kills the sidecar with SIGKILL, and starts it again a second later. */
  killSidecar(): Promise<void>;
}

export async function startSidecarStory(stage: Stage, engines: Engines<'envoy' | 'otelcol'>): Promise<SidecarStory> {
  const way = await startTheWay(stage, engines);
  const { keyFilePath } = await way.admin.enroll('shop', 'piped-1');
  const ports = await freePorts('grpc', 'http');
  const behind = await tapGrpc(stage, `127.0.0.1:${way.gateway.grpcPort}`);
  const spoolDir = join(await tempDir(stage, 'forward'), 'spool');
  const start = () =>
    startForward(stage, {
      grpcPort: ports.grpc,
      httpPort: ports.http,
      keyFile: keyFilePath,
      endpoint: behind.url,
      spoolDir,
    });
  let sidecar: RunningProcess = await start();
  return {
    way,
    before: {
      grpc: await tapGrpc(stage, `127.0.0.1:${ports.grpc}`),
      http: await tapHttp(stage, `http://127.0.0.1:${ports.http}`),
    },
    behind,
    spoolDir,
    async killSidecar() {
      await sidecar.stop('SIGKILL');
      await sleep(1_000);
      sidecar = await start();
    },
  };
}

/** The gateway is away for ten seconds, and in the middle of that the sidecar is killed, while an exporter goes on. */
export async function outageAndKill({ way, killSidecar }: SidecarStory): Promise<void> {
  await sleep(2_000);
  await way.gateway.process.stop('SIGKILL');
  const away = sleep(10_000);
  await sleep(4_000);
  await killSidecar();
  await away;
  await way.gateway.restart();
}

/** Runs an exporter to its end, and gives the number that it printed. */
export async function exported(command: string, args: readonly string[]): Promise<number> {
  const { stdout } = await execute(command, args, { timeout: 100_000 });
  return Number(stdout);
}

/** Everything of these names is at the sink, spans and log records, under the sidecar's identity and no other. */
export async function allArrived({ way, spoolDir }: SidecarStory, names: readonly string[]): Promise<void> {
  const { sink } = way;
  const missing = () => {
    const spans = new Set(sink.spans().map(({ name }) => name));
    const logs = new Set(sink.others().map(({ name }) => name));
    return names.filter(name => !spans.has(name) || !logs.has(name));
  };
  await waitFor('all of it at the sink', () => missing().length === 0, 40_000).catch(() => {});
  expect(missing()).toEqual([]);
  for (const { resource } of [...sink.spans(), ...sink.others()]) {
    expect([valuesOf(resource, 'project-id'), valuesOf(resource, 'piped-id')]).toEqual([['shop'], ['piped-1']]);
  }
  await waitFor('an empty spool', async () => (await pendingIn(spoolDir)).length === 0);
}

/** What the sidecar took went out with the same bytes, and nothing else did. */
export function bytesAreEqual(before: readonly Tapped[], behind: readonly Tapped[]): void {
  const out = new Set(behind.filter(({ accepted }) => accepted).map(keyOf));
  const into = new Set(before.map(keyOf));
  expect(before.filter(({ accepted }) => accepted).filter(request => !out.has(keyOf(request)))).toEqual([]);
  expect(behind.filter(request => !into.has(keyOf(request)))).toEqual([]);
  expect(new Set(behind.map(({ signal }) => signal))).toEqual(new Set(['traces', 'metrics', 'logs']));
  expect(before.filter(({ headers }) => headers.includes('authorization'))).toEqual([]);
  expect(behind.filter(({ headers }) => !headers.includes('authorization'))).toEqual([]);
}

function keyOf({ signal, sha256 }: Tapped): string {
  return `${signal} ${sha256}`;
}
