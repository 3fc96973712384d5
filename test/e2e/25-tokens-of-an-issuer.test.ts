import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { type Issuer, startIssuer } from '../harness/issuer.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

await describeWithEngine(['envoy', 'otelcol'], 'a fleet brings tokens of its own issuer', engines => {
  const stage = new Stage();
  let way: TheWay;
  let issuer: Issuer;
  let oldestKey: string;
  let lastKey: string;

  beforeAll(async () => {
    const folder = await tempDir(stage, 'oidc');
    issuer = await startIssuer(stage, 'spanpass-gateway');
    oldestKey = issuer.token();
    await issuer.rotate(1);
    lastKey = issuer.token();
    const config = join(folder, 'server.yaml');
    const oidc = { kind: 'oidc', issuer: issuer.url, audience: 'spanpass-gateway', projects: ['shop'] };
    await writeFile(config, JSON.stringify({ authenticators: [{ kind: 'piped-jwt' }, oidc] }));
    way = await startTheWay(stage, engines, { config });
  });
  afterAll(() => stage.dispose());

  const send = async (name: string, token: string) =>
    (await exportOverGrpc(way.gateway.grpcPort, tracesRequest(name), [bearer(token)])).code;

  it('and is stamped by what the claims say', async () => {
    expect(await send('by the oldest key', oldestKey)).toBe(status.OK);
    expect(await send('with a token', lastKey)).toBe(status.OK);
    const { resource } = await way.sink.span('with a token');
    expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
    expect(valuesOf(resource, 'piped-id')).toEqual(['edge-1']);
  });

  it('over HTTP too', async () => {
    const headers = { authorization: `Bearer ${issuer.token({ sub: 'edge-2' })}` };
    const { http } = await exportOverHttp(way.gateway.httpPort, tracesRequestJson('over HTTP'), headers);
    expect(http).toBe(200);
    await way.sink.span('over HTTP');
  });

  it.each<[string, () => string]>([
    ['for somebody else', () => issuer.token({ aud: 'another-service' })],
    ['of another issuer', () => issuer.token({ iss: 'https://login.example.org' })],
    ['that has ended', () => issuer.token({ iat: 1_700_000_000, exp: 1_700_000_300 })],
    ['that never ends', () => issuer.token({ exp: undefined })],
    ['for a project that this issuer may not speak for', () => issuer.token({ project: 'bank' })],
    ['that names nobody', () => issuer.token({ sub: undefined })],
    ['under the name of its key, by a stranger', () => issuer.forgedToken()],
    ['that brings its key along', () => issuer.token({}, { jwk: { kty: 'EC' } })],
    ['without a signature', () => `${issuer.token({}, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`],
  ])('a token %s is refused', async (_, make) => {
    expect(await send('refused', make())).toBe(status.UNAUTHENTICATED);
  });

  it('while the issuer is down, its known key serves on', async () => {
    issuer.down = true;
    expect(await send('without the issuer', issuer.token())).toBe(status.OK);
    issuer.down = false;
  });

  it('after a rotation the new key is told to come back at worst, and passes as soon as the set may be fetched again', {
    timeout: 90_000,
  }, async () => {
    await issuer.rotate(1);
    const codes = new Set<number>();
    await waitFor(
      'the new key to be known',
      async () => {
        const code = await send('by the new key', issuer.token());
        codes.add(code);
        return code === status.OK;
      },
      60_000,
    );
    // Never as a token to throw away: exporters keep what they are told to send again.
    expect([...codes].filter(code => code !== status.OK && code !== status.UNAVAILABLE)).toEqual([]);
    await way.sink.span('by the new key');
  });

  it('then the last key still opens, and the one that left the set does not', async () => {
    expect(await send('by the last key', lastKey)).toBe(status.OK);
    expect(await send('refused', oldestKey)).not.toBe(status.OK);
  });

  it('beside it, pipeds with keys of their own pass as ever', async () => {
    const { keyFile } = await way.admin.enroll('bank', 'new-1');
    expect(await send('with a key of its own', await passFor(keyFile))).toBe(status.OK);
    expect(way.sink.spans().map(({ name }) => name)).not.toContain('refused');
  });
});
