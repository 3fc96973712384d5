import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { createKeyPair, type Signal, signAccessToken } from '@spanpass/credential';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { describeWithEngine } from '../engines/describe.ts';
import { repoRoot } from '../engines/root.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { type RawAttribute, tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import { startProcess } from '../harness/process.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { type Sink, startSink, valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { endOf, type Issuer, signerOf, startIssuer } from './exchanged.ts';
import { startTheWay, type TheWay } from './the-way.ts';

const ISSUER = 'https://control-plane.example.org';

/** The block of YAML of the documentation that begins with this line, as a reader copies it. */
async function documented(firstLine: string): Promise<string> {
  const page = await readFile(join(repoRoot, 'docs', 'direct-or-exchanged.md'), 'utf8');
  const block = page.split('```yaml\n').find(text => text.startsWith(`${firstLine}\n`));
  if (block === undefined) throw new Error(`docs/direct-or-exchanged.md has no block ${firstLine}`);
  return block.slice(0, block.indexOf('```'));
}

/** A token with the name of the issuer's key, and not its signature. */
async function foreignToken(issuer: Issuer, own: string): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  const { privateJwk } = await createKeyPair();
  const scopes: Signal[] = ['traces'];
  return signAccessToken(
    { kid: signerOf(own), privateJwk },
    {
      ...{ issuer: issuer.url, audience: 'spanpass-gateway', project: 'shop', piped: 'piped-1', scopes },
      ...{ issuedAt: seconds, expiresAt: seconds + 60, jti: '1' },
    },
  );
}

await describeWithEngine(['otelcol'], "the Collector's oidc extension verifies access tokens", engines => {
  const stage = new Stage();
  let issuer: Issuer;
  let sink: Sink;
  let piped: EnrolledPiped;
  let ports: { grpc: number; http: number };

  beforeAll(async () => {
    [sink, issuer] = [await startSink(stage), await startIssuer(stage)];
    ports = await freePorts('grpc', 'http');
    const folder = await tempDir(stage, 'otelcol-oidc');
    const text = (await documented('extensions:'))
      .replace(ISSUER, issuer.url)
      .replace('0.0.0.0:4317', `127.0.0.1:${ports.grpc}`)
      .replace('0.0.0.0:4318', `127.0.0.1:${ports.http}`)
      .replace('https://tempo.example.org:4318', sink.url);
    const config = parse(text);
    config.exporters.otlp_http.encoding = 'json';
    config.service.telemetry = { metrics: { level: 'none' } };
    const path = join(folder, 'collector.yaml');
    await writeFile(path, stringify(config));
    await startProcess(stage, {
      name: 'otelcol',
      command: engines.otelcol.path,
      args: ['--config', path],
      ready: () => fetch(`http://127.0.0.1:${ports.http}/`).then(Boolean, () => false),
    });
    piped = await issuer.admin.enroll('shop', 'piped-1');
  });
  afterAll(() => stage.dispose());

  const codeOf = async (name: string, token: string, attributes?: readonly RawAttribute[]) =>
    (await exportOverGrpc(ports.grpc, tracesRequest(name, attributes), [bearer(token)])).code;

  it('and stamps who they are of, whatever the client says of itself', async () => {
    const claims = ['project-id', 'PROJECT-ID', 'piped-id', 'service.namespace'].map(key => [key, 'bank'] as const);
    expect(await codeOf('stamped', await issuer.token(piped), claims)).toBe(status.OK);
    const headers = await issuer.client(piped).headers();
    expect((await exportOverHttp(ports.http, tracesRequestJson('over HTTP'), headers)).http).toBe(200);
    for (const name of ['stamped', 'over HTTP']) {
      const { resource } = await sink.span(name);
      expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
      expect(valuesOf(resource, 'piped-id')).toEqual(['piped-1']);
      expect(valuesOf(resource, 'service.namespace')).toEqual(['shop']);
      expect(JSON.stringify(resource)).not.toContain('bank');
    }
  });

  it('but takes none of a stranger, none that a piped made itself, and none at all', async () => {
    const token = await issuer.token(piped);
    expect(await codeOf('refused', await foreignToken(issuer, token))).toBe(status.UNAUTHENTICATED);
    expect(await codeOf('refused', await passFor(piped.keyFile))).toBe(status.UNAUTHENTICATED);
    expect((await exportOverGrpc(ports.grpc, tracesRequest('refused'))).code).toBe(status.UNAUTHENTICATED);
    expect((await exportOverHttp(ports.http, tracesRequestJson('refused'))).http).toBe(401);
  });

  it('while the key that signs is replaced, and refuses not one export', { timeout: 60_000 }, async () => {
    const client = issuer.client(piped);
    const next = await issuer.rotate('--in', '3');
    const signers = new Set<string>();
    const codes = new Set<number>();
    for (const until = Date.now() + 16_000; Date.now() < until; await sleep(50)) {
      const token = await client.source.credential();
      signers.add(signerOf(token));
      codes.add(await codeOf('during the rotation', token));
    }
    expect([signers.size, signers.has(next), [...codes]]).toEqual([2, true, [status.OK]]);
  });

  it('of a revoked key until its token ends, and gives it no new one', { timeout: 60_000 }, async () => {
    const stolen = await issuer.admin.enroll('shop', 'stolen');
    const client = issuer.client(stolen);
    const token = await client.source.credential();
    await issuer.admin.revoke(stolen.keyFile.kid);
    client.source.invalidate(token);
    await expect(client.source.credential()).rejects.toMatchObject({ code: 'token_refused' });
    expect(await codeOf('after the revocation', token)).toBe(status.OK);
    await sleep(endOf(token) + 1500 - Date.now());
    expect(await codeOf('refused', token)).toBe(status.UNAUTHENTICATED);
    expect(sink.spans().map(({ name }) => name)).not.toContain('refused');
  });
});

