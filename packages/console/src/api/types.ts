/** What the control plane answers (its `openapi.json`), as far as the console shows it. Times are NumericDate seconds. */
export type Status = 'active' | 'disabled';
export type Role = 'owner' | 'project-admin' | 'viewer' | 'auth-server';

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** Whom the identity provider signed in. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
  readonly email?: string;
}

export interface WaysIn {
  readonly oidc?: { readonly name: string };
}

export interface Session {
  /** Absent for whoever signed in at the identity provider. */
  readonly tokenId?: string;
  readonly person?: Person;
  readonly role: Role;
  /** Absent: all. */
  readonly projects?: readonly string[];
  readonly expiresAt?: number;
}

export interface About {
  readonly publicUrl: string;
  readonly gatewayAudience: string;
  readonly keyLifeSeconds: number;
  readonly enrollmentTokenLifeSeconds: number;
  readonly renewalOverlapSeconds: number;
  readonly accessTokenLifeSeconds: number;
  readonly sessionLifeSeconds: number;
  readonly followers: number;
  readonly revision: number;
  readonly signInAt?: string;
  readonly traces: boolean;
}

export interface Project {
  readonly project: string;
  readonly projectStatus: Status;
  readonly createdAt: number;
}

export interface Refused {
  readonly count: number;
  readonly lastReason: string;
  readonly lastAt: number;
}

export interface Piped {
  readonly project: string;
  readonly piped: string;
  readonly pipedStatus: Status;
  readonly projectStatus: Status;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly keys: number;
  readonly newestKeySince?: number;
  readonly keysEndAt?: number;
  readonly lastSeenAt?: number;
  readonly lastSeenBy: readonly { readonly authenticator: string; readonly lastSeenAt: number }[];
  readonly pipecdKeys: number;
  /** `verified`: a key of the piped had signed; `claimed`: anybody may have sent it. */
  readonly refusals: { readonly verified?: Refused; readonly claimed?: Refused };
}

export interface EnrollmentToken {
  readonly enrollmentToken: string;
  readonly enrollmentTokenExpiresAt: number;
}

export interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly project: string;
  readonly piped: string;
  readonly keyStatus: 'active' | 'retired' | 'revoked';
  readonly notBefore: number;
  readonly notAfter: number;
  readonly lastUsedAt?: number;
}

export interface AuditRow {
  readonly seq: number;
  readonly at: number;
  readonly actor: {
    readonly role: string;
    readonly tokenId?: string;
    readonly person?: Person;
    readonly peerAddress?: string;
  };
  readonly action: string;
  readonly target: {
    readonly project?: string;
    readonly piped?: string;
    readonly kid?: string;
    readonly tokenId?: string;
  };
  readonly hash: string;
  readonly revision: number;
  readonly atMs: number;
}

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly projects?: readonly string[];
  readonly tokenState: 'active' | 'expired' | 'revoked';
  readonly settled: boolean;
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly lastUsedAt?: number;
}

export interface Deployment {
  readonly traceId: string;
  readonly name: string;
  readonly project: string;
  readonly piped: string;
  readonly version: string;
  readonly deploymentId: string;
  readonly application: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome: 'success' | 'failed' | 'running';
  readonly spans: number;
}

export interface Span {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Trace {
  readonly deployment: Deployment;
  readonly spans: readonly Span[];
}
