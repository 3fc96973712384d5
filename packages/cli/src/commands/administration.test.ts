import { chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseKeyFile } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';

import { cli, controlPlane, dir, enrolled, of, ok } from './commands.test.helper.ts';

describe('spanpass piped', () => {
  it('registers, lists, disables and enables', async () => {
    const out = await ok(['piped', 'register', ...of('edge-1')]);
    expect(out).toMatch(/^edge-1 of shop is registered\. Its enrollment token works once, until \d{4}-/);
    expect(out).toContain(`spanpass enroll --control-plane ${controlPlane.url} --token `);
    expect(await ok(['piped', 'disable', ...of('edge-1')])).toBe('edge-1 of shop is disabled.\n');
    expect(await ok(['piped', 'list', '--project', 'shop'])).toBe(
      'PROJECT  PIPED   STATUS    KEYS  LAST SEEN  REFUSED  SCOPES  CREATED\nshop     edge-1  disabled  0     -          -        traces  2023-11-14 22:13:20Z\n',
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
      new RegExp(`^KID +ALG +STATUS +FROM +UNTIL +LAST USED\\n${kid}  ES256  revoked  `),
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
