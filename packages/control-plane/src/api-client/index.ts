export type { EnrollmentToken, ListedPiped, Piped, Project, RegisteredPiped } from '../wire/pipeds.ts';
export { ControlPlaneClient, type KeyRequest, type PipedName } from './client.ts';
export { type ClientErrorCode, ControlPlaneApiError } from './errors.ts';
export type { TransportOptions } from './transport.ts';
