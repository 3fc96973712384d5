import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '@spanpass/control-plane';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outputOf, runCommand } from './run-command.test.support.ts';

/** The commands of an operator, against a real control plane. */
let dir: string;
let plane: ControlPlane;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-operator-'));
  const now = () => Date.UTC(2030, 0, 1);
  plane = await startControlPlane({ dataDir: dir, port: 0, env: {}, logger: pino({ level: 'silent' }), now });
}, 60_000);
afterAll(async () => {
  await plane.close();
  await rm(dir, { recursive: true });
});

function cli(args: string[], token?: string) {
  const env = {
    SPANPASS_CONTROL_PLANE: plane.url,
    SPANPASS_DATA_DIR: dir,
    ...(token && { SPANPASS_ADMIN_TOKEN: token }),
  };
  return runCommand(args, { env });
}

async function ok(args: string[], token?: string): Promise<string> {
  return outputOf(await cli(args, token));
}

async function report(body: object): Promise<void> {
  const response = await fetch(`${plane.url}/v1/reports/usage`, {
    method: 'POST',
    headers: { authorization: `Bearer ${plane.authServerToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ keys: [], refusals: [], dropped: 0, ...body }),
  });
  expect(response.status).toBe(200);
}

describe('spanpass project', () => {
  it('creates, lists, disables and enables', async () => {
    expect(await ok(['project', 'list'])).toBe('No projects yet: spanpass project create P\n');
    expect(await ok(['project', 'create', 'shop'])).toMatch(/^The project shop is there\. Its first piped: /);
    expect(await cli(['project', 'create', 'shop'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/there already\n$/),
    });
    expect(await ok(['project', 'disable', 'shop'])).toBe('The project shop is disabled.\n');
    expect(await ok(['project', 'list'])).toBe('PROJECT  STATUS    CREATED\nshop     disabled  2030-01-01 00:00:00Z\n');
    expect(JSON.parse(await ok(['project', 'enable', 'shop', '--json']))).toMatchObject({ projectStatus: 'active' });
    expect(JSON.parse(await ok(['project', 'list', '--json'])).items).toHaveLength(1);
    expect((await cli(['project', 'create', 'a/b'])).code).toBe(2);
  });
});

describe('spanpass admin-token', () => {
  it('creates a token that does what it is for and no more, lists it, and revokes it', async () => {
    const out = await ok(['admin-token', 'create', '--name', 'alice', '--role', 'project-admin', '--project', 'shop']);
    expect(out).toMatch(
      /^alice is project-admin of shop, until 2030-04-01 00:00:00Z\. The token is shown this once:\n\n {2}spanpass_admin_/,
    );
    const token = /spanpass_admin_\w+/.exec(out)?.[0];
    await ok(['piped', 'register', '--project', 'shop', '--piped', 'edge-1'], token);
    expect(await cli(['piped', 'register', '--project', 'other', '--piped', 'edge-1'], token)).toMatchObject({
      code: 1,
    });
    expect((await cli(['admin-token', 'list'], token)).err).toMatch(/does not allow this call/);

    const list = await ok(['admin-token', 'list', '--state', 'active']);
    expect(list).toMatch(/^ID +NAME +ROLE +PROJECTS +STATE +UNTIL +LAST USED\n/);
    expect(list).toMatch(/ admin-token +owner +all +active +replaced +-\n/);
    const id = /^([0-9a-f-]{36}) +alice +project-admin +shop +active /m.exec(list)?.[1] ?? '';
    expect(list).not.toContain(token);
    expect(await ok(['admin-token', 'revoke', id])).toBe(`The token of alice (${id}) is revoked.\n`);
    expect((await cli(['piped', 'list'], token)).err).toMatch(/does not know this admin token/);
    const { items } = JSON.parse(await ok(['admin-token', 'list', '--state', 'revoked', '--json']));
    expect(items).toMatchObject([{ id, name: 'alice' }]);
  });

  it.each([
    [['--role', 'viewer', '--life', '0d'], /a number and m, h or d/],
    [['--role', 'boss'], /Allowed choices are owner, project-admin, viewer, auth-server/],
    [['--role', 'viewer', '--project', 'a/b'], /must be 1 to 64/],
    [[], /--role/],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { code, err } = await cli(['admin-token', 'create', '--name', 'x', ...args]);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });

  it('makes a token for an auth server, for as long as is said', async () => {
    const args = ['admin-token', 'create', '--name', 'eu-1', '--role', 'auth-server', '--life', '12h', '--json'];
    const created = JSON.parse(await ok(args));
    expect(created.token).toMatch(/^spanpass_as_/);
    expect(created.expiresAt - created.createdAt).toBe(12 * 3600);
    expect((await cli(['admin-token', 'revoke', created.token])).code).toBe(2);
  });
});

describe('what auth servers report', () => {
  it('is shown beside pipeds and keys, and keeps the last key in use from being revoked by mistake', async () => {
    const of = ['--project', 'shop', '--piped', 'edge-2'];
    await ok(['piped', 'register', ...of]);
    const { record } = JSON.parse(await ok(['key', 'create', ...of, '--key-file', join(dir, 'edge-2.json'), '--json']));
    const { kid } = record;
    const at = Date.UTC(2029, 11, 31, 23) / 1000;
    await report({
      keys: [{ kid, lastUsedAt: at }],
      refusals: [
        { kid, verified: true, count: 6, lastReason: 'expired', lastAt: at },
        { kid, verified: false, count: 1000, lastReason: 'signature_invalid', lastAt: at },
      ],
    });
    const line = /^shop +edge-2 .*$/m.exec(await ok(['piped', 'list']))?.[0];
    expect(line?.split(/ {2,}/)).toEqual([
      ...['shop', 'edge-2', 'active', '1', '2029-12-31 23:00:00Z'],
      ...['6 (expired), unproven: 1000 (signature_invalid)', 'traces', '2030-01-01 00:00:00Z'],
    ]);
    expect(await ok(['key', 'list', ...of])).toMatch(/ LAST USED\n.* 2029-12-31 23:00:00Z\n$/);

    const refused = await cli(['key', 'revoke', kid]);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/^spanpass: It is the last key that the piped uses: .* \(all the same: --force\)\n$/);
    expect(await ok(['key', 'revoke', kid, '--force'])).toBe(`Key ${kid} of edge-2 in shop is revoked.\n`);
  });
});
