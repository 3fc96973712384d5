import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readKeyFile, writeKeyFile } from './key-file.ts';
import { createPiped, expectFailure, expectNoSecret, secretsOf, temporaryDirectory } from './testing/fixture.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('readKeyFile', () => {
  it('reads what writeKeyFile wrote', async () => {
    const piped = await createPiped();
    expect(await readKeyFile(piped.keyFile)).toEqual(piped.file);
    expect((await fs.stat(piped.keyFile)).mode & 0o777).toBe(0o600);
  });

  it.each(['640', '604', '620', '602', '610', '601', '644', '777'])('refuses mode %s', async mode => {
    const { keyFile } = await createPiped();
    await fs.chmod(keyFile, mode);
    await expectFailure(readKeyFile(keyFile), 'key_file_exposed', new RegExp(`: chmod 600 ${keyFile}$`));
  });

  it.each(['600', '400', '700'])('takes mode %s', async mode => {
    const { keyFile, file } = await createPiped();
    await fs.chmod(keyFile, mode);
    expect(await readKeyFile(keyFile)).toEqual(file);
  });

  it('asks nothing of the mode on Windows, which has none', async () => {
    const { keyFile, file } = await createPiped();
    await fs.chmod(keyFile, 0o644);
    vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
    expect(await readKeyFile(keyFile)).toEqual(file);
  });

  it('judges the file that a symbolic link leads to', async () => {
    const { keyFile, file } = await createPiped();
    const link = join(await temporaryDirectory(), 'link.json');
    await fs.symlink(keyFile, link);
    expect(await readKeyFile(link)).toEqual(file);
    await fs.chmod(keyFile, 0o640);
    await expectFailure(readKeyFile(link), 'key_file_exposed', /chmod 600/);
  });

  it('says what to do when it is missing', async () => {
    const path = join(await temporaryDirectory(), 'key.json');
    await expectFailure(readKeyFile(path), 'key_file_missing', /key\.json does not exist: enroll first/);
  });

  it('refuses a directory and a named pipe, and does not wait for either', async () => {
    const directory = await temporaryDirectory();
    await expectFailure(readKeyFile(directory), 'key_file_not_a_file', /is not a file$/);
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    await expectFailure(readKeyFile(pipe), 'key_file_not_a_file', /is not a file$/);
  });

  it('says why it cannot be read', async () => {
    const { keyFile } = await createPiped();
    await expectFailure(readKeyFile(join(keyFile, 'x')), 'key_file_unreadable', /^cannot read .*: ENOTDIR$/);
    vi.spyOn(fs, 'open').mockRejectedValue(Object.assign(new Error('x'), { code: 'EACCES' }));
    await expectFailure(readKeyFile(keyFile), 'key_file_unreadable', /^cannot read .*: EACCES$/);
  });

  it('refuses more than 64 KiB, however large, and takes exactly 64 KiB', async () => {
    const { keyFile, file } = await createPiped();
    const text = JSON.stringify(file);
    await fs.writeFile(keyFile, text.padEnd(65_536));
    expect(await readKeyFile(keyFile)).toEqual(file);
    await fs.writeFile(keyFile, text.padEnd(65_537));
    await expectFailure(readKeyFile(keyFile), 'key_file_too_large', /larger than 64 KiB/);
    await fs.truncate(keyFile, 2 ** 40).catch(() => fs.truncate(keyFile, 2 ** 30));
    await expectFailure(readKeyFile(keyFile), 'key_file_too_large', /larger than 64 KiB/);
  });

  it('quotes nothing of a file that is damaged', async () => {
    const piped = await createPiped();
    const secrets = secretsOf(piped);
    const { privateJwk } = piped.file;
    const damaged: [string, string, RegExp][] = [
      ['', 'key_file_invalid', /is not valid JSON$/],
      [JSON.stringify(piped.file).slice(0, -2), 'key_file_invalid', /is not valid JSON$/],
      [privateJwk.d ?? '', 'key_file_invalid', /is not valid JSON$/],
      ['[]', 'key_file_invalid', /not a JSON object$/],
      [JSON.stringify({ ...piped.file, v: 2 }), 'key_file_unknown_version', /reads version 1/],
      [JSON.stringify({ ...piped.file, kid: 'x' }), 'key_file_invalid', /kid is missing or malformed/],
      [
        JSON.stringify({ ...piped.file, privateJwk: { ...privateJwk, d: `${privateJwk.d}A` } }),
        'key_file_invalid',
        /./,
      ],
      [JSON.stringify({ ...piped.file, privateJwk: { ...privateJwk, x: privateJwk.y } }), 'key_file_invalid', /./],
    ];
    for (const [text, code, message] of damaged) {
      await fs.writeFile(piped.keyFile, text);
      await expectFailure(readKeyFile(piped.keyFile), code as 'key_file_invalid', message, secrets);
    }
  });
});

