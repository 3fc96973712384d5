import { z } from 'zod';
import { gatewayDefaults } from '../defaults.ts';
import { certificateHasKey, checkDoors, endpoints, listen, milliseconds, upstream } from '../doors-options.ts';
import { sharedNames } from '../names.ts';

/** As nginx sees it; without what its configuration would read otherwise. */
const filePath = z
  .string()
  .max(4096)
  .regex(/^[^\s"'\\;{}$]+$/, 'must be a path without blanks, quotes, backslashes, semicolons, braces and dollar signs');

const { projectHeader, pipedHeader, gatewayHeader } = sharedNames;

export const nginxOptions = z
  .strictObject({
    listen,
    /** The gateway's own certificate; `clientCaFile` makes it demand one of the client too. */
    tls: z.strictObject({ certFile: filePath, keyFile: filePath, clientCaFile: filePath.optional() }).optional(),
    /** Passes in clear text beyond loopback: only where something else protects the way here. */
    allowPlaintext: z.boolean().default(false),
    /** Checks carry credentials: have TLS wherever the auth server is beyond loopback. */
    auth: z
      .strictObject({
        endpoints: endpoints.prefault([gatewayDefaults.authHttpEndpoint]),
        tls: z
          .strictObject({
            caFile: filePath,
            /** The name that an auth server's certificate must carry. */
            serverName: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, 'must be a host name or an IP address'),
            certFile: filePath.optional(),
            keyFile: filePath.optional(),
          })
          .refine(...certificateHasKey)
          .optional(),
      })
      .prefault({}),
    upstream,
    projectHeader,
    pipedHeader,
    gatewayHeader,
    /** A file with the one line `default "Bearer TOKEN";`: the token by which the Collector knows the gateway. */
    gatewayTokenFile: filePath.default('spanpass-gateway-token.conf'),
    timeouts: z
      .strictObject({
        /** One whole check, all its tries. */
        checkMs: milliseconds.default(5_000),
        connectMs: milliseconds.default(500),
        /** One export upstream: below the 10 s after which the exporters give up. */
        exportMs: milliseconds.default(9_000),
      })
      .prefault({}),
    /** JSON lines, with who was identified or why not. */
    accessLog: z.boolean().default(true),
    /** The longest export, in bytes as it comes. */
    maxBodyBytes: z.int().min(1).max(1_000_000_000).default(20_971_520),
    /** Connections at a time in each worker process, those to the auth server and upstream among them. */
    maxConnections: z.int().min(16).max(1_000_000).default(8_192),
  })
  .superRefine(checkDoors);

/** What {@link nginxConfig} takes; all of it has a default. Endpoints are `host:port`. */
export type NginxOptions = z.input<typeof nginxOptions>;

/** The same after validation, with defaults filled in and endpoints parsed. */
export type NginxSettings = z.output<typeof nginxOptions>;
