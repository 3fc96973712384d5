import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '@spanpass/control-plane';
import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { createKeyPair, signAuditHead } from '@spanpass/credential';
import { startAuthServer } from '@spanpass/server';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { outputOf, runCommand } from './run-command.test.support.ts';

let dir: string;
let plane: ControlPlane;
let admin: ControlPlaneClient;
/** As an auth server keeps them. */
let heads: string;
let keys: string;
const logger = pino({ level: 'silent' });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-audit-'));
  [heads, keys] = [join(dir, 'audit.heads'), join(dir, 'audit-keys.json')];
  plane = await startControlPlane({
    dataDir: dir,
    port: 0,
    env: {},
    logger,
    auditHeadEveryMs: 50,
    changeFeed: { pollMs: 50, heartbeatMs: 100 },
  });
  admin = new ControlPlaneClient({ url: plane.url, token: plane.adminToken ?? '' });
  await admin.registerPiped({ project: 'shop', piped: 'edge-1' });
  await admin.registerPiped({ project: 'bank', piped: 'edge-1' });
  await admin.disablePiped({ project: 'shop', piped: 'edge-1' });
  const { seq } = await admin.audit.head();
  await using _auth = await startAuthServer({
    controlPlane: { url: plane.url, token: plane.authServerToken ?? '', auditHeadFile: heads },
    ...{ port: 0, http: false, metrics: false, logger },
  });
  const kept = async () => (await readFile(heads, 'utf8').catch(() => '')).trim().split('\n').at(-1) ?? '';
  await vi.waitFor(async () => expect(claimsOf(await kept()).seq).toBe(seq), { timeout: 10_000, interval: 50 });
  await writeFile(keys, await ok(['audit', 'key']));
}, 60_000);
afterAll(async () => {
  await plane.close();
  await rm(dir, { recursive: true });
});

const claimsOf = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[1] ?? 'e30', 'base64url').toString() || '{}');

function cli(args: string[], { token, stdin = '' }: { token?: string; stdin?: string } = {}) {
  const env = {
    SPANPASS_CONTROL_PLANE: plane.url,
    SPANPASS_DATA_DIR: dir,
    ...(token && { SPANPASS_ADMIN_TOKEN: token }),
  };
  return runCommand(args, { env, stdin });
}

async function ok(args: string[], options?: Parameters<typeof cli>[1]): Promise<string> {
  return outputOf(await cli(args, options));
}

describe('spanpass audit list', () => {
  it('shows what was done, by whom, on what', async () => {
    const out = await ok(['audit', 'list', '--project', 'shop']);
    expect(out).toMatch(/^ROW {2}AT +BY +WHO +FROM +ACTION +ON\n/);
    expect(out).toMatch(/owner +[0-9a-f-]{36} +127\.0\.0\.1 +piped\.disabled +shop\/edge-1\n$/);
    expect(out).not.toContain('bank');
  });

  it('takes filters, a limit and times', async () => {
    const list = async (...args: string[]) => JSON.parse(await ok(['audit', 'list', '--json', ...args])).items;
    expect(await list('--action', 'piped.disabled')).toMatchObject([{ target: { project: 'shop', piped: 'edge-1' } }]);
    expect(await list('--limit', '2')).toHaveLength(2);
    expect(await list('--until', '2020-01-01')).toEqual([]);
    expect(await list('--from', '2020-01-01T00:00:00Z', '--project', 'bank')).not.toEqual([]);
    expect(await cli(['audit', 'list', '--from', 'yesterday'])).toMatchObject({ code: 2 });
    expect(await cli(['audit', 'list', '--action', 'nothing'])).toMatchObject({ code: 2 });
  });
});

