import { execFile } from 'node:child_process';
import { copyFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readKeyFile } from '@spanpass/client';
import { parsePendingKey } from '@spanpass/credential';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Engines } from '../engines/describe.ts';
import { type Tap, tapGrpc, tapHttp } from '../harness/otlp-tap.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { type SinkSpan, valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

/** A worked example of a piped: a program with the commands `enroll`, `run` and `renew`. */
export interface PipedProgram {
  /** Such as `go`; its piped is called after it. */
  readonly language: string;
  readonly command: string;
  /** Before its command. */
  readonly args: readonly string[];
  readonly protocol: 'grpc' | 'http';
  /** How it writes a time between deployments of 200 ms and a credential's life of 3 s. */
  readonly runFlags: readonly string[];
  /** What it says of a refusal with this reason. */
  refusalSays(reason: string): RegExp;
}

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** A piped's life against the real control plane, auth server, Envoy and Collector, told for any program. */
export function tellPipedStory(engines: Engines<'envoy' | 'otelcol'>, program: PipedProgram): void {
  const stage = new Stage();
  const piped = `piped-${program.language}`;
  let way: TheWay;
  let tap: Tap;
  let keyFile: string;
  let running: RunningProcess;

  beforeAll(async () => {
    way = await startTheWay(stage, engines);
    tap =
      program.protocol === 'grpc'
        ? await tapGrpc(stage, `127.0.0.1:${way.gateway.grpcPort}`)
        : await tapHttp(stage, `http://127.0.0.1:${way.gateway.httpPort}`);
    keyFile = join(await tempDir(stage, piped), 'key.json');
  });
  afterAll(() => stage.dispose());

  const call = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    new Promise<Ended>(resolve => {
      const options = { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env }, timeout: 30_000 };
      execFile(program.command, [...program.args, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
      );
    });
  const enroll = (token: string) =>
    call(['enroll', '--control-plane', way.admin.url, '--key-file', keyFile], { SPANPASS_ENROLLMENT_TOKEN: token });
  const mine = () => way.sink.spans().filter(({ resource }) => valuesOf(resource, 'piped-id').includes(piped));
  const arrivesAfter = (seen: number, what: string) => waitFor(what, () => mine().length > seen);

  it('enrolls a key that lay on disk before anybody was asked to accept it', async () => {
    const token = await way.admin.register('shop', piped);
    const refused = await enroll(`${token.slice(0, -1)}_`);
    expect(refused.output).toContain('enrollment_token_invalid');
    expect(refused.code).not.toBe(0);
    const pendingFile = `${keyFile}.pending`;
    expect((await stat(pendingFile)).mode & 0o777).toBe(0o600);
    const pending = await parsePendingKey(JSON.parse(await readFile(pendingFile, 'utf8')));

    expect(await enroll(token)).toMatchObject({ code: 0 });
    expect(await readKeyFile(keyFile)).toMatchObject({ project: 'shop', piped, kid: pending.kid });
    await expect(stat(pendingFile)).rejects.toThrow('ENOENT');
    expect((await enroll(token)).output).toContain('is there already');
  });

  it('exports spans that arrive under the identity of its key', async () => {
    running = await startProcess(stage, {
      name: piped,
      command: program.command,
      args: [
        ...program.args,
        'run',
        '--key-file',
        keyFile,
        '--endpoint',
        tap.url,
        '--deployments',
        '0',
        ...program.runFlags,
      ],
      env: { PYTHONDONTWRITEBYTECODE: '1' },
      ready: () => mine().length > 0,
    });
    expectStamped(mine(), piped);
    expect(new Set(mine().map(({ name }) => name))).toEqual(new Set(['Deploy', 'K8S_SYNC']));
  });

  it('signs its credentials anew before they end', async () => {
    const credentials = () => new Set(tap.requests.map(({ credential }) => credential));
    await waitFor('a third credential', () => credentials().size >= 3);
    // One for two seconds, and not one for each export.
    expect(tap.requests.length).toBeGreaterThan(credentials().size);
    expect(tap.requests.filter(({ accepted }) => !accepted)).toEqual([]);
  });

  it('renews its key, and goes on with the new one when the old one is revoked', async () => {
    const before = await readKeyFile(keyFile);
    const stolen = `${keyFile}.stolen`;
    await copyFile(keyFile, stolen);
    expect(await call(['renew', '--key-file', keyFile])).toMatchObject({ code: 0 });
    const after = await readKeyFile(keyFile);
    expect(after).toMatchObject({ project: 'shop', piped });
    expect(after.kid).not.toBe(before.kid);
    await way.gateway.logged({ http: 200, piped, kid: after.kid });

    await way.admin.revoke(before.kid);
    const once = ['run', '--endpoint', tap.url, '--deployments', '1'];
    const refusal = await waitFor('the revocation', async () => {
      const { output } = await call([...once, '--key-file', stolen]);
      return program.refusalSays('key_revoked').test(output) && output;
    });
    expect(refusal).not.toContain(before.privateJwk.d);
    await way.gateway.logged({ reason: 'key_revoked', kid: before.kid });
    await arrivesAfter(mine().length, 'a span under the renewed key');
    expectStamped(mine(), piped);
  });

  it('is refused when the new key is revoked too', async () => {
    const { kid } = await readKeyFile(keyFile);
    await way.admin.revoke(kid);
    await way.gateway.logged({ reason: 'key_revoked', kid });
    await waitFor('it to be told', () => program.refusalSays('key_revoked').test(running.output()));
    await running.stop();
  });
}

function expectStamped(spans: readonly SinkSpan[], piped: string): void {
  for (const { resource } of spans) {
    expect([valuesOf(resource, 'project-id'), valuesOf(resource, 'piped-id')]).toEqual([['shop'], [piped]]);
  }
}
