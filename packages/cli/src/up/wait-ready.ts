import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';

export interface Waiting {
  /** OTLP/HTTP of the gateway, `http://host:port`. */
  readonly gatewayUrl: string;
  /** `/readyz` of all the rest. */
  readonly readyUrl: string;
  readonly timeoutMs: number;
  readonly stop: AbortSignal;
}

/**
 * Waits until the gateway refuses an export without a credential as it must, since only then the whole way of a check is
 * there, and all parts say that they are ready.
 *
 * @throws Failure when that does not come in time, or the gateway takes what it must refuse
 */
export async function waitUntilReady({ gatewayUrl, readyUrl, timeoutMs, stop }: Waiting): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last = '';
  while (performance.now() < deadline) {
    stop.throwIfAborted();
    const checked = await statusOf(`${gatewayUrl}/v1/traces`, { method: 'POST', headers: PROTOBUF }, stop);
    if (checked === 200) throw new Failure('the gateway takes telemetry without a credential; it is stopped');
    const ready = checked === 401 ? await statusOf(readyUrl, {}, stop) : undefined;
    if (ready === 200) return;
    last = `the gateway answers ${checked ?? 'nothing'}${ready === undefined ? '' : `, /readyz ${ready}`}`;
    await sleep(25, undefined, { signal: stop });
  }
  throw new Failure(`not ready within ${timeoutMs / 1000} s: ${last}`);
}

const PROTOBUF = { 'content-type': 'application/x-protobuf' };

async function statusOf(url: string, init: RequestInit, stop: AbortSignal): Promise<number | undefined> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.any([stop, AbortSignal.timeout(2_000)]) });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}
