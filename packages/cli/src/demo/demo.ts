import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { createClient, enroll, readKeyFile } from '@spanpass/client';
import type { KeyFile } from '@spanpass/credential';
import { oneLine } from '../failure.ts';
import type { StoredTrace, TraceStore } from '../receiver/trace-store.ts';
import { attacksWith, credential } from './attacks.ts';
import { DEMO_SPANS, runDemoDeployment } from './deployment.ts';
import { createProbe, type Probe } from './probe.ts';
import { type AttackReport, type DemoReport, identityOn } from './report.ts';

/** The piped of the demo. Runs share it; each has a key of its own, which is revoked at the end. */
export const DEMO_PIPED = Object.freeze({ project: 'demo', piped: 'demo-piped' });

/** What a demo needs of the control plane. */
export interface DemoAdmin {
  /** Registers the demo's piped, or finds it from an earlier run, with no active keys; returns an enrollment token. */
  enrollmentToken(project: string, piped: string): Promise<string>;
  revoke(kid: string): Promise<void>;
}

export interface DemoOptions {
  readonly admin: DemoAdmin;
  readonly controlPlane: string;
  /** The gateway's OTLP/gRPC, `host:port`. */
  readonly gateway: string;
  /** What the receiver behind the gateway took. */
  readonly traces: TraceStore;
  readonly dataDir: string;
  readonly stop: AbortSignal;
  /** Told what begins now. */
  readonly progress: (line: string) => void | Promise<void>;
  /** Milliseconds since the start of everything. */
  readonly sinceStart: () => number;
  /** How soon a revoked key must be refused, from the answer to the revocation. Default 1,000 ms. */
  readonly revocationBoundMs?: number;
  /** How long to go on trying a revoked key. Default 5,000 ms. */
  readonly patienceMs?: number;
}

/**
 * Enrolls a piped, runs one deployment through the stock exporter, and tries four attacks, all through the real gateway.
 * Rejects only when it could not get that far; what went wrong on the way is in the report's `problems`.
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { admin, dataDir } = options;
  const { project, piped } = DEMO_PIPED;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(dataDir, 'demo-'));
  const probe = createProbe(options.gateway);
  let kid: string | undefined;
  try {
    await options.progress(`enrolling ${piped} of ${project} …`);
    const keyFile = join(folder, 'key.json');
    const enrollmentToken = await admin.enrollmentToken(project, piped);
    ({ kid } = await enroll({ controlPlane: options.controlPlane, enrollmentToken, keyFile }));
    await options.progress('deploying: a plan and three stages …');
    const { traceId, firstAcceptedMs } = await deploy(options, keyFile);
    const [trace] = options.traces.get(traceId, project);
    const file = await readKeyFile(keyFile);
    await options.progress('attacking …');
    const attacks = [...(await attack(options, probe, file)), await useRevoked(options, probe, file)];
    kid = undefined;
    const problems = [...problemsOfTrace(traceId, trace), ...attacks.flatMap(({ problem }) => problem ?? [])];
    return { traceId, firstAcceptedMs, trace, identity: identityOn(trace), attacks, problems };
  } finally {
    probe[Symbol.dispose]();
    if (kid !== undefined) await admin.revoke(kid).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  }
}

async function deploy({ gateway, stop, sinceStart }: DemoOptions, keyFile: string) {
  await using client = createClient({ keyFile, renewal: false });
  const traceId = await runDemoDeployment({
    ...DEMO_PIPED,
    deploymentId: `demo-${randomUUID()}`,
    client,
    gatewayUrl: `http://${gateway}`,
    stop,
  }).catch(error => {
    stop.throwIfAborted();
    throw new Error(`the gateway did not accept the deployment's trace: ${oneLine(error)}`, { cause: error });
  });
  return { traceId, firstAcceptedMs: sinceStart() };
}

async function attack({ traces, stop }: DemoOptions, probe: Probe, file: KeyFile): Promise<AttackReport[]> {
  const reports: AttackReport[] = [];
  for (const { name, authorization } of await attacksWith(file)) {
    stop.throwIfAborted();
    const { code, details, traceId } = await probe.send(`attack: ${name}`, authorization);
    const arrived = traces.get(traceId).length > 0;
    reports.push(judged({ name, seen: code, details, arrived }));
  }
  return reports;
}

/** The pass is accepted, then its key is revoked, and we see how long it still works. */
async function useRevoked(
  { admin, traces, stop, patienceMs = 5_000, revocationBoundMs = 1_000 }: DemoOptions,
  probe: Probe,
  file: KeyFile,
): Promise<AttackReport> {
  const name = 'the key revoked a moment ago';
  const authorization = await credential(file);
  const before = await probe.send('before the revocation', authorization);
  await admin.revoke(file.kid);
  const revokedAt = performance.now();
  for (;;) {
    stop.throwIfAborted();
    const { code, details, traceId } = await probe.send(`attack: ${name}`, authorization);
    const refusedAfterMs = performance.now() - revokedAt;
    if (code === status.OK && refusedAfterMs < patienceMs) {
      await sleep(5, undefined, { signal: stop });
      continue;
    }
    const report = judged({ name, seen: code, details, arrived: traces.get(traceId).length > 0 });
    const problem =
      report.problem ??
      (before.code === status.OK ? undefined : `${name}: it was not accepted before (${status[before.code]})`) ??
      (refusedAfterMs <= revocationBoundMs
        ? undefined
        : `${name}: refused only after ${Math.round(refusedAfterMs)} ms`);
    return { ...report, refusedAfterMs, problem };
  }
}

function judged({
  name,
  seen,
  details,
  arrived,
}: {
  name: string;
  seen: number;
  details: string;
  arrived: boolean;
}): AttackReport {
  const expected = status.UNAUTHENTICATED;
  const problem =
    seen === expected
      ? arrived
        ? `${name}: refused, but its span arrived`
        : undefined
      : `${name}: expected ${status[expected]}, saw ${status[seen] ?? seen}`;
  return { name, expected, seen, reason: /^[a-z_]+(?=:)/.exec(details)?.[0], problem };
}

function problemsOfTrace(traceId: string, trace: StoredTrace | undefined): string[] {
  if (!trace) return [`the trace ${traceId} did not arrive behind the gateway`];
  const names = trace.spans.map(({ span }) => span.name);
  const missing = DEMO_SPANS.filter(name => !names.includes(name));
  const { project, piped } = DEMO_PIPED;
  const identity = identityOn(trace);
  return [
    ...missing.map(name => `the trace lacks the span ${name}`),
    ...(identity['project-id'] === project && identity['piped-id'] === piped
      ? []
      : [`the spans are stamped ${JSON.stringify(identity)}, not ${project} and ${piped}`]),
  ];
}
