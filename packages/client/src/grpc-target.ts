import { isIP } from 'node:net';
import { type ChannelOptions, experimental } from '@grpc/grpc-js';
import { isLoopbackHost } from '@spanpass/credential';

/** A target as grpc-js has parsed it. A scheme that no resolver is registered for has become `dns`, as it will be used. */
export type GrpcUri = experimental.GrpcUri;

/**
 * Whether everything on a connection to `target` stays on this machine. Behind an HTTP proxy (`grpc_proxy`,
 * `https_proxy`, `http_proxy`), `target` is the proxy, and the option names the server that it leads to. Plaintext is
 * read by both, so both must be here.
 */
export function staysOnLoopback(target: GrpcUri, options: ChannelOptions): boolean {
  if (!isLoopbackTarget(target)) return false;
  if (!('grpc.http_connect_target' in options)) return true;
  const end = parseTarget(String(options['grpc.http_connect_target']));
  return end !== undefined && end.scheme !== 'unix' && isLoopbackTarget(end);
}

/**
 * Follows what the resolvers of grpc-js do with a target, and says no to what they are not known to do. So
 * `unix-abstract:4317` is no socket: grpc-js has no such scheme, and looks the name `unix-abstract` up in DNS.
 */
export function isLoopbackTarget({ scheme, authority, path }: GrpcUri): boolean {
  switch (scheme) {
    case 'unix':
      return true;
    case 'ipv4':
    case 'ipv6':
      return path.split(',').every(address => isIP(hostOf(address)) !== 0 && isLoopbackHost(hostOf(address)));
    case 'dns':
      // An authority is a DNS server to ask instead of the system, and it may answer anything to `localhost`.
      return isLoopbackHost(hostOf(path)) && (isIP(hostOf(path)) !== 0 || !authority);
    default:
      return false;
  }
}

/** Reads the form in which grpc-js writes its own targets. */
export function parseTarget(text: string): GrpcUri | undefined {
  const [, scheme, authority, path] = /^(dns|ipv4|ipv6|unix):(?:\/\/([^/]*)\/)?(.+)$/s.exec(text) ?? [];
  if (scheme === undefined || path === undefined) return undefined;
  return authority === undefined ? { scheme, path } : { scheme, authority, path };
}

function hostOf(path: string): string {
  return experimental.splitHostPort(path)?.host ?? '';
}
