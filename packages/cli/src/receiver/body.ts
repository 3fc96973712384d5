import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Refused, refused } from './outcome.ts';

const inflate = promisify(gunzip);

/** A request's body, whole and inflated, or the reason why it can't be had. Both its sizes stay within `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array | Refused> {
  const coding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (coding !== 'identity' && coding !== 'gzip') {
    return refused('unsupported', `content-encoding must be gzip or identity`);
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Without `destroyOnReturn` the answer to a body that is too large would never get out.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) return tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch {
    return refused('malformed', 'the body ended early');
  }
  const body = Buffer.concat(chunks);
  if (coding === 'identity') return body;
  try {
    return await inflate(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxBytes);
    return refused('malformed', 'the body is not gzip');
  }
}

function tooLarge(maxBytes: number): Refused {
  return refused('too_large', `the body is larger than ${maxBytes} bytes`);
}