describe('spanpass audit verify', () => {
  const withHeads = () => ['--head', heads, '--key', keys];

  it('finds the audit of a control plane intact', async () => {
    expect(await ok(['audit', 'verify'])).toMatch(
      /^The audit is intact: \d+ rows, of which the end is vouched for by no/,
    );
    const verdict = JSON.parse(await ok(['audit', 'verify', '--json', ...withHeads()]));
    expect(verdict).toMatchObject({ intact: true, rows: (await admin.audit.head()).seq });
  });

  it('finds in an export what was changed, removed, moved or cut off, says where, and ends with 1', async () => {
    const lines = (await ok(['audit', 'export'])).trim().split('\n');
    const verify = async (rows: string[], ...more: string[]) => {
      const file = join(dir, 'audit.jsonl');
      await writeFile(file, `${rows.join('\n')}\n`);
      return cli(['audit', 'verify', '--file', file, ...more]);
    };
    expect(await verify(lines, ...withHeads())).toMatchObject({ code: 0, err: '' });
    const broken = async (rows: string[], problem: string, ...more: string[]) => {
      const message = `spanpass: the audit was tampered with: ${problem}\n`;
      expect(await verify(rows, ...more)).toEqual({ code: 1, out: '', err: message });
    };
    const victim = lines.findIndex(line => line.includes('piped.disabled'));
    const seq = victim + 1;
    await broken(
      lines.map((line, at) => (at === victim ? line.replace('piped.disabled', 'piped.enabled') : line)),
      `row ${seq} was changed`,
    );
    await broken(lines.toSpliced(3, 1), 'row 4 is missing');
    await broken([...lines.slice(0, 3), lines[4] ?? '', lines[3] ?? '', ...lines.slice(5)], 'row 4 is missing');
    await broken([lines[0] ?? '', ...lines], 'row 1 is out of order');
    await broken(lines.toSpliced(1, 1, '{'), 'what stands in the place of row 2 is no audit row');
    expect(await verify(lines.slice(0, -2))).toMatchObject({ code: 0 });
    await broken(lines.slice(0, -2), `row ${lines.length - 1} and what followed it were cut off`, ...withHeads());
    const answer = await cli(['audit', 'verify', '--json', '--file', '-'], { stdin: lines.toSpliced(0, 1).join('\n') });
    expect(answer).toMatchObject({ code: 1, out: '{"intact":false,"rows":0,"fault":"missing","seq":1}\n' });
  });

  it('takes no head on the word of a key that is not pinned, nor anything for a head', async () => {
    const other = await createKeyPair('ES256');
    const forged = join(dir, 'forged.heads');
    await writeFile(forged, `${await signAuditHead(other, { seq: 1, hash: 'a'.repeat(64), at: 1 })}\n`);
    expect(await cli(['audit', 'verify', '--head', forged, '--key', keys])).toMatchObject({
      code: 1,
      err: expect.stringContaining('head 1: the audit head was signed with a key that is not pinned (key_not_pinned)'),
    });
    await writeFile(forged, '\n');
    expect((await cli(['audit', 'verify', '--head', forged, '--key', keys])).err).toContain('holds no head');
    await writeFile(forged, 'x'.repeat(5000));
    expect((await cli(['audit', 'verify', '--head', forged, '--key', keys])).err).toContain('a line is too long');
    expect((await cli(['audit', 'verify', '--head', heads, '--key', forged])).err).toContain('is no JWK Set');
    expect(await cli(['audit', 'verify', '--head', heads])).toMatchObject({ code: 2 });
    expect(await cli(['audit', 'verify', '--file', join(dir, 'nowhere')])).toMatchObject({ code: 1 });
  });

  it('says to a token that is bound to projects that it can not see all', async () => {
    const { token } = await admin.createToken({ name: 'v', role: 'viewer', projects: ['shop'] });
    const bound = await cli(['audit', 'verify'], { token });
    expect(bound).toMatchObject({ code: 1, err: expect.stringContaining('bound to projects') });
    const unbound = await admin.createToken({ name: 'auditor', role: 'viewer' });
    expect(await ok(['audit', 'verify'], { token: unbound.token })).toContain('The audit is intact');
  });
});
