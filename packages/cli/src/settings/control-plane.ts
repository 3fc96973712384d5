import { tlsSettings } from '@spanpass/server/settings';
import { z } from 'zod';
import { DEFAULT_DATA_DIR } from '../commands/options.ts';
import { logLevel, path, port } from './parts.ts';
import { signInSettings } from './sign-in.ts';

const text = z.string().min(1).max(4096);

/** All that `spanpass control-plane` can be told, in a file or as `SPANPASS_…`. */
export const controlPlaneSettings = z.object({
  host: text.default('127.0.0.1').describe('Where it listens.'),
  port: port.default(9085).describe('Its port; 0 takes any that is free.'),
  tls: tlsSettings
    .omit({ clientCaFile: true })
    .optional()
    .describe('Certificate of that port. Tokens and keys travel there: set it beyond loopback, or have a proxy do so.'),
  dataDir: path.default(DEFAULT_DATA_DIR).describe('The embedded database, and the tokens made at the first start.'),
  databaseUrl: text
    .optional()
    .describe('`postgresql://…` instead of the embedded database. Secret, where it holds a password.'),
  databaseUrlFile: path.optional().describe('File of that URL, mode 0600.'),
  production: z
    .boolean()
    .optional()
    .describe('Refuses to start without an encryption key. Default: `false`; with a `databaseUrl` it always does.'),
  encryptionKey: text
    .optional()
    .describe(
      'What the signing keys in the database are encrypted with: 32 random bytes in base64; to rotate it the new one, a comma, the old one. Default: made at the first start on the embedded database. Secret.',
    ),
  encryptionKeyFile: path.optional().describe('File of that key, mode 0600.'),
  publicUrl: text.optional().describe('Where pipeds reach it, if not where it listens; goes into key files.'),
  issuer: text
    .optional()
    .describe('Who issues access tokens: the URL under which verifiers reach it. Default: `publicUrl`.'),
  accessTokenLifeSeconds: z.int().optional().describe('Life of an access token. Default: 300, from 10 to 900.'),
  signingKeyLifeSeconds: z
    .int()
    .optional()
    .describe('How long one key signs access tokens before the next takes over. Default: 2592000 (30 days).'),
  gatewayAudience: text.optional().describe("The gateway's id, for credentials. Default: `spanpass-gateway`."),
  keyLifeSeconds: z.int().optional().describe('Life of a new key. Default: 7776000 (90 days).'),
  enrollmentTokenLifeSeconds: z.int().optional().describe('Life of an enrollment token. Default: 3600 (1 h).'),
  renewalOverlapSeconds: z
    .int()
    .optional()
    .describe('How long a key is still good after it was renewed. Default: 600.'),
  adminToken: text.optional().describe('At least 32 characters. Default: made at the first start. Secret.'),
  adminTokenFile: path.optional().describe('File of that token, mode 0600.'),
  authServerToken: text.optional().describe('The same for auth servers. Secret.'),
  authServerTokenFile: path.optional().describe('File of that token, mode 0600.'),
  trustedProxies: z
    .preprocess(list => (typeof list === 'string' ? list.split(/\s*,\s*/) : list), z.array(text))
    .optional()
    .describe('Addresses and networks of proxies whose `x-forwarded-for` is believed. Default: none.'),
  apiRate: z
    .strictObject({
      burst: z.int().min(1).max(1_000_000).describe('At once, after a pause.'),
      perSecond: z.number().positive().max(1_000_000).describe('From then on.'),
    })
    .optional()
    .describe(
      'Calls that one token may make: so many at once, then so many per second. Auth servers are not bounded. Default: `{ burst: 1000, perSecond: 500 }`.',
    ),
  oidc: signInSettings
    .optional()
    .describe('An OpenID Connect provider that people sign in to the console at. Default: none, a token alone.'),
  oidcClientSecret: text
    .optional()
    .describe('What this control plane shows to that provider. Default: none, PKCE alone. Secret.'),
  oidcClientSecretFile: path.optional().describe('File of that secret, mode 0600.'),
  jaegerUrl: text
    .optional()
    .describe('A query API of Jaeger’s, for the deployments in the console: `/api/traces` is added. Default: none.'),
  logLevel: logLevel.describe('JSON lines on standard error, from this level on.'),
});

export type ControlPlaneSettings = z.output<typeof controlPlaneSettings>;
