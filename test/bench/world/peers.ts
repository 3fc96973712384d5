import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../../engines/cache.ts';
import { testRoot } from '../../engines/root.ts';
import { progress, run } from '../../engines/run.ts';
import { builtScript } from '../built.ts';
import { STATIC_KEY } from './pipecd.ts';
import { nodeProgram, type ServerProcess, startListener } from './server-process.ts';
import { piped } from './spanpass.ts';
import type { World } from './world.ts';

const GO_SOURCES = join(testRoot, 'bench', 'peers', 'go-ext-authz');

export type GoMode = 'echo' | 'cached' | 'jwt' | 'pipecd';

/** The ext_authz service in Go, over gRPC. */
export function goPeer(world: World, mode: GoMode, core?: number): Promise<ServerProcess> {
  return world.once(`go ${mode} ${core}`, async () => {
    const command = await world.once('go build', buildGoPeer);
    const key = await world.once('go key', () => writeKey(world));
    const args = ['-mode', mode, ...(mode === 'pipecd' ? ['-secret', STATIC_KEY] : ['-key', key])];
    return startListener(world, { name: `go-ext-authz ${mode}`, command, args, core });
  });
}

export type NodePeer = 'grpc-echo' | 'grpc-echo-verify' | 'http-echo' | 'http2-echo' | 'otlp-sink';

export interface NodeChoice {
  /** Default the Node.js that runs the bench. */
  readonly node?: string | undefined;
  readonly nodeFlags?: readonly string[];
  /** Of the peer itself. */
  readonly flags?: readonly string[];
}

/** What Node.js costs without anything of ours: an answer that is always the same. */
export function nodePeer(world: World, peer: NodePeer, core?: number, choice: NodeChoice = {}): Promise<ServerProcess> {
  return world.once(`${peer} ${core} ${JSON.stringify(choice)}`, () => {
    const [script = '', ...flags] = peer === 'grpc-echo-verify' ? ['grpc-echo', '--verify'] : [peer];
    const { node, nodeFlags = [], flags: more = [] } = choice;
    const args = [...nodeFlags, builtScript(`peers/${script}`), ...flags, ...more];
    return startListener(world, nodeProgram(world, { name: peer, args, core }, node));
  });
}

/** Knows the records of a file, and counts what it is asked. */
export function standInControlPlane(world: World, recordsPath: string): Promise<ServerProcess> {
  const path = builtScript('peers/control-plane');
  return startListener(world, { name: 'stand-in control plane', command: process.execPath, args: [path, recordsPath] });
}

/** Kept among the engines, under a digest of its sources. */
async function buildGoPeer(): Promise<string> {
  const files = ['go.mod', 'go.sum', 'main.go'];
  const digest = createHash('sha256');
  for (const file of files) digest.update(await readFile(join(GO_SOURCES, file)));
  return cached({
    name: 'go-ext-authz',
    version: digest.digest('hex').slice(0, 16),
    executable: 'go-ext-authz',
    async build(outDir, workDir) {
      for (const file of files) await copyFile(join(GO_SOURCES, file), join(workDir, file));
      progress('building the peer in Go …');
      const args = ['build', '-mod=readonly', '-o', join(outDir, 'go-ext-authz'), '.'];
      await run('go', args, { cwd: workDir });
    },
  });
}

async function writeKey(world: World): Promise<string> {
  const { keyFile } = await piped(world);
  const path = join(world.folder, 'public-key.json');
  await writeFile(path, JSON.stringify({ x: keyFile.privateJwk.x, y: keyFile.privateJwk.y }));
  return path;
}
