import type { TracerProvider } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ForwardedCertificateOptions } from '../authenticators/mtls/forwarded-certificate.ts';
import type { Authenticator, Server } from '../contract.ts';
import type { HttpAuthzOptions } from '../http-authz/start-http-authz.ts';
import type { ControlPlaneKeysOptions } from '../keys/control-plane-keys.ts';
import type { ShadowRule } from '../shadow/shadow-rule.ts';
import type { TlsOptions } from '../tls/options.ts';

/**
 * Who is asked for a pass, in this order. `piped-jwt` stands for the one that takes keys from the control plane,
 * `pipecd-key` for the one that takes PipeCD's keys from there.
 */
export type Chain = readonly ('piped-jwt' | 'pipecd-key' | Authenticator)[];

/** A rule to try beside the deciding ones: another chain, another audience for it, or other scopes for everybody. */
export interface ShadowRules extends Omit<ShadowRule, 'authenticators'> {
  /** Authenticators of its own, but for `piped-jwt`. Whatever they hold open is their maker's to close. */
  readonly authenticators?: Chain;
  /** The `aud` that `piped-jwt` asks for in that chain. Default the deciding one's. */
  readonly gatewayAudience?: string;
}

/** By which rules checks are decided: what can change while the server runs. */
export interface AuthServerRules {
  /** This gateway's id, the `aud` of credentials for it. Default `spanpass-gateway`. */
  readonly gatewayAudience?: string;
  /**
   * Who is asked for a pass, in this order. `piped-jwt` stands for the one that takes keys from the control plane,
   * `pipecd-key` for the one that takes PipeCD's own keys from there. Default `piped-jwt` alone. Whatever else an authenticator holds open is its maker's to close.
   */
  readonly authenticators?: Chain;
  /** Proxies that are believed what they say of their clients' certificates, and over HTTP of their addresses. Default none. */
  readonly forwardedCertificates?: ForwardedCertificateOptions;
  /** Tried on each request after it was answered, counted and logged; it changes no answer. Default none. */
  readonly shadow?: ShadowRules;
}

export type GrpcTransport = 'grpc-js' | 'http2';

export interface AuthServerOptions extends AuthServerRules {
  /** The control plane to ask for keys, and how. */
  readonly controlPlane: Omit<
    ControlPlaneKeysOptions,
    'observer' | 'onFreshness' | 'onFeedProblem' | 'onLookupFailure' | 'onSnapshot' | 'onAuditHead'
  >;
  /** Verified credentials to remember. Default 10,000. */
  readonly maxDecisions?: number;
  /**
   * Whether other threads verify the signatures that find no time in their turn of the event loop; else they wait for one of
   * the next turns, which costs less. Default `true` with more than one core: have it `false` where each core has a process.
   */
  readonly verificationThreads?: boolean;
  /**
   * How often the control plane is told which keys were used and what was refused of whom, in milliseconds. Default
   * 30,000.
   */
  readonly usageReportEveryMs?: number;
  /** Where Envoy asks. Default `127.0.0.1`, port 9086; port 0 takes any. */
  readonly host?: string;
  readonly port?: number;
  /**
   * What speaks gRPC there: `grpc-js`, or `http2`, which takes less processor time and knows no more of gRPC than Envoy uses
   * (unary calls without compression). Default `grpc-js`.
   */
  readonly grpcTransport?: GrpcTransport;
  /**
   * Where Envoy, nginx and Traefik ask over HTTP; `false` for nowhere. Default `127.0.0.1`, port 9087, in all three
   * dialects; with the same certificate.
   */
  readonly http?: Pick<HttpAuthzOptions, 'host' | 'port' | 'dialects' | 'maxConnections'> | false;
  /** Certificate of the ports that answer checks. Default clear text: for loopback, or where a mesh protects the way. */
  readonly tls?: TlsOptions;
  /** `/metrics`, `/healthz` and `/readyz`; `false` for none. Default `127.0.0.1`, port 9464, in clear text. */
  readonly metrics?: { readonly host?: string; readonly port?: number; readonly tls?: TlsOptions } | false;
  /**
   * Whether the ports of checks are shared with the other workers of a node:cluster, which this process is one of. Default
   * false: they are this process's own.
   */
  readonly sharedPorts?: boolean;
  /**
   * How long the server still answers, in milliseconds, after health and `/readyz` said that it stops, so that whoever
   * asks looks elsewhere in time. Default 0.
   */
  readonly drainDelayMs?: number;
  /** How long checks under way may take when the server stops, in milliseconds. Default 10,000. */
  readonly drainTimeoutMs?: number;
  /** Makes a span of each check, in the caller's trace. Default none. Whoever made it flushes and closes it. */
  readonly tracerProvider?: TracerProvider;
  /** Where the documentation is found, for the links in logs. Default `docs/`, where the repository has it. */
  readonly docsUrl?: string;
  /** Default: JSON lines on standard output. */
  readonly logger?: Logger;
}

/** As prom-client has them. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

export interface AuthServer extends AsyncDisposable {
  readonly server: Server;
  /** The same for a receiver in this process that tells nobody: its checks are counted, and the use of keys reported. */
  readonly observedServer: Server;
  /** `host:port` of the ext_authz service and of gRPC health. */
  readonly grpcAddress: string;
  /** `host:port` of checks over HTTP. */
  readonly httpAddress?: string;
  /** `host:port` of metrics and probes. */
  readonly metricsAddress?: string;
  /** What `/readyz` says. */
  readonly isReady: boolean;
  /** What `/metrics` says, to be merged with that of other processes. */
  metricValues(): Promise<MetricValues>;
  /**
   * Goes on by other rules, and with other certificates, without dropping a check or a connection. All of it is taken,
   * or nothing. Resolves when no check is answered by the former rules any more: whatever they held open can be closed.
   * One reload at a time: a function is asked for the changes when it is its turn, and what it throws is passed on.
   *
   * @throws TypeError for rules that can't be meant
   * @throws TlsError for a certificate that can't be used
   */
  reload(changes: AuthServerChanges | (() => Promise<AuthServerChanges>)): Promise<void>;
}

export interface AuthServerChanges extends AuthServerRules {
  /** Without it the same files are read again. Whether there is TLS at all, and a client CA, can't change. */
  readonly tls?: TlsOptions;
  readonly metricsTls?: TlsOptions;
}
