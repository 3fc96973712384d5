import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { closable } from './http/close-server.ts';
import type { ListenerTls } from './options.ts';
import { type ControlPlane, startControlPlane } from './start.ts';

let dir: string;
let first: ListenerTls;
let second: ListenerTls;
let controlPlane: ControlPlane | undefined;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-plane-tls-'));
  [first, second] = [await certificate('first'), await certificate('second')];
});
afterEach(() => controlPlane?.close());
afterAll(() => rm(dir, { recursive: true }));

async function certificate(name: string): Promise<ListenerTls> {
  const [certFile, keyFile] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`];
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
  const args = ['req', '-x509', '-days', '1', ...made, ...names, '-keyout', keyFile, '-out', certFile];
  execFileSync('openssl', args, { stdio: 'ignore', timeout: 20_000 });
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

async function start(tls?: ListenerTls): Promise<ControlPlane> {
  const dataDir = await mkdtemp(join(dir, 'data-'));
  controlPlane = await startControlPlane({ dataDir, port: 0, tls, env: {}, logger: pino({ level: 'silent' }) });
  return controlPlane;
}

/** The answer's status, and whose certificate was shown. */
function get(url: string): Promise<readonly [status: number | undefined, name: string]> {
  return new Promise((resolve, reject) => {
    const ca = [first.cert, second.cert];
    const asking = request(`${url}/healthz`, { ca, agent: false }, response => {
      const { CN } = (response.socket as TLSSocket).getPeerCertificate().subject;
      response.resume().on('end', () => resolve([response.statusCode, String(CN)]));
    });
    asking.on('error', reject).end();
  });
}

it('listens with its certificate, and with another one from then on that it is given', async () => {
  const { url, replaceTls } = await start(first);
  expect(url).toMatch(/^https:/);
  expect(await get(url)).toEqual([200, 'first']);
  replaceTls(second);
  expect(await get(url)).toEqual([200, 'second']);
  expect(() => replaceTls({ cert: first.cert, key: second.key })).toThrow();
  expect(await get(url)).toEqual([200, 'second']);
  await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
});

it('does not turn TLS on while it runs', async () => {
  const { replaceTls } = await start();
  expect(() => replaceTls(first)).toThrow(TypeError);
});

it('answers over TLS what is under way when it closes', async () => {
  let arrived = () => {};
  const underWay = new Promise<void>(resolve => {
    arrived = resolve;
  });
  let answer = () => {};
  const server = createServer({ ...first }, (_, response) => {
    answer = () => void response.end();
    arrived();
  });
  const close = closable(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const asked = get(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await underWay;
  const closed = close(() => new Promise(resolve => server.close(() => resolve())));
  // Longer than idle connections are let alone.
  await new Promise(resolve => setTimeout(resolve, 150));
  answer();
  expect(await asked).toEqual([200, 'first']);
  await closed;
});
