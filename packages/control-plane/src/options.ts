import { DEFAULT_GATEWAY_AUDIENCE } from '@spanpass/credential';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type SignInOptions, signInOptionsSchema } from './sign-in/options.ts';
import { MAX_ACCESS_TOKEN_LIFE_SECONDS } from './wire/signing-keys.ts';

/** How a control plane runs. Everything has a default. */
export interface ControlPlaneOptions {
  /** Directory of the embedded database and of tokens made here. Default `.spanpass`. */
  readonly dataDir?: string | undefined;
  /** `postgresql://…` of a PostgreSQL server, instead of the embedded database. */
  readonly databaseUrl?: string | undefined;
  /** Default `127.0.0.1`. Beyond loopback, nobody speaks to this without TLS: its own, or that of a proxy in front. */
  readonly host?: string | undefined;
  /** Default 9085; 0 takes any that is free. */
  readonly port?: number | undefined;
  /** Its own certificate. Default clear text. */
  readonly tls?: ListenerTls | undefined;
  /**
   * Refuses to start without an encryption key, instead of making one in the data directory. Default: whether there is a
   * `databaseUrl`, which can't be turned off.
   */
  readonly production?: boolean | undefined;
  /**
   * What the signing keys in the database are encrypted with: 32 random bytes in base64. Several, with commas between,
   * rotate it: the first one encrypts, and what the others had encrypted is encrypted anew at the start. Default
   * `SPANPASS_ENCRYPTION_KEY`; else one in `<dataDir>/encryption-key` that is made at the first start. Secret.
   */
  readonly encryptionKey?: string | undefined;
  /** Where pipeds reach this, if not where it listens; goes into key files. */
  readonly publicUrl?: string | undefined;
  /** The gateway's id, the `aud` of credentials for it. Default `spanpass-gateway`. */
  readonly gatewayAudience?: string | undefined;
  /** Who issues access tokens: the URL under which verifiers reach this. Default `publicUrl`, else where it listens. */
  readonly issuer?: string | undefined;
  /** Life of an access token, in seconds. Default 300, from 10 to 900; never longer than that of the piped's key. */
  readonly accessTokenLifeSeconds?: number | undefined;
  /** How long one key signs access tokens before the next one takes over, in seconds. Default 30 days. */
  readonly signingKeyLifeSeconds?: number | undefined;
  /** Life of a new key, in seconds. Default 90 days. */
  readonly keyLifeSeconds?: number | undefined;
  /** Life of an enrollment token, in seconds. Default 3600. */
  readonly enrollmentTokenLifeSeconds?: number | undefined;
  /** How long a key is still good after it was renewed, in seconds. Default 600. */
  readonly renewalOverlapSeconds?: number | undefined;
  /** How often keys whose overlap has ended are looked for. They end in time all the same. Default 60,000 ms. */
  readonly retireEveryMs?: number | undefined;
  /** How often followers are told where the audit stands, if it has grown. Default 10,000 ms. */
  readonly auditHeadEveryMs?: number | undefined;
  /** At least 32 characters. Default `SPANPASS_ADMIN_TOKEN`; else made at the first start. */
  readonly adminToken?: string | undefined;
  /** At least 32 characters. Default `SPANPASS_AUTH_SERVER_TOKEN`; else made at the first start. */
  readonly authServerToken?: string | undefined;
  /** Addresses or networks of proxies whose `x-forwarded-for` is believed. Default none. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Directory of static files to serve at `/`, or `false` for none. Default: the console, where it is built. */
  readonly consoleDir?: string | false | undefined;
  /** An OpenID Connect provider that people sign in to the console at. Default none: they do so with a token alone. */
  readonly oidc?: SignInOptions | undefined;
  /** A query API of Jaeger's, for the deployments in the console: `/api/traces` is added. Default none. */
  readonly jaegerUrl?: string | undefined;
  /** Bounds on `POST /v1/enroll` and `POST /v1/renew` together, per peer address. Default a burst of 60, then 10 per second. */
  readonly enrollRate?: { readonly burst: number; readonly perSecond: number } | undefined;
  /** Bounds on `POST /oauth2/token` per peer address. Default a burst of 500, then 100 per second. */
  readonly exchangeRate?: { readonly burst: number; readonly perSecond: number } | undefined;
  /** Bounds on the access tokens of one key. Default a burst of 20, then 1 per second. */
  readonly exchangeKeyRate?: { readonly burst: number; readonly perSecond: number } | undefined;
  /** Bounds on the calls of one token, unless it is an auth server's. Default a burst of 1000, then 500 per second. */
  readonly apiRate?: { readonly burst: number; readonly perSecond: number } | undefined;
  readonly changeFeed?: ChangeFeedTuning | undefined;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Default: one line of JSON per event, from `info` on, to standard error. */
  readonly logger?: Logger | undefined;
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A certificate and the chain above it, and its key, in PEM. */
export interface ListenerTls {
  readonly cert: string;
  /** Secret. */
  readonly key: string;
  /** The oldest version that is spoken. Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/** The change feed. The defaults are right unless a test says otherwise. */
export interface ChangeFeedTuning {
  /** Default 500 ms. */
  readonly pollMs?: number | undefined;
  /** Default 1000 ms; auth servers take the feed for lost after 3 s of silence. */
  readonly heartbeatMs?: number | undefined;
  /** How many of the newest changes are kept. Default 100,000. */
  readonly keepRows?: number | undefined;
  /** Default 2000. */
  readonly maxFollowers?: number | undefined;
  /** Default 1 MiB. */
  readonly maxBufferedBytes?: number | undefined;
}

const count = (max: number) => z.number().int().min(1).max(max);
const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2048)
  .transform(url => url.replace(/\/+$/, ''));

/** Which is compared to the letter, so that it must have one form only. */
const issuerUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2048)
  .regex(/^[^?#@]*[^/?#@]$/, 'must hold no query, fragment or user, and not end with a slash');

const rate = z.strictObject({ burst: count(100_000), perSecond: z.number().positive().max(100_000) });

const optionsSchema = z.strictObject({
  dataDir: z.string().min(1).default('.spanpass'),
  databaseUrl: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' }).optional(),
  host: z.string().min(1).max(255).default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535).default(9085),
  tls: z
    .strictObject({
      cert: z.string().min(1),
      key: z.string().min(1),
      minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
    })
    .optional(),
  production: z.boolean().default(false),
  encryptionKey: z.string().optional(),
  publicUrl: httpUrl.optional(),
  issuer: issuerUrl.optional(),
  accessTokenLifeSeconds: z.number().int().min(10).max(MAX_ACCESS_TOKEN_LIFE_SECONDS).default(300),
  signingKeyLifeSeconds: z
    .number()
    .int()
    .min(3600)
    .max(365 * 86_400)
    .default(30 * 86_400),
  gatewayAudience: z.string().min(1).max(256).default(DEFAULT_GATEWAY_AUDIENCE),
  keyLifeSeconds: z
    .number()
    .int()
    .min(60)
    .max(10 * 365 * 86_400)
    .default(90 * 86_400),
  enrollmentTokenLifeSeconds: z
    .number()
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(3600),
  renewalOverlapSeconds: z
    .number()
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(600),
  retireEveryMs: count(3_600_000).default(60_000),
  auditHeadEveryMs: count(3_600_000).default(10_000),
  adminToken: z.string().optional(),
  authServerToken: z.string().optional(),
  trustedProxies: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
    .readonly()
    .default([]),
  consoleDir: z.union([z.string().min(1), z.literal(false)]).optional(),
  oidc: signInOptionsSchema.optional(),
  jaegerUrl: httpUrl.optional(),
  enrollRate: rate.default({ burst: 60, perSecond: 10 }),
  exchangeRate: rate.default({ burst: 500, perSecond: 100 }),
  exchangeKeyRate: rate.default({ burst: 20, perSecond: 1 }),
  apiRate: z
    .strictObject({ burst: count(1_000_000), perSecond: z.number().positive().max(1_000_000) })
    .default({ burst: 1000, perSecond: 500 }),
  changeFeed: z
    .strictObject({
      pollMs: count(60_000).default(500),
      heartbeatMs: count(60_000).default(1000),
      keepRows: count(100_000_000).default(100_000),
      maxFollowers: count(100_000).default(2000),
      maxBufferedBytes: count(1 << 30).default(1 << 20),
    })
    .prefault({}),
  now: z.custom<() => number>(value => typeof value === 'function').default(() => Date.now),
  logger: z.custom<Logger>(value => typeof value === 'object' && value !== null).optional(),
  env: z.record(z.string(), z.string().optional()).default(() => process.env),
});

export type Settings = z.output<typeof optionsSchema>;

/** @throws TypeError naming the option at fault, never its value */
export function parseOptions(options: ControlPlaneOptions): Settings {
  const parsed = optionsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TypeError(`${issue?.path.join('.') || 'options'}: ${issue?.message}`);
}
