export { type ClaimPath, claimAt, claimPath, textsOf } from './claim-path.ts';
export { IssuerError } from './errors.ts';
export { IssuerKeys, type IssuerKeysOptions } from './issuer-keys.ts';
export { type IssuerKey, type KeySet, keyName, parseKeySet } from './key-set.ts';
export { checkTimes, parseTokenClaims, type TokenClaims } from './token-claims.ts';
export { checkTokenHeader, type TokenHeader } from './token-header.ts';
