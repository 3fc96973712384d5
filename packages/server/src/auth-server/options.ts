import type { Logger } from 'pino';
import type { ForwardedCertificateOptions } from '../authenticators/mtls/forwarded-certificate.ts';
import type { Authenticator, Server } from '../contract.ts';
import type { ControlPlaneKeysOptions } from '../keys/control-plane-keys.ts';

export interface AuthServerOptions {
  /** The control plane to ask for keys, and how. */
  readonly controlPlane: Omit<
    ControlPlaneKeysOptions,
    'observer' | 'onFreshness' | 'onFeedProblem' | 'onLookupFailure'
  >;
  /** This gateway's id, the `aud` of credentials for it. Default `spanpass-gateway`. */
  readonly gatewayAudience?: string;
  /**
   * Who is asked for a pass, in this order. `piped-jwt` stands for the one that takes keys from the control plane.
   * Default that one alone. Whatever else an authenticator holds open is its maker's to close.
   */
  readonly authenticators?: readonly ('piped-jwt' | Authenticator)[];
  /** Proxies whose `x-forwarded-client-cert` is believed. Default: the header is not looked at. */
  readonly forwardedCertificates?: ForwardedCertificateOptions;
  /** Where Envoy asks. Default `127.0.0.1`, port 9086; port 0 takes any. */
  readonly host?: string;
  readonly port?: number;
  /** `/metrics`, `/healthz` and `/readyz`; `false` for none. Default `127.0.0.1`, port 9464. */
  readonly metrics?: { readonly host?: string; readonly port?: number } | false;
  /** How long checks under way may take when the server stops, in milliseconds. Default 10,000. */
  readonly drainTimeoutMs?: number;
  /** Default: JSON lines on standard output. */
  readonly logger?: Logger;
}

export interface AuthServer extends AsyncDisposable {
  readonly server: Server;
  /** `host:port` of the ext_authz service and of gRPC health. */
  readonly grpcAddress: string;
  /** `host:port` of metrics and probes. */
  readonly metricsAddress?: string;
}
