import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { run } from '../engines/run.ts';
import { createAdmin } from '../harness/admin.ts';
import { freePorts } from '../harness/ports.ts';
import { startProcess } from '../harness/process.ts';
import { freePortFlags } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk } from '../harness/wait.ts';
import { compile, firstExample, importEverything, promisedOutput } from './examples.ts';
import { isAllowed, refusedLicences } from './licences.ts';
import { type Packed, packAll } from './pack.ts';
import { type Project, projectWith, treeOf } from './project.ts';
import { importsOf, manifestOf, publishedRooms } from './published.ts';

const nodes = ['node-20', 'node-22', 'node-24'] as const;

await describeWithEngine(nodes, 'the packages, installed from their tarballs into an empty project', engines => {
  const stage = new Stage();
  let packed: Packed[];
  let project: Project;
  const tarballs = (...names: string[]) => packed.filter(({ name }) => names.includes(name)).map(one => one.tarball);

  beforeAll(async () => {
    packed = await packAll(await tempDir(stage, 'packed'));
    // The exporter is what the example of the client attaches credentials to.
    const exporter = `@opentelemetry/exporter-trace-otlp-grpc@${manifestOf('client').devDependencies?.['@opentelemetry/exporter-trace-otlp-grpc']}`;
    project = await projectWith(stage, [...packed.map(({ tarball }) => tarball), exporter]);
  }, 400_000);
  afterAll(() => stage.dispose());

  it.each([
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'esnext', moduleResolution: 'bundler' },
  ])('have types of their own for $moduleResolution', { timeout: 120_000 }, async resolution => {
    await compile(project.folder, resolution, { 'everything.ts': importEverything() });
  });

  it.each(nodes)('can be imported by every path that they export, on %s', async node => {
    const printed = await run(engines[node].path, ['everything.js'], { cwd: project.folder });
    const found = printed.trim().split('\n');
    expect(found).toHaveLength(publishedRooms.flatMap(room => importsOf(manifestOf(room))).length);
    expect(found.filter(line => line.endsWith(' 0'))).toEqual([]);
  });

  it.each(nodes)('bring a command that does its main job, on %s', { timeout: 180_000 }, async node => {
    const folder = join(project.folder, node);
    await mkdir(folder);
    const command = join(project.folder, 'node_modules', 'spanpass', 'dist', 'main.js');
    const printed = await run(engines[node].path, [command, 'up', '--demo', '--exit', ...freePortFlags], {
      cwd: folder,
    });
    expect(printed).toContain('Deploy');
    expect(printed).toMatch(/revoked/);
  });

  describe('have READMEs whose first example', () => {
    const examples: Partial<Record<(typeof publishedRooms)[number], string>> = {};
    beforeAll(async () => {
      for (const room of ['credential', 'client', 'tracing', 'server', 'control-plane'] as const) {
        examples[room] = await firstExample(project.folder, manifestOf(room).name);
      }
      const files = Object.entries(examples).map(([room, text]): [string, string] => [`${room}.ts`, text]);
      await compile(project.folder, { module: 'nodenext', moduleResolution: 'nodenext' }, Object.fromEntries(files));
    }, 120_000);

    it.each(['credential', 'tracing', 'control-plane'] as const)('runs: %s', async room => {
      const printed = await run(process.execPath, [`${room}.js`], { cwd: project.folder });
      const promised = promisedOutput(examples[room] ?? '');
      expect(
        printed
          .trim()
          .split('\n')
          .slice(0, promised.length || undefined),
      ).toEqual(promised.length > 0 ? promised : expect.arrayContaining([expect.stringMatching(/^[0-9a-f]{32} /)]));
    });

    it('runs: client', async () => {
      // With the database of the last demo: a new one takes longer than all the rest.
      const dataDir = join(project.folder, nodes[2], '.spanpass');
      const ports = await freePorts('controlPlane', 'grpc', 'metrics');
      const controlPlaneUrl = `http://127.0.0.1:${ports.controlPlane}`;
      const metricsUrl = `http://127.0.0.1:${ports.metrics}`;
      const own = { 'control-plane': ports.controlPlane, grpc: ports.grpc, metrics: ports.metrics };
      const up = await startProcess(stage, {
        name: 'the installed spanpass up',
        command: process.execPath,
        args: [
          ...[join(project.folder, 'node_modules', 'spanpass', 'dist', 'main.js'), 'up', '--data-dir', dataDir],
          ...[...freePortFlags, ...Object.entries(own).flatMap(([name, port]) => [`--${name}-port`, `${port}`])],
        ],
        cwd: project.folder,
        env: { SPANPASS_ENVOY: 'none' },
        ready: () => answersOk(`${metricsUrl}/readyz`),
        readyWithinMs: 60_000,
      });
      const adminToken = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
      const admin = createAdmin(controlPlaneUrl, adminToken, project.folder);
      const example = await readFile(join(project.folder, 'client.js'), 'utf8');
      const here = example
        .replace('http://127.0.0.1:9085', controlPlaneUrl)
        .replace('http://127.0.0.1:4317', `http://127.0.0.1:${ports.grpc}`);
      await writeFile(join(project.folder, 'client-here.js'), here);
      const env = { ENROLLMENT_TOKEN: await admin.register('readers', 'first') };
      expect(await run(process.execPath, ['client-here.js'], { cwd: project.folder, env })).toBe('');
      const { data } = JSON.parse(await (await fetch(`${metricsUrl}/api/traces`)).text());
      expect(data).toMatchObject([{ spans: [{ operationName: 'Deploy' }] }]);
      const [{ tags }] = Object.values(data[0].processes) as [{ tags: unknown }];
      for (const [key, value] of Object.entries({ 'project-id': 'readers', 'piped-id': 'first' }))
        expect(tags).toContainEqual(expect.objectContaining({ key, value }));
      await up.stop();
      expect(up.ended()).toBe('exit code 0');
    });

    it('runs: server', async () => {
      const ports = await freePorts('grpc', 'http', 'metrics');
      const server = await startProcess(stage, {
        name: 'the example',
        command: process.execPath,
        args: ['server.js'],
        cwd: project.folder,
        env: {
          SPANPASS_PORT: String(ports.grpc),
          SPANPASS_HTTP_PORT: String(ports.http),
          SPANPASS_METRICS_PORT: String(ports.metrics),
          SPANPASS_AUTH_SERVER_TOKEN: 'a-token-that-nobody-is-asked-about',
        },
        ready: () => answersOk(`http://127.0.0.1:${ports.metrics}/healthz`),
        readyWithinMs: 60_000,
      });
      await server.stop();
      expect(server.ended()).toBe('exit code 0');
    });
  });

  it('come with no more than these packages', async () => {
    const trees = Object.fromEntries(publishedRooms.map(room => [room, treeOf(project.lock, manifestOf(room).name)]));
    await expect(`${JSON.stringify(trees, undefined, 2)}\n`).toMatchFileSnapshot('production-trees.json');
    expect(trees.client).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/server|control-plane|fastify|pg/)]),
    );
    expect(trees.credential).toEqual(['jose', 'zod']);
    expect(trees.console).toEqual([]);
  });

  it('have licences that go with theirs, and so has all that comes with them', () => {
    expect(refusedLicences(project.lock)).toEqual([]);
    expect(['GPL-3.0-only', 'MIT AND GPL-3.0-only', 'UNLICENSED'].filter(isAllowed)).toEqual([]);
    expect(['(MIT OR GPL-3.0-only)', '(Apache-2.0 AND BSD-3-Clause)'].filter(isAllowed)).toHaveLength(2);
  });

  it('can be told as a bill of materials', async () => {
    const printed = await run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], { cwd: project.folder });
    const { bomFormat, components } = JSON.parse(printed) as {
      bomFormat: string;
      components: { name: string; purl?: string; hashes?: unknown[]; licenses?: unknown[] }[];
    };
    expect(bomFormat).toBe('CycloneDX');
    const names = new Set(components.map(({ name }) => name));
    expect(treeOf(project.lock, 'spanpass').filter(name => !names.has(name))).toEqual([]);
    const untold = components.filter(({ purl, licenses }) => purl === undefined || (licenses ?? []).length === 0);
    expect(untold).toEqual([]);
  });

  it('do without each other: the client alone brings what it says, and can be used', async () => {
    const alone = await projectWith(stage, tarballs('@spanpass/client', '@spanpass/credential'));
    expect(await readdir(join(alone.folder, 'node_modules', '@spanpass'))).toEqual(['client', 'credential']);
    expect(treeOf(alone.lock, '@spanpass/client')).toEqual(treeOf(project.lock, '@spanpass/client'));
    const args = [
      '--input-type=module',
      '-e',
      "const { createClient } = await import('@spanpass/client'); console.log(typeof createClient)",
    ];
    expect(await run(engines['node-20'].path, args, { cwd: alone.folder })).toBe('function\n');
  });
});
