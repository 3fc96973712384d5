import { createServer, type Server } from 'node:net';

/** A port can't be listened on. `code` is stable; the message is one line that says what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: 'address_in_use' | 'address_not_available' | 'permission_denied' | 'listen_failed';

  constructor(code: ListenError['code'], address: string, options?: ErrorOptions) {
    super(`can't listen on ${address}: ${ADVICE[code]}`, options);
    this.code = code;
  }
}

const ADVICE: Readonly<Record<ListenError['code'], string>> = {
  address_in_use: 'it is in use; stop the other server or choose another port',
  address_not_available: 'no interface of this machine has that address',
  permission_denied: 'this user may not; choose a port from 1024',
  listen_failed: 'see the cause',
};

const CODES: Readonly<Record<string, ListenError['code']>> = {
  EADDRINUSE: 'address_in_use',
  EADDRNOTAVAIL: 'address_not_available',
  EACCES: 'permission_denied',
};

/**
 * @param shared whether the other workers of a node:cluster listen there too
 * @throws ListenError
 */
export function listening(server: Server, host: string, port: number, shared = false): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ListenError(CODES[error.code ?? ''] ?? 'listen_failed', `${host}:${port}`, { cause: error })),
    );
    server.listen({ host, port, exclusive: !shared }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

/**
 * Finds out whether a port can be listened on, for servers that say so in prose only.
 *
 * @throws ListenError
 */
export async function assertListenable(host: string, port: number): Promise<void> {
  const probe = createServer();
  await listening(probe, host, port);
  await new Promise(resolve => probe.close(resolve));
}
