import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { pendingIn } from '@spanpass/tracing/durable';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { bytesMethod } from '../harness/bytes-method.ts';
import { tracesRequest } from '../harness/otlp.ts';
import { freePorts } from '../harness/ports.ts';
import { exportOverGrpc } from '../harness/raw-client.ts';
import { startForward } from '../harness/servers.ts';
import { SIGNALS_ON_THE_WIRE } from '../harness/signals.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { bothReleases, type Release } from './releases.ts';
import { startPlane } from './stand.ts';

await describeWithEngine(['previous'], 'a spool and a key file that one version has left', engines => {
  const stage = new Stage();
  let releases: Readonly<Record<Release['name'], Release>>;
  let folder: string;
  let keyFile: string;

  beforeAll(async () => {
    releases = await bothReleases(engines.previous.path);
    folder = await tempDir(stage, 'spools');
    keyFile = join(folder, 'key.json');
    const plane = await startPlane(stage, releases.current, { folder });
    const { enrollmentToken } = await plane.admin.registerPiped({ project: 'shop', piped: 'edge-1' });
    await releases.previous.client.enroll({ controlPlane: plane.url, enrollmentToken, keyFile });
  });
  afterAll(() => stage.dispose());

  it.each([
    ['previous', 'current'],
    ['current', 'previous'],
  ] as const)('of the %s one is sent on by the %s one, byte for byte', async (before, after) => {
    const ports = await freePorts('gateway', 'grpc', 'http');
    const spoolDir = join(folder, `${before}-spool`);
    const settings = {
      ...{ grpcPort: ports.grpc, httpPort: ports.http, keyFile, spoolDir },
      endpoint: `http://127.0.0.1:${ports.gateway}`,
    };
    const first = await startForward(stage, { ...settings, command: releases[before].command });
    const spans = [1, 2, 3].map(number => Buffer.from(tracesRequest(`left by ${before} ${number}`)));
    for (const span of spans) expect(await exportOverGrpc(ports.grpc, span)).toMatchObject({ code: grpc.status.OK });
    await first.stop('SIGKILL');
    expect((await pendingIn(spoolDir)).length).toBeGreaterThan(0);

    const received = await startGateway(stage, ports.gateway);
    await startForward(stage, { ...settings, command: releases[after].command });
    await waitFor('an empty spool', async () => (await pendingIn(spoolDir)).length === 0, 30_000);
    const texts = new Set(received.map(bytes => bytes.toString('base64')));
    expect(spans.filter(span => !texts.has(span.toString('base64')))).toEqual([]);
  });
});

/** Takes what comes on a port that was free. */
async function startGateway(stage: Stage, port: number): Promise<readonly Buffer[]> {
  const received: Buffer[] = [];
  const server = new grpc.Server();
  for (const { grpcPath } of SIGNALS_ON_THE_WIRE) {
    server.addService(
      { Export: bytesMethod(grpcPath) },
      {
        Export(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
          received.push(call.request);
          callback(null, Buffer.alloc(0));
        },
      },
    );
  }
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), error =>
      error === null ? resolve() : reject(error),
    ),
  );
  stage.defer(() => server.forceShutdown());
  return received;
}
