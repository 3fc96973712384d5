import { status } from '@grpc/grpc-js';
import { createKeyPair } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { aPass, bearer, passFor, withClaims, withHeader } from '../harness/passes.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

/** The code that the refusal's message begins with, and the value of the `authorization` header that earns it. */
type Attack = readonly [what: string, reason: string, make: (piped: EnrolledPiped) => Promise<string> | string];

const hourMs = 3_600_000;

const unauthenticated: readonly Attack[] = [
  ['no credential at all', 'credential_missing', () => ''],
  ['another scheme', 'credential_missing', () => 'Basic c2hvcDpzZWNyZXQ='],
  ['something that is no JWT', 'credential_malformed', () => 'Bearer not-a-pass'],
  ['more than 8 KiB', 'credential_too_large', () => `Bearer ${'a'.repeat(8193)}`],
  [
    'claims changed under the signature',
    'signature_invalid',
    async ({ keyFile }) => `Bearer ${withClaims(await passFor(keyFile), { project: 'bank' })}`,
  ],
  [
    '`alg: none`',
    'algorithm_mismatch',
    async ({ keyFile }) => `Bearer ${withHeader(await passFor(keyFile), { alg: 'none' })}`,
  ],
  [
    "another project's id, well signed",
    'project_mismatch',
    async ({ keyFile }) => `Bearer ${await passFor({ ...keyFile, project: 'bank' })}`,
  ],
  [
    "another piped's id, well signed",
    'subject_mismatch',
    async ({ keyFile }) => `Bearer ${await passFor({ ...keyFile, piped: 'piped-2' })}`,
  ],
  [
    'a key that nobody registered',
    'key_unknown',
    async ({ keyFile }) => {
      const { kid, privateJwk } = await createKeyPair('ES256');
      return `Bearer ${await passFor({ ...keyFile, kid, privateJwk })}`;
    },
  ],
  [
    'the kid of one key and the signature of another',
    'signature_invalid',
    async ({ keyFile }) => {
      const { privateJwk } = await createKeyPair('ES256');
      return `Bearer ${await passFor({ ...keyFile, privateJwk })}`;
    },
  ],
  [
    'a pass that has ended',
    'expired',
    async ({ keyFile }) => `Bearer ${await passFor(keyFile, { now: () => Date.now() - hourMs })}`,
  ],
  [
    'a pass from the future',
    'issued_in_future',
    async ({ keyFile }) => `Bearer ${await passFor(keyFile, { now: () => Date.now() + hourMs })}`,
  ],
  [
    'a pass for another gateway',
    'audience_mismatch',
    async ({ keyFile }) => `Bearer ${await passFor(keyFile, { audience: 'other-gateway' })}`,
  ],
  [
    'a pass for another purpose',
    'typ_mismatch',
    async ({ keyFile }) => `Bearer ${await passFor(keyFile, { purpose: 'tokenExchange' })}`,
  ],
  [
    'two passes in one header',
    'credential_multiple',
    async ({ keyFile }) => {
      const pass = await passFor(keyFile);
      return `Bearer ${pass},Bearer ${pass}`;
    },
  ],
];

