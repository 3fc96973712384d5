import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { repoRoot } from '../engines/root.ts';
import { run } from '../engines/run.ts';
import { nightly } from '../harness/profile.ts';
import { freePortFlags } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { trackedFiles } from '../repo/tracked.ts';
import { deployRoom } from './places.ts';
import { asNobody } from './unprivileged.ts';

await describeWithEngine(['hadolint'], 'the image', engines => {
  const stage = new Stage();
  const dockerfile = join(deployRoom, 'docker', 'Dockerfile');
  let folder: string;
  let text: string;
  beforeAll(async () => {
    folder = await tempDir(stage, 'image');
    text = await readFile(dockerfile, 'utf8');
  });
  afterAll(() => stage.dispose());

  it('pleases hadolint, which sees what would be wrong', async () => {
    expect(await run(engines.hadolint.path, [dockerfile])).toBe('');
    const spoiled = join(folder, 'Dockerfile');
    await writeFile(spoiled, text.replace('WORKDIR /src', 'WORKDIR src'));
    await expect(run(engines.hadolint.path, [spoiled])).rejects.toThrow('DL3000');
  });

  it('ends in a stage without a shell, for a user who is not root, and asks how it is without one', () => {
    const last = text.slice(text.lastIndexOf('\nFROM '));
    expect(last).toMatch(/^\nFROM gcr\.io\/distroless\/nodejs\S+:nonroot$/m);
    expect(last).toMatch(/^USER 65532:65532$/m);
    expect(last).not.toMatch(/^RUN /m);
    for (const instruction of ['ENTRYPOINT', 'CMD']) {
      expect(last).toMatch(new RegExp(`^${instruction} \\["`, 'm'));
    }
    expect(last).toMatch(/^HEALTHCHECK .*\\\n {2}CMD \["/m);
  });

  it('starts files that are there', async () => {
    const paths = [...text.matchAll(/"\/app\/([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(paths).toEqual(['packages/cli/dist/main.js', 'packages/deploy/docker/health.mjs']);
    for (const path of paths) expect((await stat(join(repoRoot, path))).isFile()).toBe(true);
  });

  // Downloads all that runs: for a while, and a hundred megabytes.
  it.skipIf(!nightly)(
    'is made by its commands, which leave what the command needs and little else',
    { timeout: 600_000 },
    async () => {
      const app = join(folder, 'app');
      for (const path of await trackedFiles(repoRoot)) {
        if (!/^(package(-lock)?\.json|packages\/)/.test(path) || path.includes('/src/')) continue;
        await mkdir(dirname(join(app, path)), { recursive: true });
        await cp(join(repoRoot, path), join(app, path));
      }
      for (const room of ['credential', 'client', 'tracing', 'server', 'console', 'control-plane', 'cli']) {
        await cp(join(repoRoot, 'packages', room, 'dist'), join(app, 'packages', room, 'dist'), { recursive: true });
      }
      const steps = /^RUN (npm ci --ignore-scripts --omit=dev.*?) \\\n {2}&& (node .*?) \/app/ms.exec(text);
      expect(steps).not.toBeNull();
      await run('sh', ['-euc', `${steps?.[1]} --prefer-offline`], { cwd: app });
      await run('sh', ['-euc', `${steps?.[2]} "$0"`, app], { cwd: app });

      const kilobytes = Number((await run('du', ['-sk', app])).split('\t')[0]);
      expect(kilobytes).toBeLessThan(125_000);
      const [command, args] = await asNobody([process.execPath, join(app, 'packages/cli/dist/main.js'), '--version']);
      await run('chmod', ['-R', 'a+rX', folder]);
      expect(await run(command, args, { cwd: '/' })).toMatch(/^\d+\.\d+\.\d+\n$/);
      // The whole of it, with what it serves and stores.
      const demo = ['up', '--demo', '--exit', '--data-dir', join(folder, 'data')];
      expect(
        await run(process.execPath, [join(app, 'packages/cli/dist/main.js'), ...demo, ...freePortFlags]),
      ).toContain('Deploy');
    },
  );
});
