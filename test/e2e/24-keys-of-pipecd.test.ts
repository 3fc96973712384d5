import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { cpuMs } from '../harness/cpu.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor } from '../harness/passes.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { startTheWay, type TheWay } from './the-way.ts';

const key = 'edge-key-0123456789abcdefghijklmnopqrstuvwxyzABCDEF';
/** Of that key, at a cost of 12: some hundred milliseconds of a processor each time that it is compared. */
const hash = '$2a$12$oSUZY5ifSZDfGCtNInI4rOZ1TI8WUDlMlDhhtvQMnLWS2TeeyBHyS';

await describeWithEngine(['envoy', 'otelcol'], "a fleet brings PipeCD's own keys", engines => {
  const stage = new Stage();
  let way: TheWay;
  let file: string;

  /** An export as PipeCD's datastore gives it, with members that nobody here looks at. */
  async function exportPipeds(changes: object = {}): Promise<void> {
    const piped = { id: 'old-1', project_id: 'shop', name: 'first', keys: [{ hash, creator: 'x', created_at: 1 }] };
    await writeFile(`${file}.new`, JSON.stringify([{ ...piped, version: 'v0.50.0', ...changes }]));
    await rename(`${file}.new`, file);
  }

  beforeAll(async () => {
    const folder = await tempDir(stage, 'pipecd');
    file = join(folder, 'pipeds.json');
    await exportPipeds();
    const config = join(folder, 'server.yaml');
    await writeFile(config, `authenticators:\n  - kind: piped-jwt\n  - kind: pipecd-key\n    file: ${file}\n`);
    way = await startTheWay(stage, engines, { config });
  });
  afterAll(() => stage.dispose());

  const send = (name: string, credential: string, resource: readonly (readonly [string, string])[] = []) =>
    exportOverGrpc(way.gateway.grpcPort, tracesRequest(name, resource), [bearer(credential)]);

  it('and is stamped by what the export says, whatever a span says', async () => {
    const forged = [['project-id', 'bank'] as const, ['piped-id', 'somebody'] as const];
    expect(await send('with an old key', `shop,old-1,${key}`, forged)).toMatchObject({ code: status.OK });
    const { resource } = await way.sink.span('with an old key');
    expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
    expect(valuesOf(resource, 'piped-id')).toEqual(['old-1']);
    await way.gateway.logged({ project: 'shop', piped: 'old-1' });
  });

  it('over HTTP too, and the key goes no further than the gateway', async () => {
    const headers = { authorization: `Bearer shop,old-1,${key}` };
    const outcome = await exportOverHttp(way.gateway.httpPort, tracesRequestJson('over HTTP'), headers);
    expect(outcome.http).toBe(200);
    await way.sink.span('over HTTP');
    const seen = [...way.sink.requestHeaders().map(each => JSON.stringify(each)), way.authServer.output()];
    for (const text of [...seen, way.gateway.process.output(), way.collector.process.output()]) {
      expect(text).not.toContain(key);
    }
  });

  it.each([
    ['a wrong key', 'shop,old-1,wrong'],
    ['the right key of another piped', `shop,old-2,${key}`],
    ['the right key for another project', `bank,old-1,${key}`],
    ['the hash itself', `shop,old-1,${hash}`],
    ['a key and more', `shop,old-1,${key}x`],
    ['a part too many', `shop,old-1,${key},x`],
  ])('%s is refused', async (_, credential) => {
    expect(await send('refused', credential)).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it('each key is compared once: afterwards it costs next to nothing', async () => {
    await way.authServer.stop();
    const { pid } = await way.restartAuthServer();
    const costOf = async (work: () => Promise<unknown>) => {
      const before = await cpuMs(pid);
      await work();
      return (await cpuMs(pid)) - before;
    };
    const accepted = async (name: string) => (await send(name, `shop,old-1,${key}`)).code === status.OK;
    // What is loaded and compiled on the first check of all is none of its cost.
    await waitFor(
      'the gateway to find it',
      async () => (await send('x', 'shop,old-9,x')).code === status.UNAUTHENTICATED,
    );
    const first = await costOf(() => accepted('the first'));
    const next = await costOf(async () => {
      for (let at = 0; at < 30; at++) expect(await accepted(`again ${at}`)).toBe(true);
    });
    expect(first).toBeGreaterThan(100);
    // Thirty comparisons would cost thirty times the first.
    expect(next).toBeLessThan(3 * first);
  });

  it('beside it, pipeds with keys of their own pass as ever', async () => {
    const { keyFile } = await way.admin.enroll('shop', 'new-1');
    expect(await send('with a new key', await passFor(keyFile))).toMatchObject({ code: status.OK });
    const { resource } = await way.sink.span('with a new key');
    expect(valuesOf(resource, 'piped-id')).toEqual(['new-1']);
  });

  it('a piped that is disabled in a new export is refused with the next check', async () => {
    await exportPipeds({ disabled: true });
    await waitFor('the new export to be taken', async () => {
      const { code } = await send('after it was disabled', `shop,old-1,${key}`);
      return code === status.PERMISSION_DENIED;
    });
    await exportPipeds();
    await waitFor('it to be enabled', async () => (await send('enabled', `shop,old-1,${key}`)).code === status.OK);
    expect(way.sink.spans().map(({ name }) => name)).not.toContain('refused');
  });
});