await describeWithEngine(['envoy', 'otelcol'], 'a refusal tells its sender what to do', engines => {
  const stage = new Stage();
  let way: TheWay;
  let piped: EnrolledPiped;

  beforeAll(async () => {
    way = await startTheWay(stage, engines);
    piped = await way.admin.enroll('shop', 'piped-1');
  });
  afterAll(() => stage.dispose());

  const withPass = (authorization: string) => (authorization === '' ? {} : { authorization });

  /** The three ways in, each with its refusal as the client reads it. */
  async function answersTo(authorization: string, signalPath?: { grpc: string; http: string }) {
    const headers = withPass(authorization);
    const grpcHeaders = authorization === '' ? [] : [['authorization', authorization] as const];
    return {
      grpc: await exportOverGrpc(way.gateway.grpcPort, tracesRequest('refused'), grpcHeaders, signalPath?.grpc),
      json: await exportOverHttp(way.gateway.httpPort, tracesRequestJson('refused'), headers, signalPath?.http),
      protobuf: await exportOverHttp(way.gateway.httpPort, tracesRequest('refused'), headers, signalPath?.http),
    };
  }

  describe('UNAUTHENTICATED: show another pass', () => {
    it.each(unauthenticated)('%s (%s)', async (_what, reason, make) => {
      const { grpc, json, protobuf } = await answersTo(await make(piped));
      expect(grpc.code).toBe(status.UNAUTHENTICATED);
      expect(grpc.message).toMatch(new RegExp(`^${reason}: `));
      expect(json).toMatchObject({ http: 401, status: { code: status.UNAUTHENTICATED } });
      expect(json.status?.message).toMatch(new RegExp(`^${reason}: `));
      expect(json.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(json.headers['retry-after']).toBeUndefined();
      expect(json.contentType).toBe('application/json');
      expect(protobuf).toMatchObject({ http: 401, status: { code: status.UNAUTHENTICATED } });
      expect(protobuf.contentType).toBe('application/x-protobuf');
      expect(protobuf.status?.message).not.toBe('');
      expect(protobuf.headers['www-authenticate']).toMatch(/^Bearer/);
    });

    it('two authorization headers (credential_multiple)', async () => {
      const pass = await passFor(piped.keyFile);
      const headers = { authorization: [`Bearer ${pass}`, `Bearer ${pass}`] };
      const outcome = await exportOverHttp(way.gateway.httpPort, tracesRequestJson('refused'), headers);
      expect(outcome).toMatchObject({ http: 401, status: { code: status.UNAUTHENTICATED } });
      expect(outcome.status?.message).toMatch(/^credential_multiple: /);
    });

    it('a key revoked a moment ago (key_revoked)', async () => {
      const other = await way.admin.enroll('shop', 'piped-revoked');
      const authorization = `Bearer ${await passFor(other.keyFile)}`;
      expect((await answersTo(authorization)).grpc.code).toBe(status.OK);
      await way.admin.revoke(other.keyFile.kid);
      const refused = await waitFor(
        'the revocation',
        async () => {
          const answers = await answersTo(authorization);
          return answers.grpc.code !== status.OK && answers;
        },
        1_500,
      );
      expect(refused.grpc).toMatchObject({ code: status.UNAUTHENTICATED });
      expect(refused.grpc.message).toMatch(/^key_revoked: /);
    });
  });

  describe('PERMISSION_DENIED: ask for permission', () => {
    async function expectDenied(authorization: string, reason: string, signal?: { grpc: string; http: string }) {
      const { grpc, json, protobuf } = await waitFor(
        `the refusal ${reason}`,
        async () => {
          const answers = await answersTo(authorization, signal);
          // The change may arrive between two of the three.
          const passed = answers.grpc.code === status.OK || answers.json.http === 200 || answers.protobuf.http === 200;
          return !passed && answers;
        },
        1_500,
      );
      expect(grpc.code).toBe(status.PERMISSION_DENIED);
      expect(grpc.message).toMatch(new RegExp(`^${reason}: `));
      expect(json).toMatchObject({ http: 403, status: { code: status.PERMISSION_DENIED } });
      expect(json.status?.message).toMatch(new RegExp(`^${reason}: `));
      expect(protobuf).toMatchObject({ http: 403, status: { code: status.PERMISSION_DENIED } });
      expect(protobuf.contentType).toBe('application/x-protobuf');
    }

    it('a disabled piped, until it is enabled again', async () => {
      const other = await way.admin.enroll('shop', 'piped-disabled');
      const authorization = `Bearer ${await passFor(other.keyFile)}`;
      expect((await answersTo(authorization)).grpc.code).toBe(status.OK);
      await way.admin.setPiped('shop', 'piped-disabled', 'disable');
      await expectDenied(authorization, 'piped_disabled');
      await way.admin.setPiped('shop', 'piped-disabled', 'enable');
      await waitFor('it to pass again', async () => (await answersTo(authorization)).json.http === 200, 1_500);
    });

    it('a piped of a disabled project', async () => {
      const other = await way.admin.enroll('closed-project', 'piped-1');
      const authorization = `Bearer ${await passFor(other.keyFile)}`;
      expect((await answersTo(authorization)).grpc.code).toBe(status.OK);
      await way.admin.setProject('closed-project', 'disable');
      await expectDenied(authorization, 'project_disabled');
    });

    it('a signal that the piped may not send', async () => {
      const other = await way.admin.enroll('shop', 'piped-of-metrics', ['metrics']);
      await expectDenied(`Bearer ${await passFor(other.keyFile)}`, 'scope_denied');
    });
  });

  it('nothing that was refused has arrived', async () => {
    const pass = bearer(await passFor(piped.keyFile));
    expect(await exportOverGrpc(way.gateway.grpcPort, tracesRequest('accepted'), [pass])).toMatchObject({
      code: 0,
      message: '',
    });
    await way.sink.span('accepted');
    const shops = way.sink.spans().filter(span => JSON.stringify(span.resource).includes('bank'));
    expect(shops).toEqual([]);
    // The access log has each refusal with its reason, and no pass.
    for (const [, reason] of unauthenticated) await way.gateway.logged({ reason });
    expect(way.gateway.process.output()).not.toMatch(aPass);
  });
});
