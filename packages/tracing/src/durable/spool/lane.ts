import type { SignalKind } from '../signals.ts';
import { Mutex } from './mutex.ts';
import type { Segment } from './segment.ts';

/** The segments of one signal, oldest first. Signals don't share any, so that one that is refused holds up no other. */
export class Lane {
  readonly kind: SignalKind;
  readonly segments: Segment[] = [];
  /** Held by whoever has a batch of this lane. */
  readonly turn = new Mutex();
  active: Segment | undefined;

  constructor(kind: SignalKind) {
    this.kind = kind;
  }

  /** The oldest segment that has something left. */
  get head(): Segment | undefined {
    return this.segments.find(segment => !segment.isDone);
  }

  get pendingRecords(): number {
    return sum(this.segments, segment => segment.pendingRecords);
  }

  get pendingItems(): number {
    return sum(this.segments, segment => segment.pendingItems);
  }

  get pendingBytes(): number {
    return sum(this.segments, segment => segment.pendingBytes);
  }

  add(segment: Segment): void {
    const at = this.segments.findIndex(other => other.uid > segment.uid);
    this.segments.splice(at < 0 ? this.segments.length : at, 0, segment);
    if (!segment.sealed) this.active = segment;
  }

  delete(segment: Segment): void {
    const at = this.segments.indexOf(segment);
    if (at >= 0) this.segments.splice(at, 1);
    if (this.active === segment) this.active = undefined;
  }
}

function sum(segments: readonly Segment[], of: (segment: Segment) => number): number {
  return segments.reduce((total, segment) => total + of(segment), 0);
}
