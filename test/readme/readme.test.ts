import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePortFlags, spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

const readme = await readFile(join(root, 'README.md'), 'utf8');
const snippets = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code ?? '');

/** The three snippets run one after the other, as a reader would run them, against one `spanpass up`. */
describe('the README', () => {
  const stage = new Stage();
  let folder: string;
  let up: ChildProcess;
  let addresses: { gateway: { grpc: string; http: string }; controlPlane: string; metrics: string };

  beforeAll(async () => {
    folder = await tempDir(stage, 'readme');
    const npx = join(folder, 'npx');
    await writeFile(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${spanpassCommand}" "$@"\n`);
    await chmod(npx, 0o755);
    up = spawn(process.execPath, [spanpassCommand, 'up', '--json', ...freePortFlags], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise(resolve => up.once('exit', resolve));
    stage.defer(async () => {
      up.kill('SIGTERM');
      await ended;
    });
    const line = await new Promise<string>((resolve, reject) => {
      up.stdout?.once('data', chunk => resolve(String(chunk)));
      up.once('exit', code => reject(new Error(`spanpass up ended with ${code}`)));
    });
    addresses = JSON.parse(line);
  });
  afterAll(() => stage.dispose());

  const shell = (script: string) =>
    run('/bin/sh', ['-euc', script], {
      cwd: folder,
      env: { PATH: `${folder}:${process.env.PATH}`, SPANPASS_CONTROL_PLANE: addresses.controlPlane },
    });

  it('has one snippet for each who uses it', () => {
    expect([snippets('sh').length, snippets('ts').length]).toEqual([2, 1]);
  });

  it('lets an administrator register a piped, and the piped enroll', async () => {
    const { stdout } = await shell(snippets('sh')[0] ?? '');
    expect(stdout).toContain('edge-1 of shop is enrolled with key ');
    expect(stdout).toMatch(/^shop +edge-1 +active/m);
  });

  it('lets a piped send the trace of a deployment', async () => {
    const code = (snippets('ts')[0] ?? '').replace('http://127.0.0.1:4317', `http://${addresses.gateway.grpc}`);
    // Below the tests, where the packages' names resolve; in `dist`, which nobody commits.
    const built = await mkdtemp(join(root, 'test/dist/readme-'));
    stage.defer(() => rm(built, { recursive: true, force: true }));
    await writeFile(join(built, 'piped.ts'), code);
    const compilerOptions = { composite: false, declaration: false, declarationMap: false, rootDir: '.' };
    await writeFile(
      join(built, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files: ['piped.ts'] }),
    );
    await run(process.execPath, [tsc, '-p', built]);
    expect(await run(process.execPath, [join(built, 'piped.js')], { cwd: folder })).toEqual({ stdout: '', stderr: '' });

    const answer = await fetch(`${addresses.metrics}/api/traces?service=piped`);
    const { data } = (await answer.json()) as { data: { spans: { operationName: string }[] }[] };
    const names = data.flatMap(({ spans }) => spans.map(({ operationName }) => operationName));
    expect(names.sort()).toEqual(['Deploy', 'K8S_CANARY_ROLLOUT', 'Plan', 'apply']);
  });

  it('lets a gateway operator print configuration, and ask what a pass is worth', async () => {
    const { stdout } = await shell(snippets('sh')[1] ?? '');
    expect(stdout).toContain('Allowed, as edge-1 of shop');
    for (const file of ['envoy.yaml', 'collector.yaml']) {
      expect(parse(await readFile(join(folder, file), 'utf8'))).toBeTypeOf('object');
    }
  });
});
