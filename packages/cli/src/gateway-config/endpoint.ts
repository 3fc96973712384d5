import { isIP } from 'node:net';
import { z } from 'zod';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export const port = z.int().min(1).max(65_535);

const hostName = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

/** `host:port`, `1.2.3.4:port` or `[::1]:port`, parsed. */
export const endpoint = z.string().transform((text, context): Endpoint => {
  const parsed = parseEndpoint(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `'${text}' is not host:port` });
  return z.NEVER;
});

/** A host to listen on: an IP address, without brackets. */
export const ipAddress = z.string().refine(text => isIP(text) !== 0, { error: 'must be an IP address' });

export function formatEndpoint({ host, port: number }: Endpoint): string {
  return isIP(host) === 6 ? `[${host}]:${number}` : `${host}:${number}`;
}

function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const number = Number(digits);
  if (!port.safeParse(number).success) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port: number } : undefined;
  return plain !== undefined && hostName.test(plain) ? { host: plain, port: number } : undefined;
}
