import { isSignalKind, type SignalKind } from '../signals.ts';

/**
 * A segment's file name: `<uid>.<signal>.<owner>.seg`. The uid starts with the time of its making, so that names sort
 * by age, and never changes. The owner does: to take a dead process's segment is to rename it, which only one can.
 */
export interface SegmentName {
  readonly uid: string;
  readonly createdAtMs: number;
  readonly kind: SignalKind;
  readonly owner: string;
}

const PATTERN = /^((\d{15})-[0-9a-f]{16}-\d{6,})\.([a-z]+)\.([0-9a-f]{16})\.seg$/;

export function segmentUid(createdAtMs: number, firstOwner: string, serial: number): string {
  const time = Math.max(0, Math.trunc(createdAtMs));
  return `${String(time).padStart(15, '0')}-${firstOwner}-${String(serial).padStart(6, '0')}`;
}

export function segmentFileName({ uid, kind, owner }: Pick<SegmentName, 'uid' | 'kind' | 'owner'>): string {
  return `${uid}.${kind}.${owner}.seg`;
}

/** Undefined for any other file. */
export function parseSegmentFileName(fileName: string): SegmentName | undefined {
  const [, uid, time, kind, owner] = PATTERN.exec(fileName) ?? [];
  if (uid === undefined || owner === undefined || !isSignalKind(kind)) return undefined;
  return { uid, createdAtMs: Number(time), kind, owner };
}
