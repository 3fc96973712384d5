import { DEFAULT_GATEWAY_AUDIENCE } from '@spanpass/credential';
import { z } from 'zod';
import { gatewayDefaults } from '../defaults.ts';
import { certificateHasKey, checkDoors, endpoints, listen, milliseconds, upstream } from '../doors-options.ts';
import { port } from '../endpoint.ts';
import { sharedNames } from '../names.ts';

const filePath = z.string().min(1).max(4096);

/** TLS to the auth server: whom to trust, and what to show where it asks. Paths as Envoy sees them. */
const authTls = z
  .strictObject({
    /** Certificates of those who sign the auth servers'. */
    caFile: filePath,
    /** Envoy's own certificate, where the auth server has a `clientCaFile`. */
    certFile: filePath.optional(),
    keyFile: filePath.optional(),
    /** Names of which an auth server's certificate must carry one. Default the hosts of the endpoints. */
    serverNames: z.array(z.string().min(1).max(253)).min(1).max(64).optional(),
  })
  .refine(...certificateHasKey);

/**
 * Workers of each auth server that have ports of their own (`workerPorts: own`): each is an endpoint, two ports above the one
 * before. So each is asked by every thread of Envoy, and watched for itself.
 */
const workers = z.int().min(1).max(256).default(1);

/** Checks carry credentials: have TLS wherever the auth server is beyond loopback. */
const secured = { tls: authTls.optional() };

/** An issuer is compared to the letter. */
const issuer = z.url({ protocol: /^https?$/ }).regex(/^[^?#@]*[^/?#@]$/, 'must not end with a slash, nor hold a query');

/**
 * Where Checks go, and how they ask: ext_authz over gRPC, or over HTTP in the auth server's dialect for Envoy. Or nobody
 * is asked: `jwt` verifies access tokens that the control plane issued, by its public keys, which are fetched now and then.
 */
const auth = z.discriminatedUnion('mode', [
  z.strictObject({
    mode: z.literal('grpc'),
    endpoints: endpoints.prefault([gatewayDefaults.authGrpcEndpoint]),
    workers,
    ...secured,
  }),
  z.strictObject({
    mode: z.literal('http'),
    endpoints: endpoints.prefault([gatewayDefaults.authHttpEndpoint]),
    workers,
    ...secured,
  }),
  z.strictObject({
    mode: z.literal('jwt'),
    /** Where the control plane is reached. */
    endpoints: endpoints.prefault([gatewayDefaults.controlPlaneEndpoint]),
    ...secured,
    /** As the control plane calls itself in its tokens. */
    issuer: issuer.default(`http://${gatewayDefaults.controlPlaneEndpoint}`),
    audience: z.string().min(1).max(256).default(DEFAULT_GATEWAY_AUDIENCE),
    /** How old the public keys may be. The control plane shows a key for ten minutes before it signs. */
    keyMaxAgeMs: milliseconds.min(1000).max(300_000).default(60_000),
    /** Tokens whose signature need not be verified again until they end, not even by a key that was withdrawn. 0: none. */
    maxCachedTokens: z.int().min(0).max(1_000_000).default(10_000),
  }),
]);

export const envoyOptions = z
  .strictObject({
    listen,
    /** The gateway's own certificate; `clientCaFile` makes it demand one of the client too. Paths as Envoy sees them. */
    tls: z.strictObject({ certFile: filePath, keyFile: filePath, clientCaFile: filePath.optional() }).optional(),
    /** Passes in clear text beyond loopback: only where something else protects the way here. */
    allowPlaintext: z.boolean().default(false),
    auth: auth.prefault({ mode: 'grpc' }),
    upstream,
    ...sharedNames,
    clusterTimeouts: z
      .strictObject({
        /** One whole Check, all its tries. */
        checkMs: milliseconds.default(5_000),
        authConnectMs: milliseconds.default(250),
        /** One whole export upstream, all its tries: below the 10 s after which the exporters give up. */
        exportMs: milliseconds.default(9_000),
        upstreamConnectMs: milliseconds.default(500),
      })
      .prefault({}),
    /** JSON lines on stdout, with who was identified or why not. */
    accessLog: z.boolean().default(true),
    /** Envoy's admin interface on loopback; it shows and changes everything, so it is off unless asked for. */
    adminPort: port.optional(),
    /** Client connections at a time; more are refused. */
    maxConnections: z.int().min(1).max(1_000_000).default(10_000),
  })
  .superRefine(checkDoors);

/** What {@link envoyConfig} takes; all of it has a default. Endpoints are `host:port`. */
export type EnvoyOptions = z.input<typeof envoyOptions>;

/** The same after validation, with defaults filled in and endpoints parsed. */
export type EnvoySettings = z.output<typeof envoyOptions>;

export type JwtSettings = Extract<EnvoySettings['auth'], { mode: 'jwt' }>;
