export { type PipedJwtOptions, pipedJwt } from './authenticators/piped-jwt.ts';
export { bearerToken, soleAuthorization } from './authorization.ts';
export type {
  Authenticator,
  AuthenticatorOutcome,
  CheckedRequest,
  Owner,
  PeerCertificate,
  Principal,
  Server,
  VerifiedFacts,
} from './contract.ts';
export { createServer, type ServerOptions } from './create-server.ts';
export { EXT_AUTHZ_SERVICE, extAuthzService } from './ext-authz/service.ts';
export { authenticateHttp, type HttpRefusal, refusalToHttp } from './http.ts';
export { IDENTITY_HEADERS, identityHeaders, isIdentityHeader } from './identity.ts';
export { type AuthInterceptorOptions, authInterceptor } from './interceptor.ts';
export type { Freshness } from './keys/change-feed.ts';
export { ControlPlaneKeys, type ControlPlaneKeysOptions } from './keys/control-plane-keys.ts';
export type { FeedProblem } from './keys/feed-connection.ts';
export type { KeyQuestion, KeySource } from './keys/key-source.ts';
export type { Decision, LookupResult, Observer } from './observer.ts';
export { ListenError } from './operations/listening.ts';
export { AuthenticationError, REFUSALS, type Refusal, type RefusalCode, type RefusalOutcome } from './refusals.ts';
export { type AuthServer, type AuthServerOptions, startAuthServer } from './start-auth-server.ts';
