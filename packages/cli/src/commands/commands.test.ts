import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { parseCredential, parseKeyFile } from '@spanpass/credential';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type FakeControlPlane, startFakeControlPlane } from '../admin/control-plane.test.helper.ts';
import { run } from '../program.ts';

let dir: string;
let controlPlane: FakeControlPlane;
beforeAll(async () => {
  controlPlane = await startFakeControlPlane();
});
afterAll(() => controlPlane[Symbol.asyncDispose]());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-commands-'));
  await writeFile(join(dir, 'admin-token'), `${controlPlane.adminToken}\n`, { mode: 0o600 });
});
afterEach(() => rm(dir, { recursive: true }));

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function cli(
  args: string[],
  { stdin = '', env = {} }: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  const output = { stdout: '', stderr: '' };
  const capture = (name: 'stdout' | 'stderr') =>
    new PassThrough().on('data', chunk => {
      output[name] += chunk;
    });
  const defaults = { SPANPASS_CONTROL_PLANE: controlPlane.url, SPANPASS_DATA_DIR: dir };
  const code = await run(args, {
    stdin: Readable.from([stdin]),
    stdout: capture('stdout'),
    stderr: capture('stderr'),
    env: { ...defaults, ...env },
    stop: new AbortController().signal,
  });
  return { code, out: output.stdout, err: output.stderr };
}

