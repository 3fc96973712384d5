import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createKeyPair,
  importSigningKey,
  type KeyFile,
  parseKeyFile,
  type SignOptions,
  signCredential,
} from '@spanpass/credential';
import { REFUSALS, type RefusalCode } from '@spanpass/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STEP_OF, STEPS } from '../check/steps.ts';
import type { Step } from '../check/walk.ts';
import { cli, dir as commandsDir, enrolled, of, ok } from './commands.test.helper.ts';

const HOUR_MS = 3_600_000;

/** Self-signed; its key was thrown away. */
const CLIENT_PEM = `-----BEGIN CERTIFICATE-----
MIIBojCCAUegAwIBAgIUavaRp91daw1GM8Px8IJArlXJPGgwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGZWRnZS0xMCAXDTI2MTEyNDA4NTMxMloYDzIxMjYxMDMxMDg1
MzEyWjARMQ8wDQYDVQQDDAZlZGdlLTEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQAwbmo2jWmg8wkHMRj5/VcYUrhrpKpynbXVxWPW2l+EBsT3px3wZ5WZcVEpgbv
uo74alHEkBB7wEOZN0J1Gf9bo3sweTAdBgNVHQ4EFgQUgVg4mq4WYsxC1NpHvfzT
tEBJJQUwHwYDVR0jBBgwFoAUgVg4mq4WYsxC1NpHvfzTtEBJJQUwDwYDVR0TAQH/
BAUwAwEB/zAmBgNVHREEHzAdhhtzcGlmZmU6Ly9leGFtcGxlLm9yZy9lZGdlLTEw
CgYIKoZIzj0EAwIDSQAwRgIhAMPytg46icshs2r2Ajt3gRPim6BcnYAy4UVTMnmi
hoyTAiEAqVb8nyawox5x2QnXMwwaeK/HkvwjZxOJhrkAPmgRI1w=
-----END CERTIFICATE-----
`;

async function keyFileOf(piped: string): Promise<KeyFile> {
  return parseKeyFile(JSON.parse(await readFile(await enrolled(piped), 'utf8')));
}

async function passOf(keyFile: KeyFile, options: Partial<SignOptions> = {}): Promise<string> {
  const key = await importSigningKey(keyFile);
  return signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway', ...options });
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString());

/** The same pass, its header changed under the old signature. */
function withHeader(pass: string, members: object): string {
  const [header, claims, signature] = pass.split('.');
  return [encode({ ...decode(header), ...members }), claims, signature].join('.');
}

async function walked(args: string[], options?: Parameters<typeof cli>[1]) {
  const { code, out, err } = await cli(['check', ...args, '--json'], options);
  const result = out === '' ? {} : JSON.parse(out);
  const steps: Step[] = result.steps ?? [];
  return { code, out, err, result, steps, failed: steps.find(({ state }) => state === 'fail') };
}

