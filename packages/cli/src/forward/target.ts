import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** A backend that takes OTLP. */
export interface ForwardTarget {
  readonly protocol: 'http' | 'grpc';
  readonly tls: boolean;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** For OTLP/HTTP: the base, without a slash at its end; `/v1/traces` and so on are appended. */
  readonly baseUrl: string;
}

const SCHEMES: Record<string, { protocol: 'http' | 'grpc'; tls: boolean }> = {
  'http:': { protocol: 'http', tls: false },
  'https:': { protocol: 'http', tls: true },
  'grpc:': { protocol: 'grpc', tls: false },
  'grpcs:': { protocol: 'grpc', tls: true },
};

/**
 * Reads `http(s)://host:port` (OTLP/HTTP) or `grpc(s)://host:port` (OTLP/gRPC).
 *
 * @throws TypeError one line that says what is wrong with it
 */
export function parseForwardTarget(text: string): ForwardTarget {
  const scheme = SCHEMES[/^[a-z]+:/i.exec(text)?.[0].toLowerCase() ?? ''];
  // Read as http, since URL normalizes host names and the many spellings of an IPv4 address only there.
  const url = scheme && parseUrl(text.replace(/^[a-z]+:/i, scheme.tls ? 'https:' : 'http:'));
  if (!scheme || !url) {
    throw new TypeError(
      `forward endpoint: '${text}' is not http(s)://host:port (OTLP/HTTP) or grpc(s)://host:port (OTLP/gRPC)`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TypeError('forward endpoint: takes no user, password, query or fragment');
  }
  if (scheme.protocol === 'grpc' && url.pathname !== '/') throw new TypeError('forward endpoint: grpc takes no path');
  const port = Number(url.port || (scheme.tls ? 443 : 80));
  if (port === 0) throw new TypeError('forward endpoint: port 0 is no address to send to');
  return {
    ...scheme,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    baseUrl: `${url.origin}${url.pathname}`.replace(/\/+$/, ''),
  };
}

/**
 * Refuses a target that leads back here: one of `ownPorts` at any address of this machine, however it is spelled and
 * whatever name it hides behind. A name that does not resolve leads nowhere yet, and passes.
 *
 * @throws TypeError if the target is one of our own listeners
 */
export async function refuseOwnAddress(
  target: Pick<ForwardTarget, 'host' | 'port'>,
  ownPorts: readonly number[],
): Promise<void> {
  if (!ownPorts.includes(target.port)) return;
  const own = addressesOfThisMachine();
  for (const { address } of await resolve(target.host)) {
    if (own.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')) {
      throw new TypeError(
        `forward endpoint: ${target.host}:${target.port} is this gateway itself; name the backend behind it, or leave SPANPASS_FORWARD_ENDPOINT unset to keep traces in memory`,
      );
    }
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

async function resolve(host: string): Promise<{ address: string }[]> {
  if (isIP(host) !== 0) return [{ address: host }];
  if (/(^|\.)localhost\.?$/.test(host)) return [{ address: '127.0.0.1' }];
  try {
    return await lookup(host, { all: true });
  } catch {
    return [];
  }
}

/** Loopback, the unspecified addresses, which lead there too, and what the interfaces have. IPv4-mapped ones match. */
function addressesOfThisMachine(): BlockList {
  const own = new BlockList();
  own.addSubnet('127.0.0.0', 8, 'ipv4');
  own.addAddress('0.0.0.0', 'ipv4');
  own.addAddress('::', 'ipv6');
  own.addAddress('::1', 'ipv6');
  for (const { address, family } of Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])) {
    own.addAddress(address.replace(/%.*$/, ''), family === 'IPv6' ? 'ipv6' : 'ipv4');
  }
  return own;
}
