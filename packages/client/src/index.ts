export { type Client, type ClientOptions, createClient } from './client.ts';
export type {
  CredentialSource,
  GrpcClient,
  HttpClient,
  PlaintextTransport,
  SourceState,
  TlsTransport,
  Transport,
} from './contract.ts';
export { type EnrolledKey, type EnrollOptions, enroll } from './enroll.ts';
export { CLIENT_ERRORS, ClientError, type ClientErrorCode, ControlPlaneError } from './errors.ts';
export { readKeyFile, writeKeyFile } from './key-file.ts';
export { assertConfidential, isLoopbackHost } from './loopback.ts';
export { type Minted, type RefreshingOptions, refreshingSource } from './refreshing-source.ts';
export { type SignedSourceOptions, signedSource } from './signed-source.ts';
export { staticSource } from './static-source.ts';
