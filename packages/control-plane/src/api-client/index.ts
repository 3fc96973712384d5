export type { KeyStatus, ListedKey } from '../wire/keys.ts';
export type { EnrollmentToken, ListedPiped, Piped, Project, Refusals, RegisteredPiped } from '../wire/pipeds.ts';
export {
  type AccessToken,
  type CreatedToken,
  ROLES,
  type Role,
  TOKEN_STATES,
  type TokenState,
} from '../wire/tokens.ts';
export { ControlPlaneClient, type KeyRequest, type PipedName, type TokenRequest } from './client.ts';
export { type ClientErrorCode, ControlPlaneApiError } from './errors.ts';
export type { TransportOptions } from './transport.ts';
