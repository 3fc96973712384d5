import type { CheckedRequest, Principal, Server } from './contract.ts';
import type { ObservedCheck } from './observer.ts';
import { AuthenticationError } from './refusals.ts';

/** What becomes of a request: exactly one of the two is called. */
export interface Outcomes {
  /** What it throws is no refusal. */
  allow(principal: Principal): void;
  refuse(refused: AuthenticationError): void;
}

/**
 * Asks about one request and tells the observer. Whatever `read` or the server throws refuses the request. A known answer
 * takes no promise.
 */
export function decide(server: Server, observed: ObservedCheck, read: () => CheckedRequest, outcomes: Outcomes): void {
  const allow = (principal: Principal) => {
    observed.allowed(principal);
    outcomes.allow(principal);
  };
  const refuse = (thrown: unknown) => {
    const refused = AuthenticationError.from(thrown);
    observed.refused(refused);
    outcomes.refuse(refused);
  };
  let answer: Principal | Promise<Principal>;
  try {
    answer = server.authenticate(read());
  } catch (error) {
    refuse(error);
    return;
  }
  if (answer instanceof Promise) answer.then(allow, refuse);
  else allow(answer);
}
