import { DEFAULT_GATEWAY_AUDIENCE } from '@spanpass/credential';
import { authenticatorsSettings, shadowSettings, tlsSettings } from '@spanpass/server/settings';
import { z } from 'zod';
import { DEFAULT_CONTROL_PLANE, DEFAULT_DATA_DIR } from '../commands/options.ts';
import { host, logLevel, path, port } from './parts.ts';

/** All that `spanpass server` can be told, in a file or as `SPANPASS_…`. */
export const authServerSettings = z.object({
  host: host.default('127.0.0.1').describe('Where Envoy asks.'),
  grpcPort: port.default(9086).describe('ext_authz over gRPC, and gRPC health.'),
  grpcTransport: z
    .enum(['grpc-js', 'http2'])
    .default('grpc-js')
    .describe(
      'What speaks gRPC there: `grpc-js`, or `http2`, which takes less processor time and knows no more of gRPC than Envoy uses (unary calls without compression).',
    ),
  httpHost: host.default('127.0.0.1').describe('Where Envoy, nginx and Traefik ask over HTTP.'),
  httpPort: port
    .or(z.literal(false))
    .default(9087)
    .describe('Checks over HTTP at `/envoy/…`, `/nginx` and `/traefik`; `false` for none.'),
  workers: z
    .literal('auto')
    .or(z.int().min(1).max(256))
    .default(1)
    .describe('Processes that answer checks; `auto`: one for each core that this process may use.'),
  workerPorts: z
    .enum(['shared', 'own'])
    .default('shared')
    .describe(
      'Where several workers listen: all on `grpcPort` and `httpPort`, each connection going to the next of them, or each on ports of its own, two above those of the one before.',
    ),
  httpDialects: z
    .array(z.enum(['envoy', 'nginx', 'traefik']))
    .min(1)
    .optional()
    .describe('Those of the three that are answered. Default: all.'),
  tls: tlsSettings
    .optional()
    .describe('Certificate of the ports that answer checks. Checks carry credentials: set it beyond loopback.'),
  metricsHost: host.default('127.0.0.1').describe('Where `/metrics`, `/healthz` and `/readyz` are.'),
  metricsPort: port.default(9464).describe('Their port.'),
  metricsTls: tlsSettings.optional().describe('Certificate of metrics and probes.'),
  controlPlane: z
    .url({ protocol: /^https?$/ })
    .default(DEFAULT_CONTROL_PLANE)
    .describe('Where keys are asked for.'),
  controlPlaneCaFile: path.optional().describe('Whom to trust as an https control plane. Default: the public CAs.'),
  controlPlaneCertFile: path.optional().describe('Certificate to show to the control plane.'),
  controlPlaneKeyFile: path.optional().describe('Its private key.'),
  authServerToken: z.string().min(16).optional().describe('Token that the control plane knows. Secret.'),
  authServerTokenFile: path
    .optional()
    .describe('File of that token, mode 0600. Default: `auth-server-token` in `dataDir`.'),
  dataDir: path.default(DEFAULT_DATA_DIR).describe('Where a control plane on this machine keeps its tokens.'),
  gatewayAudience: z.string().min(1).max(256).default(DEFAULT_GATEWAY_AUDIENCE).describe("Credentials' `aud` here."),
  authenticators: authenticatorsSettings.describe('Who is asked for a pass, in this order.'),
  shadow: shadowSettings
    .optional()
    .describe('A rule to try on each request after it was answered. It is counted and logged, and changes no answer.'),
  trustedHops: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(256)
    .optional()
    .describe('Addresses and networks of proxies that are believed what they say of their clients. Default: none.'),
  maxStaleMs: z
    .int()
    .min(1)
    .optional()
    .describe('How long keys at hand still serve without the change feed. Default: 900000 (15 min).'),
  maxKeys: z
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Keys to keep at hand: at least as many as pipeds send here. Default: 10000.'),
  maxDecisions: z
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Verified credentials to remember: at least as many as pipeds send here. Default: 10000.'),
  snapshotFile: path
    .optional()
    .describe(
      'Where to keep a signed snapshot of the keys at hand, for a start without the control plane. One file per server.',
    ),
  snapshotKeys: z
    .object({ keys: z.array(z.record(z.string(), z.string())).describe('Public keys, as JWKs.') })
    .optional()
    .describe('JWK Set of the keys that may sign it, as `spanpass control-plane snapshot-key` prints it.'),
  snapshotKeysFile: path.optional().describe('File of that JWK Set.'),
  snapshotEveryMs: z.int().min(1000).optional().describe('How often the snapshot is renewed. Default: 60000.'),
  auditHeadFile: path
    .optional()
    .describe(
      "Where to keep the signed heads of the control plane's audit, for `spanpass audit verify --head`. One file per server.",
    ),
  drainDelayMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(1000)
    .describe('How long a server that stops still answers after health and `/readyz` have said so.'),
  drainTimeoutMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe('How long checks under way may take after that.'),
  tracesEndpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where a span of each check goes, over OTLP. Default: `OTEL_EXPORTER_OTLP_ENDPOINT`, or no spans.'),
  tracesSampleRatio: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Of the checks whose caller does not say, how many get a span. Default: as `OTEL_TRACES_SAMPLER` says, or all.',
    ),
  docsUrl: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .describe(
      'Where the site of this documentation is published, for the links in the log. Default: `docs/`, the files of the repository.',
    ),
  logLevel: logLevel.describe('JSON lines on standard error, from this level on.'),
});

export type AuthServerSettings = z.output<typeof authServerSettings>;

/** What changes while the server runs; anything else needs a restart. */
export const LIVE_SETTINGS = [
  'authenticators',
  'gatewayAudience',
  'shadow',
  'trustedHops',
  'tls',
  'metricsTls',
  'logLevel',
] as const satisfies readonly (keyof AuthServerSettings)[];
