import {
  Client,
  credentials,
  Server as GrpcServer,
  Metadata,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CheckedRequest, Principal, Server } from './contract.ts';
import { deferred, TRACES } from './fixture.test.support.ts';
import { RetryInfo, Status } from './generated/rpc_status.ts';
import { type AuthInterceptorOptions, authInterceptor } from './interceptor.ts';
import type { Decision } from './observer.ts';
import { alwaysAllow, alwaysRefuse, SOMEBODY } from './testing/doubles.ts';

const asIs = (bytes: Buffer) => bytes;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A receiver behind the interceptor, and a client of it. */
async function createReceiver(server: Server, options?: AuthInterceptorOptions) {
  const seen: { metadata: Record<string, unknown>; message: Buffer }[] = [];
  const grpc = new GrpcServer({ interceptors: [authInterceptor(server, options)] });
  const method = {
    path: TRACES,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  } as const;
  const handle = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
    seen.push({ metadata: call.metadata.getMap(), message: call.request });
    callback(null, Buffer.from('done'));
  };
  grpc.addService({ export: method }, { export: handle });
  const port = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  closing.push(() => {
    client.close();
    grpc.forceShutdown();
  });
  const send = (headers: Record<string, string> = {}) =>
    new Promise<string | ServiceError>(resolve => {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      client.makeUnaryRequest(TRACES, asIs, asIs, Buffer.from('spans'), metadata, (error, answer) =>
        resolve(error ?? String(answer)),
      );
    });
  return { send, seen };
}

describe('authInterceptor', () => {
  it('stamps the verified identity, and lets no other one through, nor the credential', async () => {
    const { send, seen } = await createReceiver(alwaysAllow());
    const forged = {
      authorization: 'Bearer a',
      'x-spanpass-project': 'bank',
      'X-Spanpass-Piped': 'edge-9',
      x_spanpass_project: 'bank',
      'x-spanpass_piped': 'edge-9',
      other: 'kept',
    };
    expect(await send(forged)).toBe('done');
    const { 'user-agent': _, ...metadata } = seen[0]?.metadata ?? {};
    expect(metadata).toEqual({ 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'edge-1', other: 'kept' });
    expect(String(seen[0]?.message)).toBe('spans');
  });

  it('shows the server what it asks about', async () => {
    const authenticate = vi.fn((_request: CheckedRequest) => SOMEBODY);
    const { send } = await createReceiver({ authenticate });
    await send({ authorization: 'Bearer a' });
    const request = authenticate.mock.calls[0]?.[0];
    expect(request).toMatchObject({ method: 'POST', path: TRACES, peer: { address: '127.0.0.1' } });
    expect(request?.headers.authorization).toEqual(['Bearer a']);
  });

  it('refuses before the handler sees anything', async () => {
    const decisions: Decision[] = [];
    const observer = { decided: (decision: Decision) => decisions.push(decision) };
    const { send, seen } = await createReceiver(alwaysRefuse('expired'), { observer });
    expect(await send()).toMatchObject({ code: 16, details: 'expired: the credential has expired' });
    expect(seen).toEqual([]);
    expect(decisions).toMatchObject([{ protocol: 'grpc', refused: { code: 'expired' } }]);
  });

  it('tells the observer whose trace the call belongs to, for as long as that is known', async () => {
    const decisions: Decision[] = [];
    const observer = { decided: (decision: Decision) => decisions.push(decision) };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { send } = await createReceiver(alwaysAllow(), { observer });
    expect(await send({ authorization: 'Bearer a', traceparent })).toBe('done');
    const [{ caller, owner, durationSeconds = -1 } = { caller: undefined }] = decisions;
    expect([caller?.method, caller?.traceHeader('traceparent')]).toEqual([TRACES.slice(1), traceparent]);
    expect([caller?.traceHeader('tracestate'), owner?.piped]).toEqual([undefined, 'edge-1']);
    expect(durationSeconds).toBeGreaterThanOrEqual(0);
  });

  it('says when to try again', async () => {
    const { send } = await createReceiver(alwaysRefuse('throttled'));
    const error = await send();
    const { metadata, code } = error as ServiceError;
    expect([code, metadata.get('grpc-retry-pushback-ms')]).toEqual([14, ['2000']]);
    const [details] = metadata.get('grpc-status-details-bin');
    const status = Status.decode(details as Buffer);
    expect(RetryInfo.decode(status.details[0]?.value ?? Buffer.alloc(0)).retryDelay?.seconds).toBe(2);
  });

  it('holds messages back while the server finds out', async () => {
    const gate = deferred<Principal>();
    const { send, seen } = await createReceiver({ authenticate: () => gate.promise });
    const answer = send();
    await new Promise(resolve => setImmediate(resolve));
    expect(seen).toEqual([]);
    gate.resolve(SOMEBODY);
    expect(await answer).toBe('done');
  });

  it('takes a server that fails for undecided', async () => {
    const { send, seen } = await createReceiver({ authenticate: () => Promise.reject(new Error('a bug')) });
    expect(await send()).toMatchObject({ code: 14, details: 'internal_error: the check failed' });
    expect(seen).toEqual([]);
  });

  it('lets anybody call methods that are open, with whatever they send', async () => {
    const { send, seen } = await createReceiver(alwaysRefuse(), { open: [TRACES] });
    expect(await send()).toBe('done');
    expect(seen).toHaveLength(1);
  });
});
