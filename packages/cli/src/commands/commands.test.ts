import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { parseCredential } from '@spanpass/credential';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { run } from '../program.ts';

import { cli, controlPlane, dir, enrolled, ok } from './commands.test.helper.ts';

describe('spanpass token and check', () => {
  it('a token is one credential and nothing else', async () => {
    const keyFile = await enrolled('edge-5');
    const out = await ok(['token', '--key-file', keyFile]);
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { unverifiedClaims } = parseCredential(out.trim());
    expect(unverifiedClaims).toMatchObject({ sub: 'edge-5', project: 'shop', aud: 'spanpass-gateway' });
    const { token, expiresAt } = JSON.parse(
      await ok(['token', '--key-file', keyFile, '--lifetime', '60', '--audience', 'other', '--json']),
    );
    expect(parseCredential(token).unverifiedClaims).toMatchObject({
      aud: 'other',
      exp: expiresAt,
      iat: expiresAt - 60,
    });
  });

  it('a check that could not ask is no answer', async () => {
    const token = (await ok(['token', '--key-file', await enrolled('edge-7')])).trim();
    const { code, out, err } = await cli(['check', token, '--control-plane', 'http://127.0.0.1:1']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^spanpass: no control plane answers at http:\/\/127\.0\.0\.1:1 \([^)]+\): start one with "spanpass up"/,
    );
  });
});

