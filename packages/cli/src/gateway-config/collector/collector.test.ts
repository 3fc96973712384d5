import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { collectorConfig } from '../index.ts';
import type { CollectorOptions } from './options.ts';

// biome-ignore lint/suspicious/noExplicitAny: the shape is the Collector's; a wrong path in a test fails by itself.
type Loose = any;

function generate(options?: CollectorOptions): Loose {
  return parse(collectorConfig(options));
}

describe('the defaults', () => {
  const config = generate();

  it('take only what carries the token from the environment', () => {
    for (const protocol of Object.values<Loose>(config.receivers.otlp.protocols)) {
      expect(protocol.auth).toEqual({ authenticator: 'bearertokenauth/gateway' });
      expect(protocol.include_metadata).toBe(true);
      expect(protocol.endpoint).toMatch(/^127\.0\.0\.1:1431[78]$/);
    }
    expect(config.extensions['bearertokenauth/gateway']).toEqual({
      header: 'x-gateway-auth',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the Collector expands it.
      token: '${env:GATEWAY_TOKEN}',
    });
    expect(config.service.extensions).toEqual(['bearertokenauth/gateway', 'file_storage/queue']);
  });

  it('delete every copy of the identity before they stamp it', () => {
    const { attributes } = config.processors['resource/identity'];
    const [first, ...rest] = attributes;
    expect(first.action).toBe('delete');
    expect(first.key).toBeUndefined();
    const pattern = new RegExp(first.pattern.replace('(?i)', ''), 'i');
    for (const key of ['project-id', 'Project-ID', 'piped-id', 'service.namespace', 'service.instance.id']) {
      expect(pattern.test(key), key).toBe(true);
    }
    expect(pattern.test('service-namespace')).toBe(false);
    expect(pattern.test('service.name')).toBe(false);
    expect(rest.map((each: Loose) => [each.action, each.key, each.from_context ?? each.value])).toEqual([
      ['upsert', 'project-id', 'metadata.x-spanpass-project'],
      ['upsert', 'service.namespace', 'metadata.x-spanpass-project'],
      ['upsert', 'piped-id', 'metadata.x-spanpass-piped'],
      ['upsert', 'service.instance.id', 'metadata.x-spanpass-piped'],
      ['insert', 'project-id', '!unidentified'],
    ]);
  });

  it('acknowledge nothing from memory', () => {
    expect(collectorConfig()).not.toContain('batch');
    for (const exporter of Object.values<Loose>(config.exporters)) {
      expect(exporter.sending_queue.storage).toBe('file_storage/queue');
      expect(exporter.retry_on_failure.max_elapsed_time).toBe('0s');
    }
    expect(config.extensions['file_storage/queue'].fsync).toBe(true);
  });

  it('have a pipeline for each signal, the identity in each', () => {
    expect(Object.keys(config.service.pipelines)).toEqual(['traces', 'metrics', 'logs']);
    for (const pipeline of Object.values<Loose>(config.service.pipelines)) {
      expect(pipeline.processors).toEqual(['memory_limiter', 'resource/identity']);
      expect(pipeline.exporters).toEqual(['otlp_grpc/1']);
    }
  });
});

describe('options', () => {
  it('reach their places', () => {
    const config = generate({
      listen: { grpc: '[::1]:1', http: 'otel.internal:2' },
      exportTo: [
        { protocol: 'http', endpoint: 'https://tempo.example:4318', encoding: 'json' },
        { protocol: 'grpc', endpoint: 'jaeger.example:4317' },
      ],
      extraExporters: { 'debug/loud': { verbosity: 'detailed' } },
      signals: ['traces'],
      queueDirectory: '/var/queue',
      queueMaxBytes: 2 ** 30,
      memoryLimitMib: 100,
      healthCheck: '127.0.0.1:13133',
      projectHeader: 'x-p',
      pipedHeader: 'x-d',
    });
    expect(config.receivers.otlp.protocols.grpc.endpoint).toBe('[::1]:1');
    expect(config.exporters['otlp_http/1'].endpoint).toBe('https://tempo.example:4318');
    expect(config.exporters['otlp_grpc/2'].tls).toEqual({ insecure: false });
    expect(config.exporters['otlp_grpc/2'].sending_queue.queue_size).toBe(2 ** 30);
    expect(config.service.pipelines.traces.exporters).toEqual(['otlp_http/1', 'otlp_grpc/2', 'debug/loud']);
    expect(config.extensions.health_check.endpoint).toBe('127.0.0.1:13133');
    expect(config.extensions['file_storage/queue'].directory).toBe('/var/queue');
    expect(config.processors.memory_limiter.spike_limit_mib).toBe(25);
    expect(JSON.stringify(config)).not.toContain('x-spanpass');
  });

  it.each<[CollectorOptions, string]>([
    [{ exportTo: [] }, 'exportTo: or extraExporters must name at least one backend'],
    [{ exportTo: [{ protocol: 'http', endpoint: 'ftp://x' }] }, 'exportTo.0.endpoint: '],
    [{ exportTo: [{ protocol: 'grpc', endpoint: 'x' }] }, "exportTo.0.endpoint: 'x' is not host:port"],
    [{ extraExporters: { 'no name': {} } }, 'extraExporters.no name: '],
    [{ signals: [] }, 'signals: '],
    [{ queueMaxBytes: -1 }, 'queueMaxBytes: '],
    [{ memoryLimitMib: Number.NaN }, 'memoryLimitMib: '],
  ])('%j is refused by name', (options, message) => {
    expect(() => collectorConfig(options)).toThrow(TypeError);
    expect(() => collectorConfig(options)).toThrow(message);
  });
});
