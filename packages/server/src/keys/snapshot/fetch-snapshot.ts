import type { Endpoint } from '../endpoint.ts';
import { readBody } from '../read-body.ts';
import { SnapshotRefusal } from './snapshot-event.ts';
import { MAX_SNAPSHOT_BYTES } from './snapshot-files.ts';

/** What the control plane signed, as it came. */
export interface FetchedSnapshot {
  readonly jws: string;
  readonly body: Uint8Array;
}

/** @throws SnapshotRefusal `unreachable`, `refused`, `too_large` (or rejects with it) */
export type FetchSnapshot = (kids: readonly string[], signal: AbortSignal) => Promise<FetchedSnapshot>;

const TIMEOUT_MS = 30_000;

/** Asks `POST /v1/snapshots`. The answer's body is what is signed for; the JWS is a header of it. */
export function fetchSnapshotFrom(endpoint: Endpoint): FetchSnapshot {
  return async (kids, closing) => {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      const response = await endpoint.post('/v1/snapshots', { kids }, { signal });
      const jws = response.headers['x-spanpass-snapshot'];
      if (response.statusCode !== 200 || typeof jws !== 'string') {
        response.destroy();
        throw new SnapshotRefusal('refused', { detail: String(response.statusCode) });
      }
      const body = await readBody(response, MAX_SNAPSHOT_BYTES);
      if (body === undefined) throw new SnapshotRefusal('too_large');
      return { jws, body };
    } catch (cause) {
      throw cause instanceof SnapshotRefusal ? cause : new SnapshotRefusal('unreachable', { cause });
    }
  };
}
