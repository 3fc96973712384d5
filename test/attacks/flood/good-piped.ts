import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import type { KeyFile } from '@spanpass/credential';
import { tracesRequest } from '../../harness/otlp.ts';
import { passFor } from '../../harness/passes.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const asItIs = (bytes: Buffer) => bytes;

/** What became of one export. */
export interface Exported {
  readonly name: string;
  readonly ms: number;
  readonly code: grpc.status;
  readonly message: string;
}

/** What Envoy says by itself when the auth server's answer did not come in time; the auth server's own words differ. */
const CHECK_TOOK_TOO_LONG = 'authorization unavailable';
const TRIES = 3;

/**
 * A piped that exports a span every 20 ms until it is told to stop, and has a fresh pass each second, so that not all of
 * its answers come from a memory of decisions. Where a busy machine took too long for a check it tries again, as exporters
 * do; what the auth server itself says is final.
 */
export async function keepExporting(
  port: number,
  keyFile: KeyFile,
  prefix: string,
  signal: AbortSignal,
): Promise<Exported[]> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const exports: Promise<Exported>[] = [];
  let pass = '';
  for (let at = 0; !signal.aborted; at++) {
    if (at % 50 === 0) pass = await passFor(keyFile);
    exports.push(send(client, `${prefix} ${at}`, pass));
    await sleep(20);
  }
  const all = await Promise.all(exports);
  client.close();
  return all;
}

async function send(client: grpc.Client, name: string, pass: string): Promise<Exported> {
  const startedAt = performance.now();
  for (let tries = 1; ; tries++) {
    const exported = await sendOnce(client, name, pass, startedAt);
    if (exported.message !== CHECK_TOOK_TOO_LONG || tries === TRIES) return exported;
  }
}

function sendOnce(client: grpc.Client, name: string, pass: string, startedAt: number): Promise<Exported> {
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${pass}`);
  const deadline = Date.now() + 30_000;
  const body = Buffer.from(tracesRequest(name));
  return new Promise(resolve =>
    client.makeUnaryRequest(EXPORT, asItIs, asItIs, body, metadata, { deadline }, error =>
      resolve({
        name,
        ms: performance.now() - startedAt,
        code: error?.code ?? grpc.status.OK,
        message: error?.details ?? '',
      }),
    ),
  );
}
