import type { CredentialSource } from './contract.ts';
import { ClientError } from './errors.ts';
import { withHeld } from './held-credential.ts';
import { isBearer } from './refreshing-source.ts';

/**
 * A credential that never changes, such as a key of PipeCD's own: `<project>,<piped>,<key>`.
 *
 * @throws TypeError unless it is 1 to 8192 characters of visible ASCII
 * @example
 * const pass = createClient({ source: staticSource(process.env.GATEWAY_TOKEN) });
 */
export function staticSource(token: string | undefined): CredentialSource {
  if (!isBearer(token)) throw new TypeError('a static credential must be 1 to 8192 characters of visible ASCII');
  let open = true;
  const closed = () => new ClientError('source_closed', 'the client was closed');
  const source: CredentialSource = {
    async credential(signal) {
      signal?.throwIfAborted();
      if (!open) throw closed();
      return token;
    },
    // There is no other one to hand out; whether the server will take this one again is the server's matter.
    invalidate() {},
    state: () =>
      open ? { kind: 'fresh', expiresAtMs: Number.POSITIVE_INFINITY } : { kind: 'failed', error: closed() },
    async [Symbol.asyncDispose]() {
      open = false;
    },
  };
  return withHeld(source, () => (open ? token : undefined));
}