await describeWithEngine(['envoy', 'otelcol'], 'our own server takes access tokens beside passes', engines => {
  const stage = new Stage();
  let issuer: Issuer;
  let way: TheWay;
  let piped: EnrolledPiped;

  beforeAll(async () => {
    issuer = await startIssuer(stage);
    const config = join(await tempDir(stage, 'both'), 'server.yaml');
    await writeFile(config, (await documented('authenticators:')).replace(ISSUER, issuer.url));
    way = await startTheWay(stage, engines, { config });
    piped = await issuer.admin.enroll('shop', 'piped-1');
  });
  afterAll(() => stage.dispose());

  const codeOf = async (name: string, token: string) =>
    (await exportOverGrpc(way.gateway.grpcPort, tracesRequest(name), [bearer(token)])).code;

  it('and stamps who they are of', async () => {
    expect(await codeOf('with a token', await issuer.token(piped))).toBe(status.OK);
    const { resource } = await way.sink.span('with a token');
    expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
    expect(valuesOf(resource, 'piped-id')).toEqual(['piped-1']);
    const { keyFile } = await way.admin.enroll('bank', 'new-1');
    expect(await codeOf('with a pass', await passFor(keyFile))).toBe(status.OK);
  });

  it('but none of a stranger, and no signal out of scope', async () => {
    const token = await issuer.token(piped);
    expect(await codeOf('refused', await foreignToken(issuer, token))).toBe(status.UNAUTHENTICATED);
    const narrow = await issuer.admin.enroll('shop', 'only-metrics', ['metrics']);
    expect(await codeOf('refused', await issuer.token(narrow))).toBe(status.PERMISSION_DENIED);
  });

  it('also by a key that it has not seen yet', async () => {
    const next = await issuer.rotate('--in', '0');
    const token = await issuer.token(piped);
    expect(signerOf(token)).toBe(next);
    const codes = new Set<number>();
    for (let tries = 0; tries < 80 && !codes.has(status.OK); tries++) {
      codes.add(await codeOf('by the next key', token));
      if (!codes.has(status.OK)) await sleep(500);
    }
    // Until it may fetch the keys again it says to come back, and never that the token is bad.
    expect([...codes].filter(code => code !== status.OK && code !== status.UNAVAILABLE)).toEqual([]);
    expect(codes.has(status.OK)).toBe(true);
  });
});
