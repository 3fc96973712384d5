import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdmin } from '../../harness/admin.ts';
import { freePorts } from '../../harness/ports.ts';
import { startAuthServer, startControlPlane } from '../../harness/servers.ts';
import type { Stage } from '../../harness/stage.ts';
import { tempDir } from '../../harness/temp.ts';
import { openSession } from '../drive/http2-calls.ts';
import { residentKib } from '../measure/cpu.ts';
import { slopePerMinute } from './slope.ts';
import { type Kind, pipedsOf, show, Traffic } from './traffic.ts';

export interface SoakOptions {
  readonly seconds: number;
  /** Checks each second, half of them hostile. */
  readonly perSecond: number;
  readonly sampleEverySeconds: number;
  /** What is left out of the slope: until everything has been compiled, and every bounded memory is full. */
  readonly warmUpSeconds: number;
  /** Who send good credentials. Default 20. */
  readonly pipeds?: number;
  readonly say: (line: string) => void;
}

export interface SoakResult {
  readonly v: 1;
  readonly startedAt: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly warmUpSeconds: number;
  readonly loadAtStart: number;
  /** By what was sent, how often each code was the answer: 0 is an allow. */
  readonly answers: Readonly<Partial<Record<Kind, Readonly<Record<string, number>>>>>;
  readonly samples: readonly { readonly atSeconds: number; readonly rssKib: number }[];
  /** Of the line through the samples after the warm-up. */
  readonly slopeKibPerMinute: number;
  readonly maxRssKib: number;
}

const ADMIN_TOKEN = 'soak-admin-token-0123456789abcdef012345';
const AUTH_SERVER_TOKEN = 'soak-auth-server-token-0123456789abcdef';
/** More of them wait than a server that stands still for a moment could ever catch up with: those are not sent. */
const MAX_UNDER_WAY = 100;

/** Keeps a real auth server busy with good and hostile checks at a steady rate, and watches its memory. */
export async function soak(stage: Stage, options: SoakOptions): Promise<SoakResult> {
  const { seconds, perSecond, sampleEverySeconds, warmUpSeconds, pipeds = 20, say } = options;
  const startedAt = new Date().toISOString();
  const loadAtStart = loadavg()[0] ?? Number.NaN;
  const folder = await tempDir(stage, 'soak');
  const ports = await freePorts('controlPlane', 'grpc', 'metrics');
  const tokens = { adminToken: ADMIN_TOKEN, authServerToken: AUTH_SERVER_TOKEN };
  await startControlPlane(stage, { folder: join(folder), port: ports.controlPlane, ...tokens });
  const controlPlaneUrl = `http://127.0.0.1:${ports.controlPlane}`;
  const server = await startAuthServer(stage, {
    grpcPort: ports.grpc,
    metricsPort: ports.metrics,
    controlPlaneUrl,
    token: AUTH_SERVER_TOKEN,
  });
  const admin = createAdmin(controlPlaneUrl, ADMIN_TOKEN, folder);
  const keyFiles = [];
  for (let at = 0; at <= pipeds; at++) keyFiles.push((await admin.enroll('shop', `edge-${at}`)).keyFile);
  const [revoked, ...good] = keyFiles;
  if (revoked === undefined) throw new Error('a soak needs pipeds');
  await admin.revoke(revoked.kid);

  const traffic = new Traffic(await pipedsOf(good, revoked));
  let session = await openSession(ports.grpc);
  // Servers end a connection when it is ten minutes old, and what happens to one that was is of no interest.
  session.on('error', () => {});
  const reopened = async () => {
    session = await openSession(ports.grpc);
    session.on('error', () => {});
  };
  const answers: Partial<Record<Kind, Record<string, number>>> = {};
  const samples: { atSeconds: number; rssKib: number }[] = [];
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1000;
  let sent = 0;
  let underWay = 0;

  const one = async () => {
    underWay++;
    const { kind, authorization } = await traffic.next();
    const code = await show(session, authorization).catch(error => String(error.code ?? error));
    const counts = answers[kind] ?? {};
    answers[kind] = counts;
    counts[code] = (counts[code] ?? 0) + 1;
    underWay--;
  };
  while (elapsed() < seconds) {
    if (server.hasExited()) throw new Error(`the auth server ended: ${server.ended()}`);
    if (session.closed) await reopened();
    const due = Math.floor(elapsed() * perSecond);
    // What a busy machine left undone is not made up for.
    sent = Math.max(sent, due - perSecond);
    for (; sent < due && underWay < MAX_UNDER_WAY; sent++) void one();
    if (elapsed() >= samples.length * sampleEverySeconds) {
      const rssKib = await residentKib(server.pid);
      samples.push({ atSeconds: Math.round(elapsed()), rssKib });
      say(`${Math.round(elapsed())} s: ${Math.round(rssKib / 1024)} MiB`);
    }
    await sleep(10);
  }
  while (underWay > 0) await sleep(10);
  session.destroy();
  return {
    v: 1,
    startedAt,
    seconds,
    perSecond,
    warmUpSeconds,
    loadAtStart,
    answers,
    samples,
    slopeKibPerMinute: slopePerMinute(samples.filter(({ atSeconds }) => atSeconds >= warmUpSeconds)),
    maxRssKib: Math.max(...samples.map(({ rssKib }) => rssKib)),
  };
}
