import { Metadata, ServerInterceptingCall, type ServerInterceptor, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Outcome } from './outcome.ts';

/** Bytes in, bytes out: what can't be decoded is ours to refuse, with the status that OTLP asks for. */
export function bytesMethod(path: string) {
  const asItIs = (bytes: Buffer) => bytes;
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  };
}

export function send(outcome: Outcome, callback: sendUnaryData<Buffer>): void {
  if (outcome.kind === 'accepted') {
    callback(null, Buffer.from(outcome.response));
    return;
  }
  const metadata = new Metadata();
  if (outcome.statusDetails) metadata.set('grpc-status-details-bin', outcome.statusDetails);
  callback({ code: outcome.code, details: outcome.message, metadata });
}

/** Ends calls whose message does not come in time; grpc-js itself would wait for as long as the sender likes. */
export function messageInTime(timeoutMs: number): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        const timer = setTimeout(() => {
          call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: 'the message did not come in time' });
        }, timeoutMs);
        next({
          onReceiveMetadata: (metadata, goOn) => goOn(metadata),
          onReceiveMessage: (message, goOn) => goOn(message),
          onReceiveHalfClose(goOn) {
            clearTimeout(timer);
            goOn();
          },
          onCancel: () => clearTimeout(timer),
        });
      },
    });
}
