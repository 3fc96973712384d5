import type { CheckedRequest } from './contract.ts';

/**
 * A request that knows its authorization without its other headers, which are read when somebody asks for them: most checks
 * are about a credential that was seen before, and look at nothing else. Its members are accessors, so it is not to be
 * copied by a spread.
 */
export abstract class AuthorizationAtHand implements CheckedRequest {
  /** What `headers.authorization` is: a text of its own, and no piece of a longer one. */
  abstract readonly authorization: string | readonly string[] | undefined;
  abstract readonly headers: CheckedRequest['headers'];
  abstract readonly method: string;
  abstract readonly path: string;
  abstract readonly peer: CheckedRequest['peer'];
}
