import { z } from 'zod';

const text = z.string().min(1).max(4096);
const claim = z.union([text, z.array(text).min(1)]);

/** People's sign-in at an OpenID Connect provider; the control plane judges the values. */
export const signInSettings = z.strictObject({
  issuer: text.describe("The provider's issuer URL, to the letter."),
  clientId: text.describe('What this control plane is called there.'),
  clientAuthentication: z
    .enum(['client_secret_basic', 'client_secret_post'])
    .optional()
    .describe('How the client secret is shown. Default: `client_secret_basic`.'),
  name: text.optional().describe('What the console calls the provider. Default: `single sign-on`.'),
  consoleUrl: text
    .optional()
    .describe(
      'Where browsers reach the console. They come back to `/v1/session/oidc/callback` there. Default: `publicUrl`.',
    ),
  scopes: z.array(text).optional().describe('Scopes to ask for. Default: `openid`, `email`, `profile`.'),
  userInfo: z
    .boolean()
    .optional()
    .describe('Asks the user info endpoint for claims that are not in the ID token. Default: `false`.'),
  sessionLifeSeconds: z.int().optional().describe('How long a sign-in lasts. Default: 28800 (8 h), up to 43200.'),
  timeoutMs: z.int().optional().describe('How long an answer of the provider may take. Default: 5000.'),
  grants: z
    .array(
      z.strictObject({
        claim: claim.describe('The claim that is looked at, or the names that lead to it.'),
        value: text.describe('What it is, or has in its list.'),
        role: z.enum(['owner', 'project-admin', 'viewer']).describe('What such people may do.'),
        projects: z.array(text).optional().describe('The projects that the role is bound to.'),
        projectsClaim: claim.optional().describe('The claim that lists those projects, instead.'),
      }),
    )
    .describe('Who may do what. Whom none of them names is not let in.'),
});
