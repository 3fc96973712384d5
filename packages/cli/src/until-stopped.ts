import { once } from 'node:events';

/** Settles when the person, or whoever supervises the process, wants it to end. */
export async function untilStopped(stop: AbortSignal): Promise<void> {
  if (!stop.aborted) await once(stop, 'abort');
}