async function ok(args: string[], options?: Parameters<typeof cli>[1]): Promise<string> {
  const { code, out, err } = await cli(args, options);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

const of = (piped: string) => ['--project', 'shop', '--piped', piped];

/** Registers and enrolls, and returns the path of the key file. */
async function enrolled(piped: string): Promise<string> {
  const { enrollmentToken } = JSON.parse(await ok(['piped', 'register', ...of(piped), '--json']));
  const keyFile = join(dir, `${piped}.json`);
  await ok(['enroll', '--token', enrollmentToken, '--key-file', keyFile]);
  return keyFile;
}

describe('spanpass piped', () => {
  it('registers, lists, disables and enables', async () => {
    const out = await ok(['piped', 'register', ...of('edge-1')]);
    expect(out).toMatch(/^edge-1 of shop is registered\. Its enrollment token works once, until \d{4}-/);
    expect(out).toContain(`spanpass enroll --control-plane ${controlPlane.url} --token `);
    expect(await ok(['piped', 'disable', ...of('edge-1')])).toBe('edge-1 of shop is disabled.\n');
    expect(await ok(['piped', 'list', '--project', 'shop'])).toBe(
      'PROJECT  PIPED   STATUS    KEYS  SCOPES  CREATED\nshop     edge-1  disabled  0     traces  2023-11-14 22:13:20Z\n',
    );
    expect(JSON.parse(await ok(['piped', 'enable', ...of('edge-1'), '--json']))).toMatchObject({
      piped: 'edge-1',
      pipedStatus: 'active',
    });
    expect(JSON.parse(await ok(['piped', 'list', '--json'])).items).toHaveLength(1);
    expect(await ok(['piped', 'list', '--project', 'empty'])).toBe(
      'No pipeds yet: spanpass piped register --project P --piped D\n',
    );
  });

  it('says what the control plane said', async () => {
    await ok(['piped', 'register', ...of('twice'), '--scopes', 'traces', 'logs']);
    expect(await cli(['piped', 'register', ...of('twice')])).toEqual({
      code: 1,
      out: '',
      err: 'spanpass: No: twice is registered in shop already (for a fresh token: --renew-token)\n',
    });
    expect(
      JSON.parse(await ok(['piped', 'register', ...of('twice'), '--renew-token', '--json'])).enrollmentToken,
    ).toMatch(/./);
    expect((await cli(['piped', 'disable', ...of('nobody')])).err).toMatch(/^spanpass: No: piped_unknown\n$/);
  });
});

describe('spanpass key', () => {
  it('creates a key file that nobody else can read and never overwrites one', async () => {
    await ok(['piped', 'register', ...of('edge-2')]);
    const keyFile = join(dir, 'key.json');
    const { record } = JSON.parse(
      await ok(['key', 'create', ...of('edge-2'), '--key-file', keyFile, '--alg', 'EdDSA', '--json']),
    );
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(await parseKeyFile(JSON.parse(await readFile(keyFile, 'utf8')))).toMatchObject({
      kid: record.kid,
      alg: 'EdDSA',
    });
    const before = controlPlane.records.size;
    const { code, err } = await cli(['key', 'create', ...of('edge-2'), '--key-file', keyFile]);
    expect({ code, err }).toEqual({
      code: 1,
      err: `spanpass: ${keyFile} exists already and is not overwritten: move it away, or name another\n`,
    });
    expect(controlPlane.records.size).toBe(before);
  });

  it('revokes a key that was made and could not be kept', async () => {
    await ok(['piped', 'register', ...of('edge-3')]);
    const { code, err } = await cli([
      'key',
      'create',
      ...of('edge-3'),
      '--key-file',
      join(dir, 'no', 'such', 'folder.json'),
    ]);
    expect(code).toBe(1);
    expect(err).toMatch(/^spanpass: cannot write .*folder\.json: ENOENT\n$/);
    const left = [...controlPlane.records.values()].filter(({ piped }) => piped === 'edge-3');
    expect(left.map(({ keyStatus }) => keyStatus)).toEqual(['revoked']);
  });

  it('lists and revokes', async () => {
    await enrolled('edge-4');
    const { items } = JSON.parse(await ok(['key', 'list', ...of('edge-4'), '--json']));
    const [{ kid }] = items;
    expect(await ok(['key', 'revoke', kid])).toBe(`Key ${kid} of edge-4 in shop is revoked.\n`);
    expect(await ok(['key', 'list', ...of('edge-4')])).toMatch(
      new RegExp(`^KID +ALG +STATUS +FROM +UNTIL\\n${kid}  ES256  revoked  `),
    );
    expect((await cli(['key', 'revoke', 'short'])).code).toBe(2);
    expect((await cli(['key', 'revoke', 'A'.repeat(43)])).err).toMatch(/No: no key has this id\n$/);
  });
});

describe('spanpass enroll', () => {
  it('takes the token from standard input or the environment', async () => {
    for (const [n, how] of [{ stdin: true }, { env: true }].entries()) {
      const { enrollmentToken } = JSON.parse(await ok(['piped', 'register', ...of(`from-${n}`), '--json']));
      const keyFile = join(dir, `from-${n}.json`);
      const out =
        'stdin' in how
          ? await ok(['enroll', '--token', '-', '--key-file', keyFile], { stdin: `${enrollmentToken}\n` })
          : await ok(['enroll', '--key-file', keyFile], { env: { SPANPASS_ENROLLMENT_TOKEN: enrollmentToken } });
      expect(out).toContain(`from-${n} of shop is enrolled with key `);
      expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    }
  });

  it('tells nothing secret with --json', async () => {
    const { enrollmentToken } = JSON.parse(await ok(['piped', 'register', ...of('quiet'), '--json']));
    const out = await ok(['enroll', '--token', enrollmentToken, '--key-file', join(dir, 'quiet.json'), '--json']);
    expect(JSON.parse(out)).toMatchObject({ piped: 'quiet', audience: 'spanpass-gateway' });
    expect(out).not.toContain('privateJwk');
  });

  it.each([
    [[], 2, /an enrollment token is needed/],
    [['--token', 'with blanks'], 2, /that is no enrollment token/],
    [['--token', 'unknown-token'], 1, /enrollment_token_invalid/],
    [['--token', 'x', '--control-plane', 'http://192.0.2.1:9085'], 1, /over plaintext/],
    [['--token', 'x', '--control-plane', 'ftp://x'], 2, /--control-plane: 'ftp:\/\/x' is no http/],
  ])('%j is refused', async (args, expected, message) => {
    const { code, err } = await cli(['enroll', '--key-file', join(dir, 'k.json'), ...args]);
    expect(err).toMatch(message);
    expect(code).toBe(expected);
  });
});

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

  it('a check says what a server would answer, and why', async () => {
    const keyFile = await enrolled('edge-6');
    const token = (await ok(['token', '--key-file', keyFile])).trim();
    expect(await ok(['check', token])).toMatch(
      /^Allowed, as edge-6 of shop, until \d{4}-.*\nKey [\w-]{43}, which may send traces\.\n$/,
    );
    expect(JSON.parse(await ok(['check', '--json'], { stdin: `Bearer ${token}\n` }))).toMatchObject({
      allowed: true,
      piped: 'edge-6',
    });

    const scope = await cli(['check', token, '--path', '/v1/logs', '--json']);
    expect(JSON.parse(scope.out)).toMatchObject({
      allowed: false,
      code: 'scope_denied',
      grpcStatus: 7,
      httpStatus: 403,
    });
    expect(scope).toMatchObject({ code: 1, err: 'spanpass: that credential would be refused\n' });

    const [head, claims] = token.split('.');
    const forged = await cli(['check', `${head}.${claims}.${'A'.repeat(86)}`]);
    expect(forged.out).toBe(
      'Refused with UNAUTHENTICATED (16), over HTTP 401:\nsignature_invalid: the signature does not verify\n',
    );

    const { kid } = await parseKeyFile(JSON.parse(await readFile(keyFile, 'utf8')));
    await ok(['key', 'revoke', kid]);
    expect((await cli(['check', token])).out).toMatch(/key_revoked/);
    expect((await cli(['check', ''])).code).toBe(2);
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

describe('the admin token', () => {
  it('comes from the environment first', async () => {
    const { code, err } = await cli(['piped', 'list'], { env: { SPANPASS_ADMIN_TOKEN: 'another-token' } });
    expect({ code, err }).toEqual({
      code: 1,
      err: 'spanpass: the control plane does not know this admin token: see --help on where it comes from\n',
    });
  });

  it('is asked for in a line that says where from', async () => {
    const { code, err } = await cli(['piped', 'list', '--data-dir', join(dir, 'none')]);
    expect(code).toBe(1);
    expect(err).toBe(
      `spanpass: there is no ${join(dir, 'none', 'admin-token')}: set SPANPASS_ADMIN_TOKEN, or name the control plane's data with --data-dir\n`,
    );
  });

  it('is not taken from a file that others can read', async () => {
    await chmod(join(dir, 'admin-token'), 0o644);
    expect((await cli(['piped', 'list'])).err).toMatch(/can be read by others than its owner: chmod 600 /);
  });

  it('goes nowhere over plaintext', async () => {
    const { code, err } = await cli(['piped', 'list', '--control-plane', 'http://192.0.2.1:9085']);
    expect(code).toBe(2);
    expect(err).toMatch(/no token is sent to 192\.0\.2\.1:9085 over plaintext/);
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
    await writeFile(config, `grpcPort: 0\nmetricsPort: 0\ncontrolPlane: ${controlPlane.url}\nlogLevel: silent\n`);
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