describe('spanpass check', () => {
  it('walks a good credential through every step, and says whose it is', async () => {
    const pass = await passOf(await keyFileOf('edge-30'));
    const out = await ok(['check', pass]);
    expect(out).toMatch(/\n\nAllowed, as edge-30 of shop, until \d{4}-.*\nKey [\w-]{43}, which may send traces\.\n$/);
    expect(out.match(/^ok {4}/gm)).toHaveLength(Object.keys(STEPS).length);
    const { code, result, steps } = await walked([], { stdin: `Bearer ${pass}\n` });
    expect(code).toBe(0);
    expect(result).toMatchObject({ allowed: true, piped: 'edge-30', authenticator: 'piped-jwt' });
    expect(steps.map(({ step }) => step)).toEqual(Object.keys(STEPS));
    expect(steps.every(({ state }) => state === 'pass')).toBe(true);
    expect(steps.find(({ step }) => step === 'key')?.detail).toMatch(/^of edge-30 of shop, revision \d+$/);
  });

  it('says where it ends, why, what that means to a caller, and that the rest was not looked at', async () => {
    const pass = await passOf(await keyFileOf('edge-31'), { audience: 'other' });
    const { code, out, err } = await cli(['check', pass]);
    expect({ code, err }).toEqual({ code: 1, err: 'spanpass: that credential would be refused\n' });
    expect(out).toContain('FAIL  audience       made for this gateway (aud) (is other, must be spanpass-gateway)\n');
    expect(out).toMatch(/^- {5}times /m);
    expect(out).toMatch(
      /\nRefused with UNAUTHENTICATED \(16\), over HTTP 401:\naudience_mismatch: [^\n]+\nSee docs\/reference\/refusals\.md#audience_mismatch\.\n$/,
    );
    const { steps, failed, result } = await walked([pass]);
    expect(failed).toMatchObject({ step: 'audience', reason: 'audience_mismatch' });
    expect(steps.slice(steps.findIndex(({ state }) => state === 'fail') + 1).map(({ state }) => state)).toEqual(
      Array(11).fill('skipped'),
    );
    expect(result).toMatchObject({ allowed: false, code: 'audience_mismatch', grpcStatus: 16, httpStatus: 401 });
    expect((await walked([pass, '--audience', 'other'])).code).toBe(0);
  });

  it.each<[RefusalCode, (keyFile: KeyFile) => Promise<string> | string, string[]]>([
    ['credential_missing', () => 'Basic YTpi', []],
    ['credential_multiple', async file => `${await passOf(file)},Bearer ${await passOf(file)}`, []],
    ['credential_too_large', () => 'a'.repeat(9000), []],
    ['credential_malformed', () => 'a.b', []],
    ['header_forbidden', async file => withHeader(await passOf(file), { jku: 'https://example.org' }), []],
    ['claims_malformed', async file => (await passOf(file)).replace(/\.[^.]+\./, `.${encode('text')}.`), []],
    ['typ_mismatch', file => passOf(file, { purpose: 'tokenExchange' }), []],
    ['key_unknown', async file => passOf({ ...file, ...(await createKeyPair('ES256')) }), []],
    ['algorithm_mismatch', async file => withHeader(await passOf(file), { alg: 'none' }), []],
    ['signature_invalid', async file => (await passOf(file)).replace(/[^.]+$/, 'A'.repeat(86)), []],
    ['subject_mismatch', file => passOf({ ...file, piped: 'somebody' }), []],
    ['project_mismatch', file => passOf({ ...file, project: 'bank' }), []],
    ['expired', file => passOf(file, { now: () => Date.now() - HOUR_MS }), []],
    ['issued_in_future', file => passOf(file, { now: () => Date.now() + HOUR_MS }), []],
    ['path_unknown', file => passOf(file), ['--path', '/v2/traces']],
    ['scope_denied', file => passOf(file), ['--path', '/v1/logs', '--method', 'PUT']],
    // Of two faults the one that the server finds first.
    ['audience_mismatch', file => passOf(file, { audience: 'x', now: () => 0 }), ['--path', '/']],
    ['audience_mismatch', file => tampered(file, { aud: 'x', project: 'bank' }), []],
    ['expired', file => tampered(file, { exp: 2, iat: 1 }), []],
    ['claims_malformed', file => tampered(file, { exp: 'x', aud: 'x' }), []],
    ['issuer_mismatch', file => tampered(file, { iss: 'y', aud: 'x' }), []],
    ['signature_invalid', file => tampered(file, { project: 'bank' }), []],
    ['algorithm_mismatch', async file => withHeader(await tampered(file, { project: 'bank' }), { alg: 'none' }), []],
    ['project_mismatch', file => passOf({ ...file, project: 'bank' }), ['--path', '/v1/logs']],
  ])('finds %s at its step', async (reason, make, args) => {
    const made = await make(await keyFileOf(`edge-${Math.random().toString(36).slice(2, 8)}`));
    const { failed, code } = await walked([made, ...args]);
    const step = reason === 'claims_malformed' && made.includes(encode('text')) ? 'form' : STEP_OF[reason];
    expect([failed?.reason, failed?.step, code]).toEqual([reason, step, 1]);
  });

  async function tampered(keyFile: KeyFile, members: object): Promise<string> {
    const [header, claims, signature] = (await passOf(keyFile)).split('.');
    return [header, encode({ ...decode(claims), ...members }), signature].join('.');
  }

  it('sees what became of the piped, and of its key', async () => {
    const keyFile = await keyFileOf('edge-32');
    const pass = await passOf(keyFile);
    await ok(['piped', 'disable', ...of('edge-32')]);
    expect((await walked([pass])).failed).toMatchObject({ step: 'piped', detail: 'edge-32 is disabled' });
    await ok(['key', 'revoke', keyFile.kid]);
    expect((await walked([pass])).failed).toMatchObject({ step: 'key state', reason: 'key_revoked' });
  });

  it('never shows the credential, nor a part of it that could be used', async () => {
    const keyFile = await keyFileOf('edge-33');
    const good = await passOf(keyFile);
    const esc = await passOf({ ...keyFile, piped: '\u001b[31mred', project: good.slice(-40) });
    for (const pass of [good, esc, withHeader(good, { typ: '\u001b[2J' }), 'x'.repeat(500)]) {
      for (const args of [[], ['--json']]) {
        const { out, err } = await cli(['check', pass, ...args]);
        const parts = pass === esc ? [pass.split('.')[2] ?? pass] : pass.split('.');
        for (const part of parts) expect(out + err).not.toContain(part);
        expect(out + err).not.toContain('\u001b');
      }
    }
  });

  it('shows a bound credential with the certificate that it is bound to, and with none', async () => {
    const certificate = join(commandsDir, 'client.pem');
    await writeFile(certificate, CLIENT_PEM);
    const certificateThumbprint = createHash('sha256').update(new X509Certificate(CLIENT_PEM).raw).digest('base64url');
    const bound = await passOf(await keyFileOf('edge-35'), { certificateThumbprint });
    expect((await walked([bound, '--certificate', certificate])).code).toBe(0);
    const { failed } = await walked([bound]);
    expect(failed).toMatchObject({ step: 'certificate', reason: 'certificate_mismatch' });
    expect(failed?.detail).toContain('none was shown');
    const other = await passOf(await keyFileOf('edge-36'), { certificateThumbprint: 'A'.repeat(43) });
    expect((await walked([other, '--certificate', certificate])).failed?.detail).toBe('bound to another one');
    expect((await walked(['--certificate', certificate], { stdin: '' })).failed?.reason).toBe('credential_missing');
  });

  it('needs a credential, and a certificate that is one', async () => {
    expect((await cli(['check', ''])).code).toBe(2);
    const missing = await cli(['check', 'a', '--certificate', join(commandsDir, 'none.pem')]);
    expect([missing.code, missing.err]).toEqual([2, expect.stringMatching(/^spanpass: --certificate: can't read it/)]);
    const wrong = await cli(['check', 'a', '--certificate', join(commandsDir, 'admin-token')]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('is not one certificate in PEM')]);
  });
});

describe("spanpass check by a server's settings", () => {
  let dir: string;
  let config: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spanpass-check-'));
    config = join(dir, 'server.yaml');
    await writeFile(join(dir, 'pipeds.json'), '[]');
    const chain = JSON.stringify([{ kind: 'pipecd-key', file: join(dir, 'pipeds.json') }, { kind: 'piped-jwt' }]);
    const docsUrl = 'https://docs.example.org/spanpass';
    await writeFile(config, `gatewayAudience: other-gateway\nauthenticators: ${chain}\ndocsUrl: ${docsUrl}\n`);
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('asks its authenticators, for its audience', async () => {
    const pass = await passOf(await keyFileOf('edge-34'), { audience: 'other-gateway' });
    expect((await walked([pass, '--config', config])).code).toBe(0);
    const { failed, steps, result } = await walked(['shop,edge-1,not-a-key', '--config', config]);
    expect(result.docs).toBe('https://docs.example.org/spanpass/reference/refusals.html#static_key_invalid');
    expect(failed).toMatchObject({ step: 'authenticator', detail: 'pipecd-key', reason: 'static_key_invalid' });
    expect(steps.map(({ step }) => step)).toEqual(['credential', 'authenticator', 'certificate', 'path', 'scope']);
  });

  it('says so when none of them takes it', async () => {
    const { failed } = await walked(['Basic YTpi', '--config', config]);
    expect(failed?.reason).toBe('credential_missing');
    expect(failed?.detail).toBe('none of pipecd-key, piped-jwt');
  });
});

it('every reason has a step, and every step but the first authenticator’s own a reason', () => {
  expect(Object.keys(STEP_OF).sort()).toEqual(Object.keys(REFUSALS).sort());
  expect(new Set(Object.values(STEP_OF))).toEqual(new Set(Object.keys(STEPS)));
});
