import type { Change } from '../wire/changes.ts';

/**
 * Server-sent events (WHATWG HTML, section 9.2), ready to be written. `at` is RFC 3339 in UTC with milliseconds, not
 * whole seconds as elsewhere: followers measure by it how long a change took to reach them.
 */
export function changeFrame({ revision, at, body }: Change): Buffer {
  const data = JSON.stringify({ revision, at: at.toISOString(), ...body });
  return Buffer.from(`id: ${revision}\nevent: change\ndata: ${data}\n\n`);
}

/** Everything up to `revision` was sent. `auditHead` is a signed one, to be kept where nobody who writes here can reach. */
export function heartbeatFrame(revision: number, auditHead?: string): Buffer {
  return Buffer.from(`event: heartbeat\ndata: ${JSON.stringify({ revision, auditHead })}\n\n`);
}

/** Changes up to `revision` may be missing, and those behind it follow. */
export function resetFrame(revision: number): Buffer {
  return Buffer.from(`id: ${revision}\nevent: reset\ndata: {"revision":${revision}}\n\n`);
}
