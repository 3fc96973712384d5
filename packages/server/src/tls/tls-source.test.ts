import { X509Certificate } from 'node:crypto';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthority, type Pair, selfSigned } from './certificates.test.support.ts';
import { TlsError, type TlsOptions } from './options.ts';
import { openTls, type TlsChange, type TlsSource } from './tls-source.ts';

const [first, second] = [selfSigned('first'), selfSigned('second')];
const { ca } = createAuthority('clients');
const nameOf = ({ context }: Pick<TlsSource, 'context'>) => new X509Certificate(String(context.cert)).subject;

let dir: string;
const open: AsyncDisposable[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-tls-'));
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});
afterAll(() => vi.restoreAllMocks());

const files = () => ({ certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') });

async function put({ cert, key }: Partial<Pair>): Promise<void> {
  const { certFile, keyFile } = files();
  if (cert !== undefined) await writeFile(certFile, cert);
  if (key !== undefined) await writeFile(keyFile, key);
}

async function opened(options: Partial<TlsOptions> = {}, pollMs = 5) {
  const changes: TlsChange[] = [];
  const source = await openTls({ ...files(), pollMs, ...options } as TlsOptions, {
    onChange: one => changes.push(one),
  });
  open.push(source);
  return { source, changes };
}

const refusals = (changes: readonly TlsChange[]) =>
  changes.flatMap(change => ('refused' in change ? [change.refused.code] : []));

describe('a certificate that can not be used is refused at the start', () => {
  const code = (options: TlsOptions, now = Date.now) =>
    openTls(options, { now }).then(
      () => 'opened',
      (error: unknown) => (error instanceof TlsError ? error.code : String(error)),
    );
  const cutOff = first.cert.slice(0, -40);

  it.each<[string, TlsOptions, string]>([
    ['good', first, 'opened'],
    ['the key of another', { cert: first.cert, key: second.key }, 'mismatch'],
    ['a key that is none', { cert: first.cert, key: 'x' }, 'malformed'],
    ['no certificate', { cert: '', key: first.key }, 'malformed'],
    ['cut off', { cert: cutOff, key: first.key }, 'malformed'],
    ['a chain that is cut off', { cert: first.cert + cutOff, key: first.key }, 'malformed'],
    ['rubbish', { cert: first.cert.replace('MII', 'xxx'), key: first.key }, 'malformed'],
    ['nobody to trust', { ...first, clientCa: '' }, 'malformed'],
    ['somebody to trust', { ...first, clientCa: ca }, 'opened'],
    ['a file that is not there', { certFile: '/nowhere/tls.crt', keyFile: '/nowhere/tls.key' }, 'unreadable'],
  ])('%s', async (_, options, expected) => {
    expect(await code(options)).toBe(expected);
  });

  it('expired', async () => {
    expect(await code(first, () => Date.now() + 86_400_001)).toBe('expired');
  });

  it('and nothing of a key is told', async () => {
    const secret = first.key.split('\n')[1] ?? '';
    const failing = openTls({ cert: first.cert, key: first.key.replace('-----END', '') });
    await expect(failing).rejects.toThrow(/^key: not an unencrypted private key$/);
    await failing.catch((error: Error) => expect(`${error.stack} ${String(error.cause)}`).not.toContain(secret));
  });

  it('TLS 1.2 is the oldest that is spoken, unless 1.3 is asked for', async () => {
    const source = await openTls(first);
    expect(source.context.minVersion).toBe('TLSv1.2');
    expect((await openTls({ ...first, minVersion: 'TLSv1.3' })).context.minVersion).toBe('TLSv1.3');
  });
});

describe('files that change', () => {
  it('are taken into use, and whoever follows is told', async () => {
    await put(first);
    const { source, changes } = await opened();
    const followed: string[] = [];
    source.follow(context => followed.push(nameOf({ context })));
    expect(nameOf(source)).toBe('CN=first');
    await put(second);
    await vi.waitFor(() => expect(followed).toEqual(['CN=second']));
    expect(nameOf(source)).toBe('CN=second');
    expect(changes).toEqual([{ expiresAt: source.expiresAt }]);
  });

  it('behind a link that is swapped, as Kubernetes swaps secrets', async () => {
    for (const [folder, pair] of Object.entries({ first, second })) {
      const at = await mkdtemp(join(dir, folder));
      await writeFile(join(at, 'tls.crt'), pair.cert);
      await writeFile(join(at, 'tls.key'), pair.key);
      await symlink(at, join(dir, `..${folder}`));
    }
    await rename(join(dir, '..first'), join(dir, '..data'));
    for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(dir, name));
    const { source } = await opened();
    expect(nameOf(source)).toBe('CN=first');
    await rename(join(dir, '..second'), join(dir, '..data'));
    await vi.waitFor(() => expect(nameOf(source)).toBe('CN=second'));
  });

  it.each<[string, Partial<Pair>, string]>([
    ['a pair that does not match', { cert: second.cert }, 'mismatch'],
    ['a certificate that is half written', { cert: second.cert.slice(0, 300), key: second.key }, 'malformed'],
    ['a key that is half written', { cert: second.cert, key: second.key.slice(0, 100) }, 'malformed'],
    ['an empty file', { cert: '' }, 'malformed'],
  ])('are refused once, and the old ones stay: %s', async (_, bad, code) => {
    await put(first);
    const { source, changes } = await opened();
    await put(bad);
    await vi.waitFor(() => expect(refusals(changes)).toEqual([code]));
    expect(nameOf(source)).toBe('CN=first');
    await put(second);
    await vi.waitFor(() => expect(nameOf(source)).toBe('CN=second'));
    expect(refusals(changes)).toEqual([code]);
  });

  it('that are taken away are refused once, and the old ones stay', async () => {
    await put(first);
    const { source, changes } = await opened();
    await rm(files().keyFile);
    await vi.waitFor(() => expect(refusals(changes)).toEqual(['unreadable']));
    expect(nameOf(source)).toBe('CN=first');
  });
});

describe('a reload on demand', () => {
  it('changes nothing until it is taken', async () => {
    await put(first);
    const { source } = await opened({}, 1_000_000);
    await put(second);
    const take = await source.prepare();
    expect(nameOf(source)).toBe('CN=first');
    await take();
    expect(nameOf(source)).toBe('CN=second');
  });

  it('takes other files, and follows those', async () => {
    const source = await openTls(first);
    open.push(source);
    await put(second);
    await (await source.prepare({ ...files(), pollMs: 5 }))();
    expect(nameOf(source)).toBe('CN=second');
    await put(first);
    await vi.waitFor(() => expect(nameOf(source)).toBe('CN=first'));
  });

  it('can not begin or cease to demand certificates of clients', async () => {
    const source = await openTls(first);
    await expect(source.prepare({ ...first, clientCa: ca })).rejects.toMatchObject({ code: 'client_ca_fixed' });
    const demanding = await openTls({ ...first, clientCa: ca });
    await expect(demanding.prepare(first)).rejects.toMatchObject({ code: 'client_ca_fixed' });
    expect(demanding.context.ca).toBe(ca);
  });
});
