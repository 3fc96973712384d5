import { CLIENT_ASSERTION_TYPE, MAX_CREDENTIAL_LENGTH } from '@spanpass/credential';
import { z } from 'zod';

/** RFC 6749 section 4.4.2 with RFC 7523 section 2.2. Members that are not named here are ignored, as section 3.2 asks. */
export const tokenRequestSchema = z.object({
  grant_type: z.string().max(256).describe('`client_credentials`'),
  client_assertion_type: z.literal(CLIENT_ASSERTION_TYPE),
  client_assertion: z
    .string()
    .min(1)
    .max(MAX_CREDENTIAL_LENGTH)
    .describe(
      "a JWT of the type client-authentication+jwt that the piped's key signed, for the issuer, good for one request",
    ),
  client_id: z.string().max(64).optional().describe('the piped, as in the assertion'),
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'must be signals with single blanks between')
    .max(256)
    .optional()
    .describe('signals with blanks between; default: all that the piped may send'),
});

export const tokenAnswerSchema = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number().int().positive(),
  scope: z.string(),
});

/** RFC 8414 section 2, with what OpenID Connect Discovery 1.0 section 3 demands besides. */
export const issuerMetadataSchema = z.object({
  issuer: z.string(),
  token_endpoint: z.string(),
  jwks_uri: z.string(),
  grant_types_supported: z.array(z.string()),
  response_types_supported: z.array(z.string()),
  subject_types_supported: z.array(z.string()),
  scopes_supported: z.array(z.string()),
  token_endpoint_auth_methods_supported: z.array(z.string()),
  token_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
  id_token_signing_alg_values_supported: z.array(z.string()),
});
