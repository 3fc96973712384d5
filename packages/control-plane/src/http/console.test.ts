import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED, temporaryFolder } from '../testing/databases.test.support.ts';
import { startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';
import { readConsoleFiles } from './console-files.ts';

describe('the console', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let test: TestPlane;
  const get = (path: string, headers = {}) => test.call('GET', path, { token: null, headers });

  beforeAll(async () => {
    folder = await temporaryFolder();
    const consoleDir = join(folder.path, 'console');
    await mkdir(join(consoleDir, 'assets'), { recursive: true });
    await writeFile(join(consoleDir, 'index.html'), '<!doctype html><title>spanpass</title>');
    await writeFile(join(consoleDir, 'assets', 'main.js'), 'export {};');
    await writeFile(join(consoleDir, 'openapi.json'), '{}');
    await writeFile(join(consoleDir, 'notes:secret.txt'), 'x');
    await writeFile(join(consoleDir, '.env'), 'x');
    await writeFile(join(folder.path, 'outside.txt'), 'outside');
    test = await startTestPlane(EMBEDDED, { consoleDir });
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it('is served with a policy that lets in nothing from elsewhere', async () => {
    const page = await get('/');
    expect(page).toMatchObject({ status: 200, body: '<!doctype html><title>spanpass</title>' });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|http/);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    const script = await get('/assets/main.js');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  });

  it('is not sent again to whoever has it', async () => {
    const { headers } = await get('/');
    expect((await get('/', { 'if-none-match': headers.get('etag') })).status).toBe(304);
  });

  it('has no way out of its directory, and leaves the API alone', async () => {
    for (const path of [
      '/../outside.txt',
      '/%2e%2e/outside.txt',
      '/assets/..%2f..%2foutside.txt',
      '/.env',
      '/notes:secret.txt',
    ]) {
      expect((await get(path)).status, path).toBe(404);
    }
    expect((await get('/openapi.json')).body.openapi).toBe('3.1.0');
  });

  it('is refused where there is none', async () => {
    await expect(readConsoleFiles(folder.path)).rejects.toMatchObject({
      code: 'console_unusable',
      message: `${folder.path} can't be served as the console: it has no index.html`,
    });
  });
});
