import type { TokenClaims } from '@spanpass/credential/issuer';
import { z } from 'zod';
import { AuthenticationError } from '../../refusals.ts';

const bindingSchema = z.strictObject({ 'x5t#S256': z.string().regex(/^[A-Za-z0-9_-]{43}$/) });

/**
 * The certificate that a token is bound to (RFC 8705 section 3.1).
 *
 * @throws AuthenticationError `binding_unsupported` if it is bound to something else, such as a DPoP key: taken without
 *   its proof it would be a bearer token
 */
export function certificateOf({ cnf }: Pick<TokenClaims, 'cnf'>): string | undefined {
  if (cnf === undefined) return undefined;
  const binding = bindingSchema.safeParse(cnf);
  if (!binding.success) throw new AuthenticationError('binding_unsupported');
  return binding.data['x5t#S256'];
}
