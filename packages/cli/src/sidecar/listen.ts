import { chmod, lstat, unlink } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { Failure, oneLine } from '../failure.ts';

/** Where one of the two protocols is taken in. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string };

/** Returns the address as senders are told it. @throws Failure when it can't be had */
export async function listenGrpc(server: GrpcServer, address: ListenAddress): Promise<string> {
  const bind = promisify(server.bindAsync.bind(server));
  const credentials = ServerCredentials.createInsecure();
  return explained(address, async () => {
    if (address.kind === 'tcp')
      return hostPort(address.host, await bind(hostPort(address.host, address.port), credentials));
    await clearStaleSocket(address.path);
    await bind(`unix:${address.path}`, credentials);
    await chmod(address.path, 0o600);
    return `unix:${address.path}`;
  });
}

/** Returns the address as senders are told it. @throws Failure when it can't be had */
export async function listenHttp(server: HttpServer, address: ListenAddress): Promise<string> {
  return explained(address, async () => {
    if (address.kind === 'socket') await clearStaleSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if (address.kind === 'tcp') server.listen(address.port, address.host, resolve);
      else server.listen(address.path, resolve);
    });
    if (address.kind === 'socket') {
      await chmod(address.path, 0o600);
      return `unix:${address.path}`;
    }
    const bound = server.address();
    return hostPort(address.host, typeof bound === 'object' && bound ? bound.port : address.port);
  });
}

/** A killed process leaves its socket behind, on which nobody can listen any more. One that answers is somebody's. */
async function clearStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket()) throw new Error('there is a file of that name, and it is no socket');
  if (await answers(path)) throw new Error('another process listens there');
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

async function explained(address: ListenAddress, listen: () => Promise<string>): Promise<string> {
  try {
    return await listen();
  } catch (error) {
    const where = address.kind === 'tcp' ? hostPort(address.host, address.port) : address.path;
    throw new Failure(`can't listen on ${where}: ${oneLine(error)}`, { cause: error });
  }
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