describe('writeKeyFile', () => {
  it('never overwrites unless told so', async () => {
    const { keyFile, file } = await createPiped();
    const other = await createPiped('edge-2');
    await expectFailure(writeKeyFile(keyFile, other.file), 'key_file_exists', /is not overwritten/, secretsOf(other));
    expect(await readKeyFile(keyFile)).toEqual(file);
    await writeKeyFile(keyFile, other.file, { overwrite: true });
    expect(await readKeyFile(keyFile)).toEqual(other.file);
    expect(await fs.readdir(join(keyFile, '..'))).toEqual(['key.json']);
  });

  it('does not write through a link that leads nowhere', async () => {
    const { file } = await createPiped();
    const directory = await temporaryDirectory();
    await fs.symlink(join(directory, 'elsewhere'), join(directory, 'key.json'));
    await expectFailure(writeKeyFile(join(directory, 'key.json'), file), 'key_file_exists', /not overwritten/);
    expect(await fs.readdir(directory)).toEqual(['key.json']);
  });

  it('replaces what a link leads to, and keeps the link', async () => {
    const { keyFile } = await createPiped();
    const other = await createPiped('edge-2');
    const link = join(await temporaryDirectory(), 'link.json');
    await fs.symlink(keyFile, link);
    await writeKeyFile(link, other.file, { overwrite: true });
    expect((await fs.lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readKeyFile(keyFile)).toEqual(other.file);
  });

  it('is 0600 whatever the umask', async () => {
    const { file } = await createPiped();
    const path = join(await temporaryDirectory(), 'key.json');
    const script = `process.umask(0); await (await import(${JSON.stringify(packageEntry)}))
      .writeKeyFile(${JSON.stringify(path)}, ${JSON.stringify(file)});`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script]);
    expect((await fs.stat(path)).mode & 0o777).toBe(0o600);
  });

  it.each(['ENOSPC', 'EDQUOT'])('says so when the disk is full (%s), and leaves nothing behind', async errno => {
    const piped = await createPiped();
    const directory = await temporaryDirectory();
    const path = join(directory, 'key.json');
    failWrites(errno);
    const message = new RegExp(`^cannot write ${path}: the disk is full \\(${errno}\\)$`);
    await expectFailure(writeKeyFile(path, piped.file), 'key_file_write_failed', message, secretsOf(piped));
    expect(await fs.readdir(directory)).toEqual([]);
    vi.restoreAllMocks();
    failWrites(errno);
    await expectFailure(writeKeyFile(piped.keyFile, piped.file, { overwrite: true }), 'key_file_write_failed', /full/);
    vi.restoreAllMocks();
    expect(await readKeyFile(piped.keyFile)).toEqual(piped.file);
  });

  it('says why else it cannot write', async () => {
    const { file } = await createPiped();
    const path = join(await temporaryDirectory(), 'no', 'such', 'key.json');
    await expectFailure(writeKeyFile(path, file), 'key_file_write_failed', /^cannot write .*: ENOENT$/);
  });

  it('does without hard links where the file system has none', async () => {
    const { keyFile, file } = await createPiped();
    const other = await createPiped('edge-2');
    const path = join(await temporaryDirectory(), 'key.json');
    vi.spyOn(fs, 'link').mockRejectedValue(Object.assign(new Error('x'), { code: 'EPERM' }));
    await writeKeyFile(path, file);
    expect(await readKeyFile(path)).toEqual(file);
    await expectFailure(writeKeyFile(keyFile, other.file), 'key_file_exists', /not overwritten/);
    expect(await readKeyFile(keyFile)).toEqual(file);
  });

  it('lets only one of two writers win', async () => {
    const [first, second] = [await createPiped('edge-1'), await createPiped('edge-2')];
    const path = join(await temporaryDirectory(), 'key.json');
    const outcomes = await Promise.allSettled([writeKeyFile(path, first.file), writeKeyFile(path, second.file)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const winner = outcomes[0]?.status === 'fulfilled' ? first : second;
    expect(await readKeyFile(path)).toEqual(winner.file);
    expectNoSecret(outcomes, [...secretsOf(first), ...secretsOf(second)]);
  });
});

const packageEntry = new URL('../dist/index.js', import.meta.url).href;

/** What has been opened for writing takes no data. */
function failWrites(errno: string): void {
  const open = fs.open;
  vi.spyOn(fs, 'open').mockImplementation(async (...args) => {
    const handle = await open(...args);
    if (args[1] === 'wx') handle.writeFile = () => Promise.reject(Object.assign(new Error('x'), { code: errno }));
    return handle;
  });
}
