import { fieldsOf, lastAt, messagesAt, textAt } from '../otlp/wire.ts';
import type { SignalKind } from '../signals.ts';

const MAX_ITEMS_SHOWN = 100;

export interface ItemSummary {
  /** Of a span or a metric; the body's text of a log record. */
  readonly name: string;
  /** Hex; spans and log records only. */
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** An export request, as far as a person wants to read it. */
export type PayloadSummary =
  | {
      readonly kind: 'readable';
      readonly resources: readonly Readonly<Record<string, string>>[];
      /** The first hundred. */
      readonly items: readonly ItemSummary[];
    }
  | { readonly kind: 'unreadable'; readonly error: string };

interface FieldNumbers {
  readonly name: number;
  readonly attributes?: number;
  readonly traceId?: number;
  readonly spanId?: number;
}

/** Field numbers of Span (trace.proto), Metric (metrics.proto), LogRecord (logs.proto), Profile (profiles.proto). */
const FIELDS: Readonly<Record<SignalKind, FieldNumbers>> = {
  traces: { name: 5, attributes: 9, traceId: 1, spanId: 2 },
  metrics: { name: 1, attributes: 12 },
  logs: { name: 5, attributes: 6, traceId: 9, spanId: 10 },
  // Its texts are numbers of a dictionary; field 0 is none.
  profiles: { name: 0 },
};

export function summaryOf(kind: SignalKind, payload: Uint8Array): PayloadSummary {
  const resources: Record<string, string>[] = [];
  const items: ItemSummary[] = [];
  try {
    for (const perResource of messagesAt(payload, 1)) {
      const resource = lastAt(perResource, 1)?.bytes;
      resources.push(resource ? attributesAt(resource, 1) : {});
      for (const perScope of messagesAt(perResource, 2)) {
        for (const item of messagesAt(perScope, 2)) {
          if (items.length < MAX_ITEMS_SHOWN) items.push(itemOf(kind, item));
        }
      }
    }
  } catch (error) {
    return { kind: 'unreadable', error: error instanceof Error ? error.message : String(error) };
  }
  return { kind: 'readable', resources, items };
}

function itemOf(kind: SignalKind, item: Uint8Array): ItemSummary {
  const { name, attributes, traceId, spanId } = FIELDS[kind];
  const body = kind === 'logs' ? lastAt(item, name)?.bytes : undefined;
  return {
    name: kind === 'logs' ? (body ? valueText(body) : '') : textAt(item, name),
    ...(traceId && { traceId: hexAt(item, traceId) }),
    ...(spanId && { spanId: hexAt(item, spanId) }),
    attributes: attributes === undefined ? {} : attributesAt(item, attributes),
  };
}

function attributesAt(message: Uint8Array, no: number): Record<string, string> {
  const entries = [...messagesAt(message, no)].map(pair => {
    const value = lastAt(pair, 2)?.bytes;
    return [textAt(pair, 1), value ? valueText(value) : ''] as const;
  });
  return Object.fromEntries(entries);
}

/** opentelemetry/proto/common/v1/common.proto, AnyValue: what is no single value is named by its kind. */
function valueText(value: Uint8Array): string {
  for (const { no, bytes, number } of fieldsOf(value)) {
    switch (no) {
      case 1:
        return Buffer.from(bytes ?? []).toString('utf8');
      case 2:
        return String(number !== 0n);
      case 3:
        return String(BigInt.asIntN(64, number));
      case 4:
        return String(doubleOf(number));
      default:
        return { 5: '[array]', 6: '[map]', 7: '[bytes]' }[no] ?? '';
    }
  }
  return '';
}

function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function hexAt(message: Uint8Array, no: number): string {
  return Buffer.from(lastAt(message, no)?.bytes ?? []).toString('hex');
}
