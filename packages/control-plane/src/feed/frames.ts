import type { Change } from '../wire/changes.ts';

/** Server-sent events (WHATWG HTML, section 9.2), ready to be written. */
export function changeFrame({ revision, body }: Change): Buffer {
  return Buffer.from(`id: ${revision}\nevent: change\ndata: ${JSON.stringify({ revision, ...body })}\n\n`);
}

/** Everything up to `revision` was sent. */
export function heartbeatFrame(revision: number): Buffer {
  return Buffer.from(`event: heartbeat\ndata: {"revision":${revision}}\n\n`);
}

/** Changes up to `revision` may be missing, and those behind it follow. */
export function resetFrame(revision: number): Buffer {
  return Buffer.from(`id: ${revision}\nevent: reset\ndata: {"revision":${revision}}\n\n`);
}
