import { chmod, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type NginxOptions, nginxConfig } from 'spanpass';
import type { Engine } from '../engines/index.ts';
import { freePorts } from './ports.ts';
import { type RunningProcess, startProcess } from './process.ts';
import type { Stage } from './stage.ts';
import { tempDir } from './temp.ts';
import { waitFor } from './wait.ts';

export interface RunningNginx {
  readonly process: RunningProcess;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** The access log so far, as text; a request is logged a moment after its answer. */
  accessLog(): Promise<string>;
  /** Waits until a request has been logged with these members. */
  logged(members: Readonly<Record<string, string>>): Promise<void>;
}

/** nginx with the generated configuration, on free ports, in a folder of its own. */
export async function startNginx(
  stage: Stage,
  engine: Engine,
  options: Omit<NginxOptions, 'listen'>,
  gatewayToken: string,
): Promise<RunningNginx> {
  const ports = await freePorts('grpc', 'http');
  const folder = await tempDir(stage, 'nginx');
  // Its workers give up root's rights, where it has them.
  await chmod(folder, 0o755);
  await writeFile(
    join(folder, 'nginx.conf'),
    nginxConfig({ ...options, listen: { grpcPort: ports.grpc, httpPort: ports.http } }),
    'latin1',
  );
  await writeFile(join(folder, 'spanpass-gateway-token.conf'), `default "Bearer ${gatewayToken}";\n`, { mode: 0o600 });
  const process = await startProcess(stage, {
    name: 'nginx',
    command: engine.path,
    args: ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'],
    ready: () => accepts(ports.http),
    stopSignal: 'SIGQUIT',
  });
  const accessLog = () => readFile(join(folder, 'access.log'), 'utf8');
  return {
    process,
    grpcPort: ports.grpc,
    httpPort: ports.http,
    accessLog,
    async logged(members) {
      const wanted = Object.entries(members).map(([name, value]) => `"${name}":"${value}"`);
      await waitFor(`a request logged with ${wanted}`, async () => {
        const lines = (await accessLog()).split('\n');
        return lines.some(line => wanted.every(member => line.includes(member)));
      });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).once('error', () => resolve(false));
  });
}
