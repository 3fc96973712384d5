import type { AddressInfo } from 'node:net';
import type { App } from './http/context.ts';
import { ControlPlaneStartError } from './problems/start-error.ts';

export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** @throws ControlPlaneStartError `port_in_use`, `listen_failed` */
export async function listen(
  app: App,
  wanted: { host: string; port: number; tls?: unknown },
): Promise<ListeningAddress> {
  const { host, port } = wanted;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    if (errno === 'EADDRINUSE') {
      const message = `the port ${port} on ${host} is in use: stop what listens there, or choose another port`;
      throw new ControlPlaneStartError('port_in_use', message, { cause });
    }
    const message = `${host}:${port} can't be listened on (${errno}): choose another host or port`;
    throw new ControlPlaneStartError('listen_failed', message, { cause });
  }
  const address = app.server.address() as AddressInfo;
  const shown = host.includes(':') ? `[${host}]` : host;
  return { host, port: address.port, url: `${wanted.tls === undefined ? 'http' : 'https'}://${shown}:${address.port}` };
}
