import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  newPair,
  prove,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';
import { ControlPlaneClient } from './client.ts';
import { ControlPlaneApiError } from './errors.ts';

const PIPED = { project: 'shop', piped: 'edge-1' };

describe('ControlPlaneClient', () => {
  let test: TestPlane;
  let client: ControlPlaneClient;

  beforeAll(async () => {
    test = await startTestPlane(EMBEDDED);
    client = new ControlPlaneClient({ url: `${test.url}/`, token: ADMIN_TOKEN });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('makes every call of an admin', async () => {
    const registered = await client.registerPiped({ ...PIPED, scopes: ['traces', 'logs'] });
    expect(registered).toMatchObject({ ...PIPED, scopes: ['traces', 'logs'], pipedStatus: 'active' });
    expect((await client.createEnrollmentToken(PIPED)).enrollmentToken).toMatch(/^spanpass_enroll_/);

    const { record, keyFile } = await client.createKey(PIPED, { generate: true, alg: 'EdDSA' });
    expect(keyFile).toMatchObject({ ...PIPED, kid: record.kid, alg: 'EdDSA' });
    const pair = await newPair();
    const { publicJwk, alg } = pair;
    const uploaded = await client.createKey(PIPED, {
      publicJwk,
      alg,
      proof: await prove(pair, 'shop/edge-1', test.clock),
    });
    expect(uploaded).toEqual({ record: expect.objectContaining({ kid: pair.kid }) });
    expect((await client.listKeys(PIPED)).map(({ kid }) => kid).sort()).toEqual([record.kid, pair.kid].sort());

    expect(await client.listPipeds()).toMatchObject([{ ...PIPED, projectStatus: 'active', keys: 2 }]);
    expect(await client.listPipeds({ project: 'none' })).toEqual([]);
    expect(await client.disablePiped(PIPED)).toMatchObject({ pipedStatus: 'disabled' });
    expect(await client.disableProject('shop')).toMatchObject({ projectStatus: 'disabled' });
    expect(await client.getKey(pair.kid)).toMatchObject({ pipedStatus: 'disabled', projectStatus: 'disabled' });
    expect(await client.enablePiped(PIPED)).toMatchObject({ pipedStatus: 'active' });
    expect(await client.enableProject('shop')).toMatchObject({ projectStatus: 'active' });
    expect(await client.revokeKey(pair.kid)).toMatchObject({ keyStatus: 'revoked' });
  });

  it('gives the codes of refusals, in one line', async () => {
    const error = await client
      .createEnrollmentToken({ project: 'shop', piped: 'nobody' })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ControlPlaneApiError);
    expect(error).toMatchObject({
      code: 'piped_unknown',
      status: 404,
      message: 'No such piped: there is no piped nobody in the project shop: register it first',
    });
    const stranger = new ControlPlaneClient({ url: test.url, token: AUTH_SERVER_TOKEN });
    await expect(stranger.listPipeds()).rejects.toMatchObject({ code: 'forbidden', status: 403 });
  });

  it('says what to do when nobody answers', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise(resolve => server.close(resolve));
    await expect(new ControlPlaneClient({ url, token: ADMIN_TOKEN }).listPipeds()).rejects.toMatchObject({
      code: 'control_plane_unreachable',
      status: undefined,
      message: `no control plane answers at ${url} (ECONNREFUSED): start one with "spanpass up" or "spanpass control-plane", or give its URL with --control-plane`,
    });
  });

  it('sends no id that can be none', async () => {
    await expect(async () => client.registerPiped({ project: '../x', piped: 'y' })).rejects.toThrow(TypeError);
    await expect(async () => client.disablePiped({ project: 'x', piped: 'a/b' })).rejects.toThrow(TypeError);
    await expect(async () => client.revokeKey('x/../y')).rejects.toThrow(TypeError);
  });

  it.each([
    ['http://pass.example.com', 'plaintext_refused'],
    ['http://10.0.0.1:9085', 'plaintext_refused'],
    ['http://127.0.0.1.example.com', 'plaintext_refused'],
    ['http://localhost.example.com', 'plaintext_refused'],
  ])('does not send the token to %s', (url, code) => {
    expect(() => new ControlPlaneClient({ url, token: ADMIN_TOKEN })).toThrow(expect.objectContaining({ code }));
  });

  it.each(['https://pass.example.com', 'http://localhost:9085', 'http://[::1]:9085', 'http://127.8.8.8'])(
    'would send the token to %s',
    url => {
      new ControlPlaneClient({ url, token: ADMIN_TOKEN });
    },
  );

  it('sends the token beyond loopback in plaintext where it is told to', () => {
    new ControlPlaneClient({ url: 'http://pass.example.com', token: ADMIN_TOKEN, allowPlaintext: true });
  });

  it.each([
    [{ url: 'ftp://x', token: ADMIN_TOKEN }, /^url: /],
    [{ url: 'x', token: ADMIN_TOKEN }, /^url: /],
    [{ url: 'https://user:secret@x', token: ADMIN_TOKEN }, /^url: must not hold a password/],
    [{ url: 'https://x', token: '' }, /^token: /],
    [{ url: 'https://x', token: 'a b' }, /^token: /],
    [{ url: 'https://x', token: ADMIN_TOKEN, timeoutMs: 0 }, /^timeoutMs: /],
  ])('refuses options that make no sense: %#', (options, message) => {
    expect(() => new ControlPlaneClient(options)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }),
    );
  });
});

