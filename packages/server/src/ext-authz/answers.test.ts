import { describe, expect, it } from 'vitest';
import { CheckResponse } from '../generated/ext_authz.ts';
import { RetryInfo, Status } from '../generated/rpc_status.ts';
import { AuthenticationError, REFUSALS, type RefusalCode } from '../refusals.ts';
import { SOMEBODY } from '../testing/doubles.ts';
import { createAnswers } from './answers.ts';

/** The answer as plain data: headers as `name: value`, all of them overwriting. */
function read(bytes: Buffer) {
  const { status, okResponse, deniedResponse, dynamicMetadata } = CheckResponse.decode(bytes);
  const headers = (okResponse ?? deniedResponse)?.headers.map(({ header, appendAction }) => {
    expect(appendAction).toBe(2);
    return [header?.key, header?.value];
  });
  const metadata = Object.entries(dynamicMetadata?.fields ?? {}).map(([name, { stringValue }]) => [name, stringValue]);
  return {
    code: status?.code,
    headers: Object.fromEntries(headers ?? []),
    removed: okResponse?.headersToRemove,
    http: deniedResponse?.status?.code,
    body: deniedResponse?.body,
    metadata: Object.fromEntries(metadata),
  };
}

const identity = { project: 'shop', piped: 'edge-1', kid: 'test-key' };

describe('an allow', () => {
  it('sets the identity, takes the credential away, and tells the gateway who it was', () => {
    expect(read(createAnswers().allow(SOMEBODY))).toEqual({
      code: 0,
      headers: { 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'edge-1' },
      removed: ['authorization'],
      http: undefined,
      body: undefined,
      metadata: identity,
    });
  });

  it('is encoded once for each owner, whatever the credential', () => {
    const answers = createAnswers();
    expect(answers.allow(SOMEBODY)).toBe(answers.allow({ ...SOMEBODY, expiresAt: 1 }));
    const other = { ...SOMEBODY, piped: 'edge-2' };
    expect(read(answers.allow(other)).metadata).toEqual({ ...identity, piped: 'edge-2' });
  });
});

describe('a refusal', () => {
  it.each(Object.keys(REFUSALS) as RefusalCode[])('as %s can not be taken for anything else', code => {
    const { httpStatus, grpcStatus, message } = REFUSALS[code];
    for (const forGrpc of [true, false]) {
      const answer = read(createAnswers().refuse(new AuthenticationError(code, { owner: SOMEBODY }), forGrpc));
      expect(answer).toMatchObject({ code: grpcStatus, http: httpStatus, body: message, removed: undefined });
      expect(answer.metadata.reason).toBe(code);
      expect(answer.metadata.piped).toBe(REFUSALS[code].ownerVerified ? 'edge-1' : undefined);
    }
  });

  it('challenges who was not authenticated (RFC 6750 section 3)', () => {
    const challenge = (code: RefusalCode) =>
      read(createAnswers().refuse(new AuthenticationError(code), true)).headers['www-authenticate'];
    expect(challenge('credential_missing')).toBe('Bearer');
    expect(challenge('expired')).toBe('Bearer error="invalid_token"');
    expect(challenge('credential_multiple')).toBe('Bearer error="invalid_request"');
    expect(challenge('scope_denied')).toBe('Bearer error="insufficient_scope"');
    expect(challenge('overloaded')).toBeUndefined();
  });

  it('says when to try again, to gRPC callers in their own words too', () => {
    const refuse = (forGrpc: boolean) =>
      read(createAnswers().refuse(new AuthenticationError('throttled'), forGrpc)).headers;
    expect(refuse(false)).toEqual({ 'retry-after': '2' });
    const headers = refuse(true);
    expect(headers).toMatchObject({ 'retry-after': '2', 'grpc-retry-pushback-ms': '2000' });
    const details = String(headers['grpc-status-details-bin']);
    expect(details).toMatch(/^[A-Za-z0-9+/]+$/);
    const status = Status.decode(Buffer.from(details, 'base64'));
    expect(status).toMatchObject({ code: 14, message: REFUSALS.throttled.message });
    expect(status.details[0]?.typeUrl).toBe('type.googleapis.com/google.rpc.RetryInfo');
    expect(RetryInfo.decode(status.details[0]?.value ?? Buffer.alloc(0)).retryDelay?.seconds).toBe(2);
  });

  it('is encoded once for each reason and owner', () => {
    const answers = createAnswers();
    const refuse = (code: RefusalCode, owner?: typeof SOMEBODY, forGrpc = true) =>
      answers.refuse(new AuthenticationError(code, owner ? { owner } : {}), forGrpc);
    expect(refuse('expired', SOMEBODY)).toBe(refuse('expired', SOMEBODY));
    expect(refuse('expired')).toBe(refuse('expired'));
    const different = [
      refuse('expired', SOMEBODY),
      refuse('expired'),
      refuse('key_revoked', SOMEBODY),
      refuse('expired', { ...SOMEBODY }),
      refuse('overloaded'),
      refuse('overloaded', undefined, false),
    ];
    expect(new Set(different).size).toBe(6);
  });
});
