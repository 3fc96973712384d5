import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createAdmin } from '../harness/admin.ts';
import { freePorts } from '../harness/ports.ts';
import { startProcess } from '../harness/process.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { selfSigned } from '../harness/tls.ts';
import { answersOk, waitFor } from '../harness/wait.ts';

const execute = promisify(execFile);

/** A machine as the pages suppose it: `spanpass up` runs, and the commands that they use are there. */
export interface World {
  /** Where the built-in gateway shows the traces that it keeps. */
  readonly metrics: string;
  /** A terminal for the reader of one page, in a folder of its own. */
  terminal(page: string): Promise<Terminal>;
}

export interface Terminal {
  readonly folder: string;
  /** Registers a piped in the project `shop`, and puts its key into `/etc/piped/key.json`. */
  enroll(piped: string): Promise<void>;
  /** What a page says, for this machine: its ports, its folders, its names of hosts. */
  translated(code: string): string;
  /** Runs the lines as `sh -eu` does, and starts those that go on running beside; gives what was printed. */
  run(code: string): Promise<string>;
  /** Runs a module that was built from a page. */
  runModule(file: string): Promise<string>;
  /** Ends what the page has started: the next one has the same ports, and counts whoever follows the control plane. */
  end(): Promise<void>;
}

const standIn = fileURLToPath(new URL('../dist/readme/stand-in-piped.js', import.meta.url));
const goesOn = /^(?:\w+=\S+ )*(?:npx )?spanpass (?:forward|server|control-plane|up)(?: -|$)/;

