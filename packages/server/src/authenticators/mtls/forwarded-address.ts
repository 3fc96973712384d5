import { isIP } from 'node:net';

/** The longest header that is looked at, in characters: room for 16 addresses of the longest kind, and blanks. */
const MAX_LENGTH = 1024;

/**
 * The client's address, as trusted proxies say it in `x-forwarded-for`: each adds whom it saw behind what came with the
 * request, so the last one that is no proxy of ours is the client, and all before it is what that one says of itself.
 *
 * @returns nothing where the header does not say
 */
export function forwardedAddress(
  header: string | readonly string[] | undefined,
  isTrusted: (address: string) => boolean,
): string | undefined {
  if (header === undefined) return undefined;
  const text = typeof header === 'string' ? header : header.join(',');
  if (text.length > MAX_LENGTH) return undefined;
  for (const part of text.split(',').reverse()) {
    const address = part.trim();
    if (isIP(address) === 0) return undefined;
    if (!isTrusted(address)) return address;
  }
  return undefined;
}
