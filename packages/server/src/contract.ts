import type { Signal } from '@spanpass/credential';
import type { AuthenticationError } from './refusals.ts';

/** What is known of a request when it is checked. Header names are lower case; a header sent twice is a list. */
export interface CheckedRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The HTTP method; `POST` for gRPC. */
  readonly method: string;
  /** The path, with the query if there is one: `/v1/traces`, or a gRPC method's `/package.Service/Method`. */
  readonly path: string;
  readonly peer: Peer;
}

/** Who is at the other end of the connection that the request came by. */
export interface Peer {
  readonly address: string;
  readonly certificate?: PeerCertificate;
  /** The address that a proxy at `address` says its client has. Of trusted hops only it is believed. */
  readonly unverifiedClientAddress?: string;
}

/** The client's certificate, as the party that ended its TLS connection verified it. */
export interface PeerCertificate {
  /** SPIFFE URI, else another subject alternative name. */
  readonly principal: string;
  /** base64url SHA-256 of the DER form (RFC 8705 `x5t#S256`). */
  readonly thumbprint?: string;
}

/** Who was found behind a credential. */
export interface Principal {
  readonly project: string;
  readonly piped: string;
  /** The kid, for signed credentials. */
  readonly credentialId: string;
  /** Name of the authenticator that vouches for this. */
  readonly authenticator: string;
  readonly scopes: readonly Signal[];
  /** When the credential ends, NumericDate seconds. */
  readonly expiresAt: number;
}

/** As much of a principal as a refusal may name. */
export type Owner = Pick<Principal, 'project' | 'piped' | 'credentialId'>;

/** The Collector's `extensionauth.Server`: a known answer needs no promise. */
export interface Server {
  /** @throws AuthenticationError (or rejects with it) when the request is refused */
  authenticate(request: CheckedRequest, signal?: AbortSignal): Principal | Promise<Principal>;
}

/**
 * One way to turn a request into facts about its sender. "Not mine" lets the next authenticator try; "refused" ends
 * the search.
 */
export interface Authenticator {
  /** Short and stable: metrics and principals carry it. */
  readonly name: string;
  /**
   * What the outcome depends on. `authorization`: on nothing of the request but that header, so that equal values may
   * be answered from memory, and a value that was once not mine never will be. `request`: it is asked on each check.
   */
  readonly restsOn: 'authorization' | 'request';
  /** Whatever it throws refuses the request: an AuthenticationError with its code, anything else as `internal_error`. */
  authenticate(request: CheckedRequest, signal: AbortSignal): AuthenticatorOutcome | Promise<AuthenticatorOutcome>;
  /**
   * The same, for whoever asks often: the outcome where it is at hand, without a signal and its timer, else how to wait
   * for it. It is asked instead of `authenticate` where it is there.
   */
  begin?(request: CheckedRequest): AuthenticatorOutcome | AwaitOutcome;
  /** How much of its slow work is under way, and how much waits for its turn, where it keeps a queue. For metrics. */
  queue?(): { readonly running: number; readonly waiting: number };
}

/**
 * Waits for an outcome. Whatever it throws, or rejects with, refuses the request. Who asked may give up before it is
 * there: that ends nothing but his own waiting.
 */
export type AwaitOutcome = () => AuthenticatorOutcome | Promise<AuthenticatorOutcome>;

export type AuthenticatorOutcome =
  | { readonly kind: 'authenticated'; readonly facts: VerifiedFacts; readonly signature?: SignatureResult }
  | { readonly kind: 'refused'; readonly error: AuthenticationError; readonly signature?: SignatureResult }
  /** `closest` says what kept the credential from being mine: the answer if nobody else takes it. */
  | { readonly kind: 'not-mine'; readonly closest?: AuthenticationError };

/** What came of a signature, where one was looked at for this outcome. For metrics. */
export type SignatureResult = 'valid' | 'invalid';

/** What was verified, and nothing about one request: a decision is made from it anew on each check. */
export interface VerifiedFacts {
  readonly principal: Principal;
  /** Certificate that the credential is bound to (`cnf` `x5t#S256`). */
  readonly certificateThumbprint?: string | undefined;
  /**
   * Whether all that the facts rest on (key record, piped, project, times) is as it was when they were verified. When
   * it is not, or can't be told, the authenticator is asked again, and it finds the reason.
   */
  stillHolds(nowSeconds: number): boolean;
}
