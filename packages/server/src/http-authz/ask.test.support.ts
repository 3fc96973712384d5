import { connect, type Socket } from 'node:net';
import type { CheckedRequest, Principal, Server } from '../contract.ts';
import { SOMEBODY } from '../testing/doubles.ts';
import { type HttpAuthz, type HttpAuthzOptions, startHttpAuthz } from './start-http-authz.ts';

/** A check port, what its server was shown, and a way to write to it byte by byte. */
export interface AskedPort extends AsyncDisposable {
  readonly port: HttpAuthz;
  readonly seen: readonly CheckedRequest[];
  /** One request, its headers as these lines; the whole answer as text. */
  ask(start: string, ...lines: string[]): Promise<string>;
  connect(): Socket;
}

/** @param answer what the server makes of each request; by default it lets everybody in */
export async function openCheckPort(
  options: Partial<HttpAuthzOptions> = {},
  answer: () => Principal | Promise<Principal> = () => SOMEBODY,
): Promise<AskedPort> {
  const seen: CheckedRequest[] = [];
  const server: Server = {
    authenticate(request) {
      seen.push(request);
      return answer();
    },
  };
  const port = await startHttpAuthz({ server, port: 0, ...options });
  const open = () => connect(Number(port.address.split(':').at(-1)), '127.0.0.1');
  return {
    port,
    seen,
    connect: open,
    async ask(start, ...lines) {
      const socket = open();
      socket.write(`${[`${start} HTTP/1.1`, 'host: auth', 'connection: close', ...lines].join('\r\n')}\r\n\r\n`);
      return read(socket);
    },
    [Symbol.asyncDispose]: () => port.drain(0),
  };
}

/** All that comes until the other side ends. */
export async function read(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1');
  for await (const chunk of socket) text += chunk;
  return text;
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);
export const headerOf = (answer: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)\r$`, 'im').exec(answer)?.[1];
