/** The head of the OpenAPI document; the routes add the rest. */
export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'spanpass control plane',
    description:
      'Registers pipeds, issues and revokes their keys, and tells auth servers at once. Times are NumericDate seconds. Errors are RFC 9457 problem documents with a stable `code`.',
    version: '1',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  components: {
    securitySchemes: {
      bearer: { type: 'http' as const, scheme: 'bearer', description: 'A token of the role admin or auth-server.' },
      renewal: {
        type: 'http' as const,
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'A JWT of the type piped-renew+jwt that the current key signed, for this URL, with `body_hash`, the base64url SHA-256 of the body.',
      },
    },
  },
};

/** Marks a route that needs a bearer token. */
export const BEARER = [{ bearer: [] }];

/** Marks the route that takes a renewal credential. */
export const RENEWAL = [{ renewal: [] }];
