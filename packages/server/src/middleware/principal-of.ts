import type { Principal } from '../contract.ts';

const principals = new WeakMap<object, Principal>();

/**
 * Who sent a request that `authMiddleware` or `authFetch` let in, by the request object that the handler was given.
 *
 * @returns nothing for any other object
 */
export function principalOf(request: object): Principal | undefined {
  return principals.get(request);
}

export function rememberPrincipal(request: object, principal: Principal): void {
  principals.set(request, principal);
}
