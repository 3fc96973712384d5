import { status } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { createClient } from './client.ts';
import { explainOtlpHeaders } from './otlp-headers.ts';
import { exportSpan } from './testing/export-span.ts';
import { createPiped } from './testing/fixture.ts';
import { startOtlpServer } from './testing/otlp-grpc-server.ts';

const TRACES = 'https://127.0.0.1/opentelemetry.proto.collector.trace.v1.TraceService';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

it('explains, once, what the stock exporter fails with when the environment sets authorization too', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-team=a, Authorization =Basic%20abc');
  const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
  const { keyFile } = await createPiped();
  const server = await startOtlpServer();
  const url = `http://127.0.0.1:${server.port}`;
  const exporter = new OTLPTraceExporter({ url, credentials: createClient({ keyFile }).credentialsFor(url) });
  onTestFinished(() => exporter.shutdown());
  for (let times = 0; times < 2; times++) {
    const { error } = await exportSpan(exporter);
    expect(error).toMatchObject({
      code: status.INTERNAL,
      details: '"authorization" metadata cannot have multiple values',
    });
  }
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn).toHaveBeenCalledWith(
    expect.stringMatching(/^OTEL_EXPORTER_OTLP_HEADERS sets authorization, .*: take authorization out of/),
    { type: 'SpanpassWarning', code: 'SPANPASS_AUTHORIZATION_TWICE' },
  );
});

it.each([
  ['another signal', TRACES, { OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'authorization=Basic%20abc' }],
  ['another service', 'https://127.0.0.1/piped.v1.API', { OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=x' }],
  [
    'another header',
    TRACES,
    { OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-authorization=x,authorization-x=y,z=authorization=' },
  ],
  ['nothing', TRACES, {}],
])('says nothing of %s', (_, service, environment) => {
  const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
  explainOtlpHeaders(service, environment);
  expect(warn).not.toHaveBeenCalled();
});

it.each([
  ['trace', 'TRACES'],
  ['metrics', 'METRICS'],
  ['logs', 'LOGS'],
])('knows the variable of %s', (signal, name) => {
  const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
  const variable = `OTEL_EXPORTER_OTLP_${name}_HEADERS`;
  explainOtlpHeaders(`https://127.0.0.1/opentelemetry.proto.collector.${signal}.v1.AnyService`, {
    [variable]: 'authorization=x',
  });
  expect(warn).toHaveBeenCalledWith(expect.stringMatching(new RegExp(`^${variable} sets`)), expect.anything());
});