export async function startWorld(stage: Stage): Promise<World> {
  const root = await tempDir(stage, 'pages');
  const bin = join(root, 'bin');
  await mkdir(bin);
  const command = async (name: string, script: string) => {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  };
  await command('spanpass', `exec "${process.execPath}" "${spanpassCommand}" "$@"`);
  await command('npx', `shift; exec "${process.execPath}" "${spanpassCommand}" "$@"`);
  await command('piped', `exec "${process.execPath}" "${standIn}"`);
  await command('mysql', `echo '${JSON.stringify([exportedPiped])}'`);

  const names = [
    'grpc',
    'http',
    'auth',
    'authHttp',
    'metrics',
    'controlPlane',
    'sidecarGrpc',
    'sidecarHttp',
    'serverMetrics',
  ] as const;
  const ports = await freePorts(...names);
  const at = (name: (typeof names)[number]) => `127.0.0.1:${ports[name]}`;
  const flags = ['grpc', 'http', 'auth', 'auth-http', 'metrics', 'control-plane'].map((flag, index) => {
    return `--${flag}-port=${ports[names[index] ?? 'grpc']}`;
  });
  const { certFile, keyFile } = await selfSigned(root);
  await startProcess(stage, {
    name: 'spanpass up',
    command: process.execPath,
    args: [spanpassCommand, 'up', ...flags],
    cwd: root,
    ready: () => answersOk(`http://${at('metrics')}/readyz`),
    readyWithinMs: 90_000,
  });

  const places: readonly (readonly [RegExp, string])[] = [
    [/https:\/\/gateway\.example\.(?:com|org):4317/g, `http://${at('grpc')}`],
    [/https:\/\/gateway\.example\.(?:com|org):4318/g, `http://${at('http')}`],
    [/127\.0\.0\.1:4317\b/g, at('grpc')],
    [/127\.0\.0\.1:4318\b/g, at('http')],
    [/127\.0\.0\.1:4319\b/g, at('sidecarGrpc')],
    [/127\.0\.0\.1:4320\b/g, at('sidecarHttp')],
    [/127\.0\.0\.1:9085\b/g, at('controlPlane')],
    [/127\.0\.0\.1:9086\b/g, at('auth')],
    [/127\.0\.0\.1:9087\b/g, at('authHttp')],
    [/127\.0\.0\.1:9464\b/g, at('metrics')],
  ];

  const token = await readFile(join(root, '.spanpass', 'admin-token'), 'utf8');
  const admin = createAdmin(`http://${at('controlPlane')}`, token.trim(), root);

  return {
    metrics: `http://${at('metrics')}`,
    async terminal(page) {
      const folder = join(root, page.replaceAll(/[^a-z0-9]+/gi, '-'));
      await mkdir(folder);
      const started = new Stage();
      stage.defer(() => started.dispose());
      await symlink(join(root, '.spanpass'), join(folder, '.spanpass'));
      for (const name of ['ca.pem', 'auth-ca.crt', 'gateway.crt']) await symlink(certFile, join(folder, name));
      await symlink(keyFile, join(folder, 'gateway.key'));
      const env = {
        PATH: `${bin}:${process.env.PATH}`,
        SPANPASS_CONTROL_PLANE: `http://${at('controlPlane')}`,
        SPANPASS_JAEGER: `http://${at('metrics')}`,
        // For a server that a page starts by itself.
        SPANPASS_GRPC_PORT: '0',
        SPANPASS_HTTP_PORT: '0',
        SPANPASS_METRICS_PORT: String(ports.serverMetrics),
        GATEWAY_TOKEN: 'token-of-the-gateway',
      };

      const translated = (code: string) =>
        places
          .reduce((text, [from, to]) => text.replaceAll(from, to), code)
          .replaceAll(/(?<![\w./:-])\/(?=(?:etc|var\/lib|backup)\/)/g, `${folder}/`);

      async function start(line: string): Promise<void> {
        const isSidecar = / forward /.test(line);
        const own = isSidecar ? ` --grpc-port ${ports.sidecarGrpc} --http-port ${ports.sidecarHttp}` : '';
        await startProcess(started, {
          name: line,
          command: '/bin/sh',
          args: ['-euc', `${line.replace(/(npx )?spanpass /, 'exec spanpass ')}${own}`],
          cwd: folder,
          env,
          ready: () => answersOk(`http://${at(isSidecar ? 'sidecarHttp' : 'serverMetrics')}/readyz`),
          readyWithinMs: 60_000,
        });
        const [, heads] = /SPANPASS_AUDIT_HEAD_FILE=(\S+)/.exec(line) ?? [];
        if (heads !== undefined) await waitFor('a head of the audit', () => existsSync(heads), 30_000);
      }

      return {
        folder,
        translated,
        end: () => started.dispose(),
        async enroll(piped) {
          const { keyFilePath } = await admin.enroll('shop', piped);
          await mkdir(join(folder, 'etc', 'piped'), { recursive: true });
          await rename(keyFilePath, join(folder, 'etc', 'piped', 'key.json'));
        },
        async run(code) {
          let printed = '';
          let lines: string[] = [];
          const flush = async () => {
            const script = ['set -a; [ ! -e reader.env ] || . ./reader.env; set +a', ...lines].join('\n');
            const { stdout } = await execute('/bin/sh', ['-euc', script], {
              cwd: folder,
              env,
              timeout: 50_000,
            });
            printed += stdout;
            lines = [];
          };
          for (const line of translated(code)
            .replaceAll(/\\\n\s*/g, '')
            .split('\n')) {
            for (const [, path = ''] of line.matchAll(/(\/\S+)\/[^/\s]*/g)) {
              if (path.startsWith(folder)) await mkdir(path, { recursive: true });
            }
            if (!goesOn.test(line)) lines.push(line);
            else {
              await flush();
              await start(line);
            }
          }
          await flush();
          return printed;
        },
        async runModule(file) {
          const { stdout } = await execute(process.execPath, [file], { cwd: folder, env, timeout: 50_000 });
          return stdout;
        },
      };
    },
  };
}

/** What PipeCD's datastore holds for one piped. */
const exportedPiped = {
  id: '3f0c1a52-9b1d-4c55-8f5e-6d2f1f3b7a10',
  project_id: 'shop',
  name: 'first',
  keys: [{ hash: '$2a$12$oSUZY5ifSZDfGCtNInI4rOZ1TI8WUDlMlDhhtvQMnLWS2TeeyBHyS', creator: 'x', created_at: 1 }],
  version: 'v0.50.0',
};
