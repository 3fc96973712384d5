import { createNoopMeter, type Meter, type ObservableCallback } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { expect, test } from 'vitest';
import { createDurableExport } from './durable-export.ts';
import { GrpcReceiver } from './testing/grpc-receiver.ts';
import { scratchFolder } from './testing/scratch.ts';

/** A meter that is asked by hand, and what it is told. */
function askedMeter() {
  const callbacks = new Map<string, ObservableCallback>();
  const create = (name: string) => ({
    addCallback: (callback: ObservableCallback) => callbacks.set(name, callback),
    removeCallback: () => callbacks.delete(name),
  });
  const meter: Meter = Object.assign(createNoopMeter(), {
    createObservableCounter: create,
    createObservableGauge: create,
  });
  const ask = () => {
    const told: Record<string, unknown> = {};
    for (const [name, callback] of callbacks) {
      callback({
        observe: (value, attributes) => {
          told[attributes ? `${name} ${JSON.stringify(attributes)}` : name] = value;
        },
      });
    }
    return told;
  };
  return { meter, ask };
}

test('a meter is told what is stored, sent and dropped, until the shutdown', async () => {
  using scratch = scratchFolder();
  await using receiver = await GrpcReceiver.start();
  const { meter, ask } = askedMeter();
  const durable = createDurableExport({
    endpoint: `http://127.0.0.1:${receiver.port}`,
    spool: { folder: scratch.path },
    env: {},
    meter,
  });
  const tracer = new BasicTracerProvider({ spanProcessors: [durable.spanProcessor] }).getTracer('test');
  tracer.startSpan('a').end();
  durable.spool.countDrop('too_large', 'traces', 2);
  expect(ask()).toMatchObject({ 'spanpass.spool.appended': 1, 'spanpass.spool.pending': 1, 'spanpass.spool.sent': 0 });
  await durable.spanProcessor.forceFlush();
  expect(ask()).toEqual({
    'spanpass.spool.appended': 1,
    'spanpass.spool.sent': 1,
    'spanpass.spool.dropped {"reason":"too_large"}': 2,
    'spanpass.spool.dead_letters': 0,
    'spanpass.spool.send_failures': 0,
    'spanpass.spool.fsyncs': expect.any(Number),
    'spanpass.spool.pending': 0,
    'spanpass.spool.size': expect.any(Number),
    'spanpass.spool.oldest_age': 0,
  });
  await durable.shutdown();
  expect(ask()).toEqual({});
});
