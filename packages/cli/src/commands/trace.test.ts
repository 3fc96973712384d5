import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { traceIdOf } from '@spanpass/tracing';
import { expect, it, onTestFinished } from 'vitest';
import { cli } from './commands.test.helper.ts';

const MINUTE_US = 60_000_000;
const NOW_US = Date.now() * 1_000;

interface Made {
  readonly id: string;
  readonly project?: string;
  readonly agoUs?: number;
  readonly durationUs?: number;
  readonly failed?: boolean;
  readonly rootIsMissing?: boolean;
}

/** As Jaeger answers: null where there is nothing. */
function traceOf({ id, project = 'shop', agoUs = MINUTE_US, durationUs = 2_000_000, failed, rootIsMissing }: Made) {
  const traceID = traceIdOf(id);
  const common = { traceID, processID: 'p1', logs: null, warnings: null };
  const tags = [
    { key: 'deployment-id', type: 'string', value: id },
    { key: 'application-id', type: 'string', value: 'app-1' },
  ];
  const result = failed ? [{ key: 'error', type: 'bool', value: true }] : [];
  const root = {
    ...common,
    spanID: '00000000000000aa',
    operationName: 'Deploy',
    references: null,
    startTime: NOW_US - agoUs,
    duration: durationUs,
    tags: [...tags, ...result, { key: 'cicd.pipeline.result', type: 'string', value: failed ? 'failure' : 'success' }],
  };
  const stage = {
    ...common,
    spanID: '00000000000000bb',
    operationName: 'K8S_SYNC',
    references: [{ refType: 'CHILD_OF', traceID, spanID: root.spanID }],
    startTime: root.startTime + durationUs / 2,
    duration: durationUs / 2,
    tags: [...tags, { key: 'otel.status_code', type: 'string', value: 'OK' }],
  };
  const identity = [
    { key: 'project-id', type: 'string', value: project },
    { key: 'piped-id', type: 'string', value: 'edge-1' },
  ];
  return {
    traceID,
    spans: rootIsMissing ? [stage] : [stage, root],
    processes: { p1: { serviceName: 'piped', tags: identity }, p2: { serviceName: 'unused', tags: null } },
    warnings: null,
  };
}

async function startJaeger(traces: readonly ReturnType<typeof traceOf>[]): Promise<{ url: string; asked: URL[] }> {
  const asked: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://jaeger');
    asked.push(url);
    const [, wanted] = /^\/api\/traces\/([0-9a-f]+)$/.exec(url.pathname) ?? [];
    const data = traces.filter(trace => wanted === undefined || trace.traceID === wanted);
    const found = wanted === undefined || data.length > 0;
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ data: found ? data : null, errors: found ? null : [{ code: 404 }] }));
  });
  return { url: await listening(server), asked };
}

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('shows the waterfall of a deployment, found by its id or by that of its trace', async () => {
  const jaeger = await startJaeger([traceOf({ id: 'd-1', failed: true }), traceOf({ id: 'd-2' })]);
  for (const wanted of ['d-1', traceIdOf('d-1'), traceIdOf('d-1').toUpperCase()]) {
    const { code, out } = await cli(['trace', wanted, '--jaeger', jaeger.url]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^d-1 of shop by edge-1, .*Z, failure\nDeploy +✗ +█+ +2.00 s\n {2}K8S_SYNC +✓ +·+█+ +1.00 s\n$/,
    );
  }
  const { traces } = JSON.parse((await cli(['trace', 'd-1', '--jaeger', jaeger.url, '--json'])).out);
  expect(traces).toMatchObject([
    { deploymentId: 'd-1', project: 'shop', outcome: 'failed', durationMs: 2_000, items: [{}, { name: 'K8S_SYNC' }] },
  ]);
});

it("takes a deployment's id for what it is, though it looks like a trace's", async () => {
  const id = '0123456789abcdef0123456789abcdef';
  const jaeger = await startJaeger([traceOf({ id })]);
  expect((await cli(['trace', id, '--jaeger', jaeger.url])).out).toContain(`${id} of shop`);
});