describe('spanpass gateway', () => {
  it('prints what Envoy and the Collector read', async () => {
    const envoy = await ok(['gateway', 'envoy', '--auth', '10.0.0.5:9086', '10.0.0.6:9086', '--grpc-port', '5317']);
    expect(
      JSON.parse(
        await ok(['gateway', 'envoy', '--auth', '10.0.0.5:9086', '10.0.0.6:9086', '--grpc-port', '5317', '--json']),
      ),
    ).toEqual(parse(envoy));
    expect(envoy).toContain('address: 10.0.0.6');
    const collector = parse(await ok(['gateway', 'collector', '--export-http', 'https://tempo.example:4318']));
    expect(JSON.stringify(collector.exporters)).toContain('https://tempo.example:4318');
  });

  it.each([
    ['envoy', '--listen', '127.0.0.1'],
    ['nginx', '--listen', '127.0.0.1'],
    ['collector', '--health', '127.0.0.1:13133'],
  ])('writes to a file what %s reads, where nothing can redirect it', async (...args) => {
    const folder = await mkdtemp(join(tmpdir(), 'spanpass-gateway-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const output = join(folder, 'config');
    expect(await ok(['gateway', ...args, '--output', output])).toBe('');
    expect(await readFile(output, 'utf8')).toBe(await ok(['gateway', ...args]));
    const { code, err } = await cli(['gateway', ...args, '--output', join(folder, 'nowhere', 'config')]);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/^spanpass: can't write .*config \(ENOENT\)\n$/),
    });
  });

  it.each([
    [['envoy', '--auth', 'nope'], /auth\.endpoints\.0: 'nope' is not host:port/],
    [['envoy', '--listen', '0.0.0.0'], /needed to listen on 0\.0\.0\.0/],
    [['envoy', '--tls-cert', 'a.pem'], /--tls-cert and --tls-key belong together/],
    [['envoy', '--grpc-port', '70000'], /It must be a port/],
    [['collector', '--export-http', 'nope'], /exportTo\.0\.endpoint/],
  ])('%j is wrong usage', async (args, message) => {
    const { code, out, err } = await cli(['gateway', ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect(err).toMatch(/^spanpass: [^\n]+\n$/);
  });
});

describe('spanpass gateway over HTTP', () => {
  it('prints what Envoy asks with over HTTP', async () => {
    const envoy = await ok(['gateway', 'envoy', '--check', 'http']);
    expect(envoy).toContain('path_prefix: /envoy');
    expect(envoy).toContain('port_value: 9087');
    expect((await cli(['gateway', 'envoy', '--check', 'smtp'])).code).toBe(2);
  });

  it('prints a whole nginx.conf', async () => {
    const args = ['gateway', 'nginx', '--auth', '10.0.0.5:9087', '10.0.0.6:9087', '--grpc-port', '5317'];
    const nginx = await ok(args);
    expect(nginx).toContain('server 10.0.0.6:9087 ');
    expect(nginx).toContain('listen 127.0.0.1:5317 http2;');
    expect(JSON.parse(await ok([...args, '--json']))).toEqual({ config: nginx });
  });

  it.each([
    ['--auth', 'nope'],
    ['--listen', '0.0.0.0'],
    ['--tls-cert', 'a.pem'],
    ['--auth-ca', 'a.pem'],
    ['--auth-cert', 'a.pem'],
    ['--tls-cert', 'a;b', '--tls-key', 'c'],
  ])('%s %s is wrong usage', async (...args) => {
    const { code, out } = await cli(['gateway', 'nginx', ...args]);
    expect([code, out]).toEqual([2, '']);
  });
});

describe('every command', () => {
  const commands = [
    ['up'],
    ['control-plane'],
    ['server'],
    ['piped', 'register'],
    ['piped', 'list'],
    ['piped', 'disable'],
    ['piped', 'enable'],
    ['key', 'list'],
    ['key', 'create'],
    ['key', 'revoke'],
    ['enroll'],
    ['token'],
    ['check'],
    ['gateway', 'envoy'],
    ['gateway', 'nginx'],
    ['gateway', 'collector'],
  ];

  it.each(commands.map(command => [command.join(' '), command] as const))(
    '%s has help with examples, takes --json, and refuses what it does not know',
    async (_, command) => {
      const help = await ok([...command, '--help']);
      expect(help).toMatch(/Examples:\n {2}\$ .*spanpass /s);
      expect(help).toContain('--json');
      const { code, err } = await cli([...command, '--bogus']);
      expect(code).toBe(2);
      expect(err).toMatch(/^spanpass: (unknown|required) option [^\n]+\n$/);
      expect(err).toContain(`(see: spanpass ${command.join(' ')} --help)`);
    },
  );

  it('is named when there is none such', async () => {
    expect(await cli(['bogus'])).toEqual({
      code: 2,
      out: '',
      err: "spanpass: unknown command 'bogus' (see: spanpass --help)\n",
    });
    expect((await cli([])).code).toBe(2);
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('spanpass server', () => {
  it('starts from a file and the environment, says where, and stops', async () => {
    const config = join(dir, 'server.yaml');
    await writeFile(
      config,
      `grpcPort: 0\nhttpPort: 0\nmetricsPort: 0\ncontrolPlane: ${controlPlane.url}\nlogLevel: silent\n`,
    );
    const stop = new AbortController();
    const stdout = new PassThrough();
    let out = '';
    stdout.on('data', chunk => {
      out += chunk;
      stop.abort();
    });
    const env = { SPANPASS_AUTH_SERVER_TOKEN: controlPlane.authServerToken };
    const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env, stop: stop.signal };
    expect(await run(['server', '--config', config, '--json'], io)).toBe(0);
    expect(JSON.parse(out)).toEqual({
      grpcAddress: expect.stringMatching(/^127/),
      httpAddress: expect.stringMatching(/^127/),
      metricsAddress: expect.stringMatching(/^127/),
    });
  });

  it.each([
    ['grpcPrt: 1\n', {}, /server\.yaml:1: unknown setting 'grpcPrt'/],
    ['grpcPort: 1\n', { SPANPASS_GRPC_PORT: 'x' }, /^spanpass: SPANPASS_GRPC_PORT: grpcPort: /],
    ['controlPlane: http://192.0.2.1\nauthServerToken: 0123456789abcdef\n', {}, /beyond loopback needs https/],
  ])('%j is wrong usage', async (yaml, env, message) => {
    const config = join(dir, 'server.yaml');
    await writeFile(config, yaml);
    const { code, err } = await cli(['server', '--config', config], { env: { SPANPASS_CONTROL_PLANE: '', ...env } });
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });

  it('needs a token', async () => {
    expect((await cli(['server'])).err).toMatch(/there is no .*auth-server-token: set SPANPASS_AUTH_SERVER_TOKEN/);
  });
});
