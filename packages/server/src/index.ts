export type {
  ConnectionBounds,
  GrpcListener,
  GrpcListenerOptions,
} from './auth-server/grpc-listener.ts';
export { startHttp2Listener } from './auth-server/http2-listener.ts';
export type {
  AuthServer,
  AuthServerChanges,
  AuthServerOptions,
  AuthServerRules,
  GrpcTransport,
} from './auth-server/options.ts';
export {
  boundToCertificate,
  type CertificateBindingOptions,
} from './authenticators/mtls/bound-to-certificate.ts';
export { certificateThumbprint, peerCertificate } from './authenticators/mtls/certificate.ts';
export {
  type ForwardedCertificateOptions,
  withForwardedCertificates,
} from './authenticators/mtls/forwarded-certificate.ts';
export { type MtlsOptions, mtls } from './authenticators/mtls.ts';
export { type ClaimMapping, type ClaimPath, type OidcOptions, oidc } from './authenticators/oidc.ts';
export { type ExportedPiped, parsePipecdExport } from './authenticators/pipecd/export.ts';
export { type PipecdFile, type PipecdFileOptions, pipecdFile } from './authenticators/pipecd/file-source.ts';
export { isBcryptHash, type PipecdRecord } from './authenticators/pipecd/record.ts';
export { type PipecdKeyOptions, pipecdKey } from './authenticators/pipecd-key.ts';
export { type PipedJwtOptions, pipedJwt } from './authenticators/piped-jwt.ts';
export type { PipedRecord, PipedSource } from './authenticators/piped-source.ts';
export { bearerToken, soleAuthorization } from './authorization.ts';
export type {
  Authenticator,
  AuthenticatorOutcome,
  CheckedRequest,
  Owner,
  Peer,
  PeerCertificate,
  Principal,
  Server,
  VerifiedFacts,
} from './contract.ts';
export { type CheckingServer, createServer, type QueueDepth, type ServerOptions } from './create-server.ts';
export { EXT_AUTHZ_SERVICE } from './ext-authz/check-answerer.ts';
export { extAuthzService } from './ext-authz/service.ts';
export { type FollowedFiles, type FollowOptions, followFiles } from './files/follow-files.ts';
export { authenticateHttp, type HttpRefusal, refusalToHttp } from './http.ts';
export { HTTP_DIALECTS, type HttpDialect } from './http-authz/dialects.ts';
export { type HttpAuthz, type HttpAuthzOptions, startHttpAuthz } from './http-authz/start-http-authz.ts';
export { IDENTITY_HEADERS, identityHeaders, isIdentityHeader } from './identity.ts';
export { type AuthInterceptorOptions, authInterceptor } from './interceptor.ts';
export type { Freshness } from './keys/change-feed.ts';
export { ControlPlaneKeys, type ControlPlaneKeysOptions } from './keys/control-plane-keys.ts';
export type { FeedProblem } from './keys/feed-connection.ts';
export type { KeyQuestion, KeySource } from './keys/key-source.ts';
export type { SnapshotEvent, SnapshotProblem } from './keys/snapshot/snapshot-event.ts';
export { type AuthFetchOptions, authFetch, type FetchHandler } from './middleware/fetch.ts';
export { type AuthMiddleware, type AuthMiddlewareOptions, authMiddleware } from './middleware/node-http.ts';
export { principalOf } from './middleware/principal-of.ts';
export { type Caller, type Decision, joinObservers, type LookupResult, type Observer } from './observer.ts';
export { checkSpans } from './operations/check-spans.ts';
export { assertListenable, ListenError } from './operations/listening.ts';
export { createMetrics, type MetricSources } from './operations/metrics.ts';
export { DEFAULT_DOCS_URL, linkTo } from './operations/refusal-log.ts';
export { AuthenticationError, REFUSALS, type Refusal, type RefusalCode, type RefusalOutcome } from './refusals.ts';
export { type OpenAuthenticators, openAuthenticators } from './settings/open-authenticators.ts';
export { type OpenShadow, openShadow } from './settings/open-shadow.ts';
export type { ShadowResult, ShadowRule } from './shadow/shadow-rule.ts';
export { startAuthServer } from './start-auth-server.ts';
export { createHttpServer, grpcCredentials } from './tls/listeners.ts';
export {
  TlsError,
  type TlsErrorCode,
  type TlsFiles,
  type TlsOptions,
  type TlsTexts,
  type TlsVersion,
} from './tls/options.ts';
export { openTls, type TlsChange, type TlsSource, type TlsSourceOptions } from './tls/tls-source.ts';
export { UsageBook, type UsageBookOptions, type UsageReport } from './usage/usage-book.ts';
export { UsageReporter, type UsageReporterOptions } from './usage/usage-reporter.ts';
export { type PoolLink, serveAsWorker, type WorkerDuties } from './workers/serve-as-worker.ts';
export { type SuperviseOptions, type Supervisor, supervise } from './workers/supervise.ts';
export {
  type FromWorker,
  type ToWorker,
  type WorkerAddresses,
  type WorkerProcess,
  WorkerStartError,
} from './workers/worker-process.ts';
