/**
 * `npm run capture -w test`: what a real Envoy with the generated configuration asks the auth server when the stock exporter sends
 * a span, written as the server package's fixture. Run it again when Envoy's version or the generator changes.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { engine } from '../engines/index.ts';
import { repoRoot } from '../engines/root.ts';
import { startEnvoy } from './envoy.ts';
import { exportSpan } from './export.ts';
import { startRawAuthServer } from './raw-auth-server.ts';
import { Stage } from './stage.ts';

/** Looks like a credential, opens nothing. */
const dummy = 'Bearer eyJhbGciOiJFUzI1NiJ9.eyJwcm9qZWN0IjoiZXhhbXBsZSJ9.bm90LWEtc2lnbmF0dXJl';

/** CheckResponse{status: {code: 16}}, enough to end the call. */
const refusal = Buffer.from([0x0a, 0x02, 0x08, 0x10]);

async function capture(stage: Stage): Promise<string> {
  const envoy = await engine('envoy');
  const auth = await startRawAuthServer(stage, refusal);
  const gateway = await startEnvoy(stage, envoy, { auth: { mode: 'grpc', endpoints: [auth.endpoint] } }, 'unused');

  const metadata = new Metadata();
  metadata.set('authorization', dummy);
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${gateway.grpcPort}`, metadata });
  await exportSpan(exporter, 'Deploy');
  await exporter.shutdown();

  const request = auth.requests[0];
  if (request === undefined) throw new Error(`Envoy asked nothing; its output:\n${gateway.process.output()}`);
  const path = join(repoRoot, 'packages/server/src/ext-authz/fixtures', `check-request.envoy-${envoy.version}.bin`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, request);
  return `${request.length} bytes written to ${path}`;
}

const stage = new Stage();
try {
  process.stdout.write(`${await capture(stage)}\n`);
} finally {
  await stage.dispose();
}
