import { z } from 'zod';
import { gatewayDefaults } from '../defaults.ts';
import { endpoint } from '../endpoint.ts';
import { sharedNames } from '../names.ts';
import type { Yaml } from '../yaml.ts';

/** A component's name in the Collector: `type` or `type/name`. */
const componentId = z.string().regex(/^[a-zA-Z][0-9a-zA-Z_]{0,62}(\/[^\s/]{1,256})?$/, 'must be type or type/name');

const yaml: z.ZodType<Yaml> = z.json();

const backend = z.discriminatedUnion('protocol', [
  z.strictObject({
    protocol: z.literal('grpc'),
    endpoint,
    /** Clear text, for a backend on this machine. */
    insecure: z.boolean().default(false),
  }),
  z.strictObject({
    protocol: z.literal('http'),
    /** The base; `/v1/traces` and so on are appended. */
    endpoint: z.url({ protocol: /^https?$/ }),
    encoding: z.enum(['proto', 'json']).default('proto'),
  }),
]);

export const collectorOptions = z
  .strictObject({
    /** Where Envoy forwards to. */
    listen: z
      .strictObject({
        grpc: endpoint.prefault(gatewayDefaults.upstreamGrpcEndpoint),
        http: endpoint.prefault(gatewayDefaults.upstreamHttpEndpoint),
      })
      .prefault({}),
    /** Where telemetry goes; to all of them. The default is a Jaeger, Tempo or other backend on this machine. */
    exportTo: z
      .array(backend)
      .max(16)
      .readonly()
      .prefault([{ protocol: 'grpc', endpoint: '127.0.0.1:24317', insecure: true }]),
    /** Further exporters, name to configuration, as the Collector's documentation has them; they join each pipeline. */
    extraExporters: z.record(componentId, yaml).default({}),
    signals: z
      .array(z.enum(['traces', 'metrics', 'logs', 'profiles']))
      .min(1)
      .readonly()
      .default(['traces', 'metrics', 'logs']),
    /** Telemetry waits here while a backend is away, also across a restart of the Collector. */
    queueDirectory: z.string().min(1).max(4096).default('.spanpass/collector-queue'),
    /** For each exporter; beyond it the Collector refuses, and the sender tries again. */
    queueMaxBytes: z
      .int()
      .min(1024 * 1024)
      .max(2 ** 40)
      .default(512 * 1024 * 1024),
    memoryLimitMib: z.int().min(32).max(1_048_576).default(512),
    /** `host:port` for the Collector's own health check; off unless given. */
    healthCheck: endpoint.optional(),
    ...sharedNames,
  })
  .refine(options => options.exportTo.length + Object.keys(options.extraExporters).length > 0, {
    path: ['exportTo'],
    error: 'or extraExporters must name at least one backend',
  });

/** What {@link collectorConfig} takes; all of it has a default. */
export type CollectorOptions = z.input<typeof collectorOptions>;

/** The same after validation. */
export type CollectorSettings = z.output<typeof collectorOptions>;
