import { type AppendResult, countItems, type SignalKind, type Spool } from '@spanpass/tracing/durable';
import { statusBytes } from '../gateway-config/envoy/status.ts';
import { ACCEPTED, type Outcome, type Refused, refused } from '../receiver/outcome.ts';

/** What becomes of one export request that a piped sent. Never rejects. */
export type Intake = (kind: SignalKind, body: Uint8Array) => Promise<Outcome>;

/** A full disk does not empty itself within a second. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Takes a request into the spool as it is. It is accepted when it is on the disk, and not before: from then on a killed
 * process or a power cut costs nothing. Requests at a time share one wait for the disk.
 */
export function createIntake(spool: Spool): Intake {
  return async (kind, body) => {
    let items: number;
    try {
      items = countItems(kind, body);
    } catch {
      return refused('malformed', `the body is not an export of ${kind} in OTLP's protobuf`);
    }
    const appended = spool.append(kind, body, items, { whole: true });
    if (appended.kind === 'refused') return refusalOf(appended.reason);
    // What is refused here may be sent all the same, and then comes twice.
    return (await spool.flush()) ? ACCEPTED : later('the disk does not take what is written to it');
  };
}

type Reason = Extract<AppendResult, { kind: 'refused' }>['reason'];

function refusalOf(reason: Reason): Refused {
  switch (reason) {
    case 'too_large':
      return refused('too_large', 'the request is larger than a record of the spool may be');
    case 'disk_full':
      return later('the disk of the spool is full');
    case 'closed':
      return later('spanpass forward is stopping');
    case 'write_failed':
      return later('the spool can not be written');
    default:
      return later('the spool is full, since the gateway has not taken what is in it');
  }
}

/** Kept by whoever sent it: UNAVAILABLE with RetryInfo, 503 with Retry-After (OTLP, "Failures"). */
function later(message: string): Refused {
  const refusal = refused('unavailable', message);
  const statusDetails = Buffer.from(statusBytes(refusal.code, message, RETRY_AFTER_SECONDS));
  return { ...refusal, retryAfterSeconds: RETRY_AFTER_SECONDS, statusDetails };
}
