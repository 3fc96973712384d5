import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Client } from '@spanpass/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engines/index.ts';
import type { Admin, EnrolledPiped } from '../harness/admin.ts';
import { exportSpan } from '../harness/export.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { aPass, bearer, passFor } from '../harness/passes.ts';
import type { RunningProcess } from '../harness/process.ts';
import { exportOverGrpc, exportOverHttp, type HttpHeaders } from '../harness/raw-client.ts';
import { decodeStatusBytes } from '../harness/rpc-status.ts';
import { type AuthServerSettings, startAuthServer } from '../harness/servers.ts';
import { type Sink, type SinkSpan, startSink, valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { waitFor } from '../harness/wait.ts';
import { type HttpGateway, type StartGateway, type Surroundings, startTheHttpWay } from './the-http-way.ts';

const hourMs = 3_600_000;

/** One and the same story for each gateway that asks the auth server over HTTP, each part of it a process of its own. */
export function checksOverHttp(otelcol: Engine, startGateway: StartGateway): void {
  const stage = new Stage();
  let sink: Sink;
  let admin: Admin;
  let controlPlane: RunningProcess;
  let authServer: RunningProcess;
  let settings: AuthServerSettings;
  let surroundings: Surroundings;
  let gateway: HttpGateway;
  let piped: EnrolledPiped;
  let client: Client;

  beforeAll(async () => {
    ({ sink, admin, controlPlane, authServer, settings, surroundings, gateway, piped, client } = await startTheHttpWay(
      stage,
      otelcol,
      startGateway,
    ));
  });
  afterAll(() => stage.dispose());

  function expectStamped({ resource }: SinkSpan): void {
    expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
    expect(valuesOf(resource, 'piped-id')).toEqual(['piped-1']);
    expect(JSON.stringify(resource)).not.toContain('bank');
  }

  /** The three ways in, each with its refusal as the client reads it. */
  async function answersTo(headers: HttpHeaders, path?: { grpc: string; http: string }) {
    const metadata = Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().map(one => [name, one] as const),
    );
    return {
      grpc: await exportOverGrpc(gateway.grpcPort, tracesRequest('refused'), metadata, path?.grpc),
      json: await exportOverHttp(gateway.httpPort, tracesRequestJson('refused'), headers, path?.http),
      protobuf: await exportOverHttp(gateway.httpPort, tracesRequest('refused'), headers, path?.http),
    };
  }
  const withPass = async (of: EnrolledPiped) => ({ authorization: `Bearer ${await passFor(of.keyFile)}` });

  describe('a span arrives with the identity that the server found', () => {
    const grpcUrl = () => `http://127.0.0.1:${gateway.grpcPort}`;
    const httpUrl = () => `http://127.0.0.1:${gateway.httpPort}/v1/traces`;

    it('from the stock exporter over gRPC', async () => {
      const exporter = new GrpcExporter({ url: grpcUrl(), credentials: client.credentialsFor(grpcUrl()) });
      expect(await exportSpan(exporter, 'grpc', { 'project-id': 'bank' })).toBe('accepted');
      await exporter.shutdown();
      expectStamped(await sink.span('grpc'));
    });

    it.each([
      ['JSON', JsonExporter],
      ['protobuf', ProtoExporter],
    ])('from the stock exporter over HTTP with %s', async (encoding, Exporter) => {
      const exporter = new Exporter({ url: httpUrl(), headers: client.headersFor(httpUrl()) });
      expect(await exportSpan(exporter, encoding, { 'project-id': 'bank' })).toBe('accepted');
      await exporter.shutdown();
      expectStamped(await sink.span(encoding));
    });

    it('when the client writes one into its headers', async () => {
      const forged = { 'x-spanpass-project': 'bank', 'x-spanpass-piped': 'bank-1', 'x-gateway-auth': 'Bearer guessed' };
      const pass = bearer(await passFor(piped.keyFile));
      const metadata = [pass, ...Object.entries(forged), ...Object.entries(forged)];
      const overGrpc = await exportOverGrpc(gateway.grpcPort, tracesRequest('forged in gRPC'), metadata);
      expect(overGrpc).toMatchObject({ code: status.OK });
      const headers = { ...(await withPass(piped)), ...forged, 'X-Spanpass-Project': ['bank', 'bank'] };
      expect(await exportOverHttp(gateway.httpPort, tracesRequest('forged in HTTP'), headers)).toMatchObject({
        http: 200,
      });
      expectStamped(await sink.span('forged in gRPC'));
      expectStamped(await sink.span('forged in HTTP'));
    });

    it('and what is handed on has the token of the gateway, no pass, and nothing of the check', async () => {
      const backend = await startSink(stage);
      const direct = await startGateway(stage, { ...surroundings, upstreamHttp: new URL(backend.url).host });
      const headers = { ...(await withPass(piped)), 'x-real-ip': '10.0.0.1', 'x-forwarded-client-cert': 'URI=a' };
      expect(await exportOverHttp(direct.httpPort, tracesRequestJson('handed on'), headers)).toMatchObject({
        http: 200,
      });
      const [seen] = backend.requestHeaders();
      expect(seen).toMatchObject({
        'x-spanpass-project': 'shop',
        'x-spanpass-piped': 'piped-1',
        'x-gateway-auth': `Bearer ${surroundings.gatewayToken}`,
        'content-type': 'application/json',
      });
      expect(seen).not.toHaveProperty('authorization');
      expect(JSON.stringify(seen)).not.toMatch(aPass);
    });
  });

  describe('a refusal tells its sender what to do', () => {
    async function expectUnauthenticated(headers: HttpHeaders, reason: string) {
      const { grpc, json, protobuf } = await answersTo(headers);
      expect(grpc.code).toBe(status.UNAUTHENTICATED);
      expect(grpc.message).toMatch(new RegExp(`^${reason}: `));
      expect(json).toMatchObject({ http: 401, status: { code: status.UNAUTHENTICATED } });
      expect(json.status?.message).toMatch(new RegExp(`^${reason}: `));
      expect(json.headers['www-authenticate']).toMatch(/^Bearer( error="invalid_(token|request)")?$/);
      expect(json.headers['retry-after']).toBeUndefined();
      expect(protobuf).toMatchObject({ http: 401, status: { code: status.UNAUTHENTICATED } });
      expect(protobuf.contentType).toBe('application/x-protobuf');
      expect(protobuf.status?.message).not.toBe('');
    }

    it.each([
      ['no credential', 'credential_missing', () => ({})],
      ['another scheme', 'credential_missing', () => ({ authorization: 'Basic c2hvcDpzZWNyZXQ=' })],
      ['no JWT', 'credential_malformed', () => ({ authorization: 'Bearer not-a-pass' })],
      ['more than 8 KiB', 'credential_too_large', () => ({ authorization: `Bearer ${'a'.repeat(8193)}` })],
      [
        'a pass that has ended',
        'expired',
        async () => ({
          authorization: `Bearer ${await passFor(piped.keyFile, { now: () => Date.now() - hourMs })}`,
        }),
      ],
      [
        'two passes in one header',
        'credential_multiple',
        async () => {
          const { authorization } = await withPass(piped);
          return { authorization: `${authorization},${authorization}` };
        },
      ],
    ])('UNAUTHENTICATED for %s (%s)', async (_, reason, headers) => expectUnauthenticated(await headers(), reason));

    it('neither of two authorization headers counts', async () => {
      const { authorization } = await withPass(piped);
      for (const pair of [
        [authorization, authorization],
        [authorization, 'Bearer x'],
        ['Bearer x', authorization],
      ]) {
        // Over HTTP alone: the gRPC library here refuses to send two.
        const json = await exportOverHttp(gateway.httpPort, tracesRequestJson('refused'), { authorization: pair });
        // nginx refuses it by itself, as no request that it understands.
        expect([401, 400]).toContain(json.http);
        expect(json.status?.code).toBe(json.http === 401 ? status.UNAUTHENTICATED : status.INVALID_ARGUMENT);
      }
    });

    it('PERMISSION_DENIED for a signal that the piped may not send', async () => {
      const other = await admin.enroll('shop', 'piped-of-metrics', ['metrics']);
      const { grpc, json, protobuf } = await answersTo(await withPass(other));
      expect(grpc.code).toBe(status.PERMISSION_DENIED);
      expect(grpc.message).toMatch(/^scope_denied: /);
      expect(json).toMatchObject({ http: 403, status: { code: status.PERMISSION_DENIED } });
      expect(json.status?.message).toMatch(/^scope_denied: /);
      expect(protobuf).toMatchObject({ http: 403, status: { code: status.PERMISSION_DENIED } });
    });

    it('PERMISSION_DENIED for a disabled piped, until it is enabled again', async () => {
      const other = await admin.enroll('shop', 'piped-disabled');
      const headers = await withPass(other);
      expect((await answersTo(headers)).grpc.code).toBe(status.OK);
      await admin.setPiped('shop', 'piped-disabled', 'disable');
      const refused = await waitFor('the refusal', async () => {
        const { grpc } = await answersTo(headers);
        return grpc.code !== status.OK && grpc;
      });
      expect(refused).toMatchObject({ code: status.PERMISSION_DENIED });
      expect(refused.message).toMatch(/^piped_disabled: /);
      await admin.setPiped('shop', 'piped-disabled', 'enable');
      await waitFor('it to pass again', async () => (await answersTo(headers)).json.http === 200);
    });

    it('a client can not say itself what the check is about', async () => {
      const other = await admin.enroll('shop', 'piped-of-logs', ['logs']);
      const smuggled = Object.fromEntries(
        ['x-original-uri', 'x-original-url', 'x-forwarded-uri', 'x-envoy-original-path', 'x-rewrite-url'].map(name => [
          name,
          '/v1/logs',
        ]),
      );
      const headers = { ...(await withPass(other)), ...smuggled, 'x-original-method': 'POST' };
      const { grpc, json, protobuf } = await answersTo(headers);
      expect([grpc.code, json.http, protobuf.http]).toEqual([status.PERMISSION_DENIED, 403, 403]);
      for (const path of [
        '/nginx',
        '/traefik',
        '/envoy/v1/logs',
        '/v1/logs/../traces',
        '//v1/traces',
        '/v1/%74races',
      ]) {
        const answer = await exportOverHttp(gateway.httpPort, tracesRequestJson('smuggled'), headers, path);
        expect([path, answer.http]).toEqual([path, expect.toSatisfy(http => http >= 400 && http < 500)]);
      }
    });

    it('also where the export is large, and nobody waits for its end', async () => {
      const grpc = await exportOverGrpc(gateway.grpcPort, Buffer.alloc(4_000_000), [['authorization', 'Bearer x']]);
      expect(grpc).toMatchObject({ code: status.UNAUTHENTICATED });
      expect(grpc.message).toMatch(/^credential_malformed: /);
      const body = tracesRequestJson('a'.repeat(4_000_000));
      const json = await exportOverHttp(gateway.httpPort, body, { authorization: 'Bearer x' });
      expect(json).toMatchObject({ http: 401, status: { code: status.UNAUTHENTICATED } });
    });

    it('a path where no telemetry is taken: 404 and UNIMPLEMENTED', async () => {
      const { grpc, json } = await answersTo(await withPass(piped), {
        grpc: '/other.Service/Export',
        http: '/v1/other',
      });
      expect(grpc.code).toBe(status.UNIMPLEMENTED);
      expect(json.http).toBe(404);
      expect(json.status).toMatchObject({ code: 5 });
    });
  });

  describe('who can not decide says so', () => {
    async function expectUnavailable(of: EnrolledPiped) {
      const { grpc, json, protobuf } = await answersTo(await withPass(of));
      expect(grpc.code).toBe(status.UNAVAILABLE);
      const details = decodeStatusBytes(grpc.metadata['grpc-status-details-bin'] as Buffer);
      expect(details).toMatchObject({ code: status.UNAVAILABLE, retryAfterSeconds: 1 });
      for (const answer of [json, protobuf]) {
        expect(answer).toMatchObject({ http: 503, status: { code: status.UNAVAILABLE } });
        expect(answer.headers['retry-after']).toBe('1');
      }
    }

    it('the auth server killed under load: UNAVAILABLE or passed, never a refusal', async () => {
      const headers = Object.entries(await withPass(piped)) as [string, string][];
      const sent = Array.from({ length: 60 }, async (_, index) => {
        await sleep(index * 10);
        return exportOverGrpc(gateway.grpcPort, tracesRequest('around the kill'), headers);
      });
      await sleep(300);
      await authServer.stop('SIGKILL');
      const codes = new Set((await Promise.all(sent)).map(({ code }) => code));
      expect(codes).toEqual(new Set([status.OK, status.UNAVAILABLE]));
    });

    it('while it is down', () => expectUnavailable(piped));

    it('after its restart spans pass', async () => {
      authServer = await startAuthServer(stage, settings);
      const headers = await withPass(piped);
      await waitFor('the gateway to find it', async () => (await answersTo(headers)).grpc.code === status.OK);
    });

    it('the control plane down: known keys pass, unknown ones are undecided', async () => {
      const late = await admin.enroll('shop', 'piped-late');
      await controlPlane.stop('SIGKILL');
      expect((await answersTo(await withPass(piped))).grpc.code).toBe(status.OK);
      await expectUnavailable(late);
      // The stock exporter over HTTP takes it for what it is, and tries again until its time is over.
      const url = `http://127.0.0.1:${gateway.httpPort}/v1/traces`;
      const exporter = new ProtoExporter({ url, headers: await withPass(late), timeoutMillis: 2_500 });
      const before = Date.now();
      expect(await exportSpan(exporter, 'undecided')).toBeInstanceOf(Error);
      expect(Date.now() - before).toBeGreaterThan(1_000);
      await exporter.shutdown();
    });
  });

  it('the log has each refusal with its reason, who it was, and no pass', async () => {
    for (const reason of ['credential_missing', 'expired', 'credential_too_large']) await gateway.logged({ reason });
    await gateway.logged({ reason: 'scope_denied', project: 'shop', piped: 'piped-of-metrics' });
    await gateway.logged({ project: 'shop', piped: 'piped-1', kid: piped.keyFile.kid });
    expect(await gateway.output()).not.toMatch(aPass);
    expect(sink.spans().map(({ name }) => name)).not.toContain('smuggled');
  });
}