it('shows a project only its own, though ids can be guessed', async () => {
  const jaeger = await startJaeger([traceOf({ id: 'd-1', project: 'other' })]);
  expect(await cli(['trace', 'd-1', '--project', 'shop', '--jaeger', jaeger.url])).toMatchObject({ code: 1 });
  expect(await cli(['trace', 'd-1', '--project', 'other', '--jaeger', jaeger.url])).toMatchObject({ code: 0 });
});

it('lists deployments by their start, marks what failed, and what has not ended', async () => {
  const jaeger = await startJaeger([
    traceOf({ id: 'd-3', agoUs: MINUTE_US, rootIsMissing: true }),
    traceOf({ id: 'd-2', agoUs: 2 * MINUTE_US, failed: true, durationUs: 8_000_000 }),
    traceOf({ id: 'd-1', agoUs: 3 * MINUTE_US }),
    traceOf({ id: 'd-0', agoUs: 90 * MINUTE_US }),
    traceOf({ id: 'd-x', project: 'other' }),
  ]);
  const args = ['trace', 'list', '--project', 'shop', '--since', '1h', '--limit', '50', '--jaeger', jaeger.url];
  const { out } = await cli(args);
  const lines = out.trimEnd().split('\n').slice(1);
  expect(lines.map(line => line.replace(/\s+/g, ' ').replace(/\d{4}-\S+ \S+Z /, ''))).toEqual([
    '✓ 2.00 s ██████ d-1 app-1 shop/edge-1 success',
    `✗ 8.00 s ${'█'.repeat(24)} d-2 app-1 shop/edge-1 failure`,
    '… 1.00 s ███ d-3 app-1 shop/edge-1 running',
  ]);
  expect(Object.fromEntries(jaeger.asked[0]?.searchParams ?? [])).toMatchObject({
    service: 'piped',
    limit: '50',
    tags: '{"project-id":"shop"}',
  });
  const { deployments } = JSON.parse((await cli([...args, '--json'])).out);
  expect(deployments.map(({ outcome }: { outcome: string }) => outcome)).toEqual(['success', 'failed', 'running']);
});

it('says what is wrong', async () => {
  const jaeger = await startJaeger([]);
  const err = async (...args: string[]) => (await cli(['trace', ...args])).err;
  expect(await err('d-1', '--jaeger', jaeger.url)).toBe(
    `spanpass: no trace of 'd-1' at ${jaeger.url} (see: spanpass trace list)\n`,
  );
  expect((await cli(['trace', 'list', '--jaeger', jaeger.url])).out).toBe('No deployments.\n');
  expect(await err('d-1', '--jaeger', 'http://127.0.0.1:1')).toMatch(
    /^spanpass: can't reach http:\/\/127.0.0.1:1 \(.*\): name a query API of Jaeger's with --jaeger\n$/,
  );
  const other = await listening(createServer((_, response) => response.end('<html>')));
  expect(await err('d-1', '--jaeger', other)).toBe(`spanpass: ${other} is no query API of Jaeger's: check --jaeger\n`);
  const broken = await listening(createServer((_, response) => response.writeHead(500).end('out of\norder')));
  expect(await err('list', '--jaeger', broken)).toBe(`spanpass: ${broken} answers 500: out of; order\n`);
  const endless = createServer((_, response) => {
    const more = () => {
      while (response.write(Buffer.alloc(1024 * 1024, ' ')));
    };
    response.on('drain', more);
    more();
  });
  expect(await err('list', '--jaeger', await listening(endless))).toBe(
    'spanpass: the answer is larger than 32 MiB: ask for less, with --limit or --since\n',
  );
});

it.each([
  ['list', '--limit', '0'],
  ['list', '--since', 'tomorrow'],
  ['d-1', '--jaeger', 'ftp://jaeger'],
  ['d-1', 'd-2'],
])('%s %s %s is wrong usage', async (...args) => {
  expect(await cli(['trace', ...args])).toMatchObject({ code: 2 });
});