describe('ControlPlaneClient, of something that is no control plane,', () => {
  async function against(listener: RequestListener, call: (client: ControlPlaneClient) => Promise<unknown>) {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      return await call(new ControlPlaneClient({ url, token: ADMIN_TOKEN, timeoutMs: 500 })).catch(
        (reason: unknown) => reason,
      );
    } finally {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    }
  }
  const list = (client: ControlPlaneClient) => client.listPipeds();
  const invalid = { name: 'ControlPlaneApiError', code: 'control_plane_answer_invalid' };

  it.each<[string, RequestListener]>([
    ['HTML', (_, response) => response.end('<html>')],
    ['another JSON', (_, response) => response.end('{"items":1}')],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['an error of its own', (_, response) => response.writeHead(502).end('bad gateway')],
    [
      'a code that is none',
      (_, response) =>
        response.writeHead(400).end('{"type":"","title":"","status":400,"detail":"","code":"\\u001b[2J"}'),
    ],
    ['more than fits', (_, response) => response.end('x'.repeat(5 << 20))],
    ['the same page again', (_, response) => response.end(JSON.stringify({ items: [], next: 'a/b' }))],
  ])('does not believe %s', async (_, listener) => {
    expect(await against(listener, list)).toMatchObject(invalid);
  });

  it('does not believe a key that is none', async () => {
    const { kid, publicJwk } = await newPair();
    const record = {
      ...{
        v: 1,
        alg: 'ES256',
        project: 'shop',
        piped: 'edge-1',
        scopes: [],
        keyStatus: 'active',
        pipedStatus: 'active',
      },
      ...{ projectStatus: 'active', notBefore: 0, notAfter: 1, revision: 1, publicJwk, kid: 'A'.repeat(43) },
    };
    expect(
      await against(
        (_, response) => response.end(JSON.stringify(record)),
        client => client.getKey(kid),
      ),
    ).toMatchObject(invalid);
  });

  it('does not wait for ever', async () => {
    expect(await against(() => {}, list)).toMatchObject({ code: 'control_plane_timed_out' });
    expect(await against((_, response) => response.write('{'), list)).toMatchObject({
      code: 'control_plane_timed_out',
    });
  });

  it('shows nothing but text of what it says', async () => {
    const problem = { type: 'x', title: 'a\u001b[2J', status: 400, detail: 'b\nc', code: 'x' };
    const error = await against((_, response) => response.writeHead(400).end(JSON.stringify(problem)), list);
    expect(error).toMatchObject({ code: 'x', message: 'a?[2J: b?c' });
  });
});
