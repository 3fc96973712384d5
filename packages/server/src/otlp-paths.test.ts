import { describe, expect, it } from 'vitest';
import { signalOfPath } from './otlp-paths.ts';

describe('signalOfPath', () => {
  it.each([
    ['/opentelemetry.proto.collector.trace.v1.TraceService/Export', 'traces'],
    ['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', 'metrics'],
    ['/opentelemetry.proto.collector.logs.v1.LogsService/Export', 'logs'],
    ['/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export', 'profiles'],
    ['/v1/traces', 'traces'],
    ['/v1/metrics', 'metrics'],
    ['/v1/logs', 'logs'],
    ['/v1/profiles', 'profiles'],
    ['/v1development/profiles', 'profiles'],
    ['/v1/traces?a=/v1/logs', 'traces'],
    ['/v1/traces?', 'traces'],
  ])('%s brings %s', (path, signal) => {
    expect(signalOfPath(path)).toBe(signal);
  });

  it.each([
    '',
    '/',
    '?/v1/traces',
    '/v1/traces/',
    '//v1/traces',
    '/v1/../v1/traces',
    '/v1/%74races',
    '/V1/traces',
    '/v1/traces#a',
    '/v1/traces\0',
    '/opentelemetry.proto.collector.trace.v1.TraceService/',
    '/opentelemetry.proto.collector.trace.v1.TraceService/Other',
    '/__proto__',
    'constructor',
  ])('%j is no place for telemetry', path => {
    expect(signalOfPath(path)).toBeUndefined();
  });
});
