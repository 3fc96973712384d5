export { auditRowHash, GENESIS_HASH } from '../audit/row-hash.ts';
export {
  type ChainedRow,
  type ChainFault,
  type ChainHead,
  type ChainVerdict,
  chainedRowSchema,
  verifyAuditChain,
} from '../audit/verify-chain.ts';
export { AUDIT_ACTIONS, type AuditAction, type AuditHead } from '../wire/audit.ts';
export type { KeyStatus, ListedKey } from '../wire/keys.ts';
export type { ImportedPipecd } from '../wire/pipecd.ts';
export type { EnrollmentToken, ListedPiped, Piped, Project, Refusals, RegisteredPiped } from '../wire/pipeds.ts';
export {
  type AccessToken,
  type CreatedToken,
  ROLES,
  type Role,
  TOKEN_STATES,
  type TokenState,
} from '../wire/tokens.ts';
export type { AuditCalls, AuditQuery } from './audit.ts';
export { ControlPlaneClient, type KeyRequest, type PipedName, type TokenRequest } from './client.ts';
export { type ClientErrorCode, ControlPlaneApiError } from './errors.ts';
export type { TransportOptions } from './transport.ts';
