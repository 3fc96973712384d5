import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSecretFile } from '../config/secret.ts';
import { time } from '../output/time.ts';
import { Cleanup } from './cleanup.ts';
import { findEnvoy } from './find-envoy.ts';
import { claimPorts } from './ports.ts';
import { waitUntilReady } from './wait-ready.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-parts-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function executable(...path: string[]): Promise<string> {
  const file = join(dir, ...path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, '#!/bin/sh\n');
  await chmod(file, 0o755);
  return file;
}

describe('which Envoy', () => {
  it('named, then on the PATH, then the newest in the cache, or none', async () => {
    const cache = join(dir, 'cache');
    const old = await executable('cache', 'spanpass-engines', 'envoy', '1.9.0', 'envoy');
    const newest = await executable('cache', 'spanpass-engines', 'envoy', '1.40.0', 'envoy');
    const onPath = await executable('bin', 'envoy');
    await mkdir(join(cache, 'spanpass-engines', 'envoy', '.building-x'), { recursive: true });
    const env = { XDG_CACHE_HOME: cache, PATH: `/nowhere:${join(dir, 'bin')}` };
    expect(await findEnvoy({ ...env, SPANPASS_ENVOY: old })).toBe(old);
    expect(await findEnvoy(env)).toBe(onPath);
    expect(await findEnvoy({ ...env, PATH: '/nowhere' })).toBe(newest);
    expect(await findEnvoy({ ...env, SPANPASS_ENVOY: 'none' })).toBeUndefined();
    expect(await findEnvoy({ XDG_CACHE_HOME: '/nowhere', PATH: '' })).toBeUndefined();
  });
});

describe('ports', () => {
  const want = (port: number) => ({ port, what: 'x', flag: '--x-port' });

  it('are all held at a time, so that free ones differ', async () => {
    const { a, b, c } = await claimPorts('127.0.0.1', { a: want(0), b: want(0), c: want(0) });
    expect(new Set([a, b, c]).size).toBe(3);
  });

  it('that are taken, or asked for twice, are all named in one line', async () => {
    const squatter = createServer();
    await new Promise<void>(resolve => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    const taken = claimPorts('127.0.0.1', { a: want(port), b: { port, what: 'y', flag: '--y-port' } });
    await expect(taken).rejects.toThrow(
      `port ${port} (x) is in use: free it, or move it with --x-port PORT; port ${port} (y) is in use: free it, or move it with --y-port PORT`,
    );
    await new Promise(resolve => squatter.close(resolve));
  });
});

describe('a secret file', () => {
  it('is read when it is its owner’s alone, and one token', async () => {
    const file = join(dir, 'token');
    await writeFile(file, 'a-token\n', { mode: 0o600 });
    expect(await readSecretFile(file, 'or else')).toBe('a-token');
    await writeFile(file, 'two words\n');
    await expect(readSecretFile(file, 'or else')).rejects.toThrow('must hold one token');
    await writeFile(file, '');
    await expect(readSecretFile(file, 'or else')).rejects.toThrow('must hold one token');
    await chmod(file, 0o640);
    await expect(readSecretFile(file, 'or else')).rejects.toThrow(`chmod 600 ${file}`);
    await expect(readSecretFile(join(dir, 'missing'), 'or else')).rejects.toThrow(
      `there is no ${join(dir, 'missing')}: or else`,
    );
    await expect(readSecretFile(dir, 'or else')).rejects.toThrow();
  });
});

describe('cleaning up', () => {
  it('goes backwards, and past what fails', async () => {
    const order: string[] = [];
    const cleanup = new Cleanup();
    for (const name of ['first', 'second', 'third']) {
      cleanup.add({
        async [Symbol.asyncDispose]() {
          order.push(name);
          if (name === 'second') throw new Error('stuck');
        },
      });
    }
    await expect(cleanup[Symbol.asyncDispose]()).rejects.toThrow('not all could be stopped cleanly');
    expect(order).toEqual(['third', 'second', 'first']);
    await cleanup[Symbol.asyncDispose]();
  });
});

describe('waiting until ready', () => {
  it.each([
    [200, 200, /takes telemetry without a credential/],
    [503, 200, /^not ready within 0\.1 s: the gateway answers 503$/],
    [401, 503, /^not ready within 0\.1 s: the gateway answers 401, \/readyz 503$/],
  ])('gateway %i, /readyz %i', async (gateway, readyz, message) => {
    const http = createHttpServer((request, response) =>
      response.writeHead(request.url === '/readyz' ? readyz : gateway).end(),
    );
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
    const gatewayUrl = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const stop = new AbortController().signal;
    await expect(
      waitUntilReady({ gatewayUrl, readyUrl: `${gatewayUrl}/readyz`, timeoutMs: 100, stop }),
    ).rejects.toThrow(message);
    http.closeAllConnections();
    await new Promise(resolve => http.close(resolve));
  });
});

it('times are told to the second, in UTC', () => {
  expect(time(1_700_000_000)).toBe('2023-11-14 22:13:20Z');
  expect(time('2026-01-02T03:04:05.678Z')).toBe('2026-01-02 03:04:05Z');
  expect(time('?')).toBe('-');
});
