export { type Client, type ClientOptions, createClient, type KeyFileOptions } from './client.ts';
export type {
  CredentialSource,
  GrpcClient,
  HttpClient,
  PlaintextTransport,
  RenewalState,
  SourceState,
  TlsTransport,
  Transport,
} from './contract.ts';
export { type EnrolledKey, type EnrollOptions, enroll } from './enroll.ts';
export { CLIENT_ERRORS, ClientError, type ClientErrorCode, ControlPlaneError } from './errors.ts';
export { type ExchangedSourceOptions, type ExchangeOptions, exchangedSource } from './exchanged-source.ts';
export type { ExportCredentials } from './export-credentials.ts';
export { readKeyFile, writeKeyFile } from './key-file.ts';
export { assertConfidential } from './loopback.ts';
export { type Minted, type RefreshingOptions, refreshingSource } from './refreshing-source.ts';
export { type RenewOptions, renew } from './renew.ts';
export { type SignedSourceOptions, signedSource } from './signed-source.ts';
export { staticSource } from './static-source.ts';
