import fs from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type EnrollOptions, enroll } from './enroll.ts';
import { ControlPlaneError } from './errors.ts';
import { readKeyFile, readPendingKey } from './key-file.ts';
import { signedSource } from './signed-source.ts';
import { ENROLLMENT_TOKEN, startControlPlane } from './testing/control-plane.ts';
import {
  createClock,
  createPiped,
  expectFailure,
  expectNoSecret,
  NOW_MS,
  temporaryDirectory,
  verifyAuthorization,
} from './testing/fixture.ts';
import { listen } from './testing/listen.ts';

async function createOptions(controlPlane: string, more: Partial<EnrollOptions> = {}): Promise<EnrollOptions> {
  const keyFile = join(await temporaryDirectory(), 'key.json');
  return { controlPlane, enrollmentToken: ENROLLMENT_TOKEN, keyFile, now: () => NOW_MS, ...more };
}

async function pendingSecret(keyFile: string): Promise<string[]> {
  const { privateJwk } = await readPendingKey(`${keyFile}.pending`);
  return [privateJwk.d ?? ''];
}

/** A control plane that answers by hand. */
async function startStub(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}`;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('enroll', () => {
  it('writes a key file of which credentials can be signed, and tells all of it but the key', async () => {
    const controlPlane = await startControlPlane();
    const options = await createOptions(controlPlane.url);
    const enrolled = await enroll(options);
    const { privateJwk, ...rest } = await readKeyFile(options.keyFile);
    expect(enrolled).toEqual(rest);
    expect(enrolled).toEqual({
      ...{ v: 1, kid: controlPlane.record()?.kid, alg: 'ES256', project: 'shop', piped: 'edge-1' },
      ...{ audience: 'spanpass-gateway', controlPlane: controlPlane.url, notAfter: NOW_MS / 1000 + 90 * 86_400 },
      issuedAt: NOW_MS / 1000,
    });
    expectNoSecret(enrolled, [privateJwk.d ?? '', ENROLLMENT_TOKEN]);
    expect(await fs.readdir(join(options.keyFile, '..'))).toEqual(['key.json']);
    expect((await fs.stat(options.keyFile)).mode & 0o777).toBe(0o600);
    const { now } = createClock();
    const token = await signedSource({ keyFile: options.keyFile, now }).credential();
    const record = controlPlane.record() ?? expect.fail('no record');
    await verifyAuthorization(`Bearer ${token}`, record, now);
  });

  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)('makes a key for %s', async alg => {
    const controlPlane = await startControlPlane();
    expect(await enroll(await createOptions(controlPlane.url, { alg }))).toMatchObject({ alg });
    expect(controlPlane.record()?.alg).toBe(alg);
  });

  it('has written the pending key, 0600, before it asks', async () => {
    const options = await createOptions('http://127.0.0.1:9');
    let mode = 0;
    const send: typeof fetch = async () => {
      mode = (await fs.stat(`${options.keyFile}.pending`)).mode & 0o777;
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
    };
    await expectFailure(enroll({ ...options, fetch: send }), 'control_plane_unreachable', /ECONNREFUSED/);
    expect(mode).toBe(0o600);
  });

  it('asks again with the same key after a lost answer', async () => {
    const controlPlane = await startControlPlane();
    controlPlane.lose = 2;
    const options = await createOptions(controlPlane.url);
    for (let attempt = 0; attempt < 2; attempt++) {
      const failing = enroll(options);
      await failing.catch(() => {});
      const secrets = [ENROLLMENT_TOKEN, ...(await pendingSecret(options.keyFile))];
      await expectFailure(failing, 'control_plane_unreachable', /can't be reached \(\w+\)$/, secrets);
    }
    const { kid } = await enroll(options);
    expect(controlPlane.asked).toEqual([kid, kid, kid]);
  });

  it('takes two enrollments at once for one', async () => {
    const controlPlane = await startControlPlane();
    const options = await createOptions(controlPlane.url);
    const outcomes = await Promise.allSettled([enroll(options), enroll(options), enroll(options)]);
    const { kid } = await readKeyFile(options.keyFile);
    expect(controlPlane.record()?.kid).toBe(kid);
    expect(new Set(controlPlane.asked)).toEqual(new Set([kid]));
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await fs.readdir(join(options.keyFile, '..'))).toEqual(['key.json']);
  });
});

describe('what is on disk already', () => {
  it('is a key file: it is not overwritten, and nobody is asked', async () => {
    const controlPlane = await startControlPlane();
    const { keyFile, file } = await createPiped();
    const options = await createOptions(controlPlane.url, { keyFile });
    await expectFailure(
      enroll(options),
      'key_file_exists',
      /key\.json holds the key of edge-1 in shop already and is not overwritten/,
    );
    expect(await readKeyFile(keyFile)).toEqual(file);
    expect(controlPlane.asked).toEqual([]);
  });

  it('is a key file and a pending key of another: neither is touched', async () => {
    const controlPlane = await startControlPlane();
    const { keyFile } = await createPiped();
    const { pair } = await createPiped();
    const pending = { v: 1, status: 'pending', kid: pair.kid, alg: pair.alg, privateJwk: pair.privateJwk };
    await fs.writeFile(`${keyFile}.pending`, JSON.stringify(pending), { mode: 0o600 });
    await expectFailure(
      enroll(await createOptions(controlPlane.url, { keyFile })),
      'key_file_exists',
      /not overwritten/,
    );
    expect((await readPendingKey(`${keyFile}.pending`)).kid).toBe(pair.kid);
  });

  it('is a pending key for another algorithm: said, and kept', async () => {
    const options = await createOptions('http://127.0.0.1:9');
    await expectFailure(enroll(options), 'control_plane_unreachable', /\(ECONNREFUSED\)|\(unknown error\)/);
    const before = await readPendingKey(`${options.keyFile}.pending`);
    await expectFailure(
      enroll({ ...options, alg: 'EdDSA' }),
      'pending_key_mismatch',
      /holds an ES256 key .* or remove it/,
    );
    expect(await readPendingKey(`${options.keyFile}.pending`)).toEqual(before);
  });

  it('is a pending key that others can read, or that is damaged', async () => {
    const options = await createOptions('http://127.0.0.1:9');
    const path = `${options.keyFile}.pending`;
    await fs.writeFile(path, '{"v":1', { mode: 0o600 });
    await expectFailure(enroll(options), 'key_file_invalid', /key\.json\.pending is not valid JSON/);
    await fs.chmod(path, 0o644);
    await expectFailure(enroll(options), 'key_file_exposed', /chmod 600 .*key\.json\.pending$/);
  });
});

describe('a control plane that refuses', () => {
  it.each([
    [
      ENROLLMENT_TOKEN.replace('0', '1'),
      NOW_MS,
      401,
      'enrollment_token_invalid',
      /refused: enrollment_token_invalid \(401\): the token is unknown, .* ask for a new one$/,
    ],
    [
      ENROLLMENT_TOKEN,
      NOW_MS + 3_600_000,
      400,
      'proof_invalid',
      /refused: proof_invalid \(400\): check this machine's clock$/,
    ],
  ])(
    '%#: says why and what to do, and the next enrollment works',
    async (enrollmentToken, nowMs, status, code, message) => {
      const controlPlane = await startControlPlane();
      const options = await createOptions(controlPlane.url);
      const failing = enroll({ ...options, enrollmentToken, now: () => nowMs });
      await failing.catch(() => {});
      const secrets = [enrollmentToken, ...(await pendingSecret(options.keyFile))];
      const error = await expectFailure(failing, 'control_plane_refused', message, secrets);
      expect(error).toBeInstanceOf(ControlPlaneError);
      expect(error).toMatchObject({ httpStatus: status, problemCode: code });
      expect(await enroll(options)).toMatchObject({ piped: 'edge-1' });
    },
  );

  it.each([
    [503, '{"code":"unavailable"}', 'unavailable'],
    [500, '<html>', 'unknown'],
    [502, '', 'unknown'],
    [400, `{"code":"x\\r\\n${ENROLLMENT_TOKEN}"}`, 'unknown'],
    [400, `{"code":{"a":1}}`, 'unknown'],
    [400, 'null', 'unknown'],
    [302, '', 'unknown'],
    [404, '{"code":"not_found"}', 'not_found'],
  ])('with %d and %j: in one line', async (status, body, problemCode) => {
    const url = await startStub((_, response) =>
      response.writeHead(status, { location: 'http://127.0.0.1:1' }).end(body),
    );
    const message = new RegExp(`^the control plane at ${url} refused: ${problemCode} \\(${status}\\)$`);
    const failing = enroll(await createOptions(url));
    expect(await expectFailure(failing, 'control_plane_refused', message, [ENROLLMENT_TOKEN])).toMatchObject({
      problemCode,
    });
  });
});

describe('a control plane that misbehaves', () => {
  const answers: [string, (record: object) => unknown][] = [
    ['nothing', () => ''],
    ['HTML', () => '<html></html>'],
    ['an empty object', () => ({})],
    ['a list', () => []],
    ['no audience', record => ({ record, controlPlane: 'https://a' })],
    ['an audience that is none', record => ({ record, gatewayAudience: '', controlPlane: 'https://a' })],
    ['a control plane that is none', record => ({ record, gatewayAudience: 'a', controlPlane: 'ftp://a' })],
    [
      'a record of version 2',
      record => ({ record: { ...record, v: 2 }, gatewayAudience: 'a', controlPlane: 'https://a' }),
    ],
    ['the record of another key', record => ({ record, gatewayAudience: 'a', controlPlane: 'https://a' })],
  ];
  it.each(answers)('answers with %s: nothing is written', async (_, answerFrom) => {
    const { record } = await createPiped();
    const answer = answerFrom(record);
    const url = await startStub((_, response) =>
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer)),
    );
    const options = await createOptions(url);
    await expectFailure(
      enroll(options),
      'control_plane_answer_invalid',
      /^the control plane at \S+ (did not answer|answered) with/,
    );
    expect(await fs.readdir(join(options.keyFile, '..'))).toEqual(['key.json.pending']);
  });

  it('answers without end', async () => {
    let written = 0;
    const url = await startStub(async (_, response) => {
      while (!response.destroyed && written < 2 ** 28) {
        written += 65_536;
        if (!response.write(Buffer.alloc(65_536, ' '))) await new Promise(resolve => setImmediate(resolve));
      }
    });
    await expectFailure(enroll(await createOptions(url)), 'control_plane_answer_invalid', /more than 64 KiB$/);
    expect(written).toBeLessThan(2 ** 28);
  });

  it.each([
    ['never answers', () => {}],
    ['never ends its answer', (_, response) => response.write('{')],
  ] as [string, RequestListener][])('%s', async (_, listener) => {
    const options = await createOptions(await startStub(listener), { timeoutMs: 50 });
    await expectFailure(enroll(options), 'control_plane_timed_out', /did not answer within 50 ms$/, [ENROLLMENT_TOKEN]);
  });

  it('is bounded even by a fetch that ignores its signal', async () => {
    const options = await createOptions('https://pass.example.com', {
      timeoutMs: 5,
      fetch: () => new Promise(() => {}),
    });
    await expectFailure(enroll(options), 'control_plane_timed_out', /within 5 ms/);
  });
});

describe('what is never done', () => {
  it.each(['http://pass.example.com', 'http://127.0.0.1@pass.example.com', 'http://localhost.evil.com:9085'])(
    'asking %s over plaintext',
    async controlPlane => {
      const send = vi.fn<typeof fetch>();
      const options = await createOptions(controlPlane, { fetch: send });
      await expectFailure(enroll(options), 'plaintext_refused', /use https/, [ENROLLMENT_TOKEN]);
      expect(send).not.toHaveBeenCalled();
      expect(await fs.readdir(join(options.keyFile, '..'))).toEqual([]);
    },
  );

  it.each([
    { controlPlane: 'pass.example.com' },
    { controlPlane: 'https://user:password@pass.example.com' },
    { enrollmentToken: '' },
    { enrollmentToken: 'two words' },
    { enrollmentToken: 'x'.repeat(513) },
    { keyFile: '' },
    { alg: 'none' as 'ES256' },
    { timeoutMs: 0 },
    { timeoutMs: Number.NaN },
  ])('taking %j for anything but a mistake', async wrong => {
    const send = vi.fn<typeof fetch>();
    const options = await createOptions('https://pass.example.com', { fetch: send, ...wrong });
    await expect(enroll(options)).rejects.toThrow(TypeError);
    expect(send).not.toHaveBeenCalled();
  });
});
