import { once } from 'node:events';
import { connect } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import { createLogger, startControlPlane } from '@spanpass/control-plane';
import { startAuthServer } from '@spanpass/server';
import { afterAll, expect, it } from 'vitest';
import { message } from '../harness/protobuf.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { LABEL_VALUES } from './metric-families.ts';

const stage = new Stage();
afterAll(() => stage.dispose());

const asIs = (bytes: Buffer) => bytes;
/** Recognisable wherever it turns up. */
const MARK = 'hostile';

/** Writes these bytes to a TCP port, and waits for the end of whatever comes back. */
async function write(address: string, text: string): Promise<void> {
  const { hostname, port } = new URL(`http://${address}`);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.setTimeout(2_000, () => socket.destroy());
  socket.resume().end(text);
  await once(socket, 'close');
}

/** All values of labels in a text of Prometheus' format, as `metric.label` and value. */
async function labelsAt(url: string): Promise<(readonly [string, string])[]> {
  const text = await (await fetch(url)).text();
  return text.split('\n').flatMap(line => {
    const [, metric = '', labels = ''] = /^(spanpass_\w+?)(?:_bucket|_sum|_count)?\{(.*)\} /.exec(line) ?? [];
    return [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, label = '', value = '']) => [`${metric}.${label}`, value] as const,
    );
  });
}

function faultsOf(labels: readonly (readonly [string, string])[], configured: readonly string[], routes: RegExp) {
  return labels.filter(([label, value]) => {
    const values = LABEL_VALUES[label];
    if (label.endsWith('.le')) return !/^[\d.e+-]+$|^\+Inf$/.test(value);
    if (values === 'configured') return !configured.includes(value);
    if (values === 'routes') return !routes.test(value);
    if (values === 'workers') return !/^\d{1,3}$/.test(value);
    if (values === 'http status') return !/^[1-5]\d\d$/.test(value);
    return !values?.includes(value);
  });
}

const hostileLines = [
  `${MARK.toUpperCase()} / HTTP/1.1`,
  `GET /${MARK} HTTP/1.1`,
  `POST /envoy/${MARK}?${MARK}=1 HTTP/1.1`,
  `PROPFIND /v1/keys/${MARK} HTTP/1.1`,
  `POST /v1/projects/${MARK}/pipeds HTTP/1.1`,
  `GET /v1/keys/${encodeURIComponent(`"} ${MARK} 1`)} HTTP/1.1`,
  `GET /traefik HTTP/1.1\r\nx-forwarded-method: ${MARK}\r\nx-forwarded-uri: /${MARK}\r\nauthorization: ${MARK} ${MARK}`,
];

it('nothing that is sent to an auth server becomes the value of a label', async () => {
  const auth = await startAuthServer({
    controlPlane: { url: 'http://127.0.0.1:1', token: 'a-token-that-nobody-asks-for' },
    port: 0,
    http: { port: 0 },
    metrics: { port: 0 },
    logger: createLogger({ level: 'silent' }),
  });
  stage.defer(() => auth[Symbol.asyncDispose]());
  for (const line of hostileLines) {
    for (const address of [auth.httpAddress, auth.metricsAddress])
      await write(address ?? '', `${line}\r\nhost: ${MARK}\r\n\r\n`);
  }
  const client = new Client(auth.grpcAddress, credentials.createInsecure());
  stage.defer(() => client.close());
  const header = (name: string, value: string) => [3, message([1, name], [2, value])] as const;
  const check = (...headers: (readonly [number, Uint8Array])[]) =>
    message([1, message([4, message([2, message([2, MARK.toUpperCase()], ...headers, [4, `/${MARK}`])])])]);
  const token = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const pass = `${token({ alg: MARK, typ: MARK, kid: 'a'.repeat(43) })}.${token({ sub: MARK })}.AAAA`;
  for (const bytes of [
    check(),
    check(header('authorization', `Bearer ${pass}`), header('traceparent', MARK), header('content-type', MARK)),
    check(header('authorization', `${MARK} ${MARK}`), header('x-spanpass-project', MARK)),
    Buffer.from(MARK),
  ]) {
    await new Promise(resolve => {
      client.makeUnaryRequest('/envoy.service.auth.v3.Authorization/Check', asIs, asIs, Buffer.from(bytes), resolve);
    });
  }
  const labels = await labelsAt(`http://${auth.metricsAddress}/metrics`);
  const reasons = labels.filter(([label]) => label.endsWith('.reason')).map(([, reason]) => reason);
  expect(new Set(reasons).size).toBeGreaterThan(1);
  expect(faultsOf(labels, ['', 'piped-jwt'], /^$/)).toEqual([]);
});

it('nothing that is sent to a control plane does', async () => {
  const controlPlane = await startControlPlane({
    dataDir: await tempDir(stage, 'labels'),
    port: 0,
    env: {},
    logger: createLogger({ level: 'silent' }),
  });
  stage.defer(() => controlPlane[Symbol.asyncDispose]());
  const { host } = new URL(controlPlane.url);
  for (const line of hostileLines) await write(host, `${line}\r\nhost: ${MARK}\r\nconnection: close\r\n\r\n`);
  const { paths } = (await (await fetch(`${controlPlane.url}/openapi.json`)).json()) as { paths: object };
  const labels = await labelsAt(`${controlPlane.url}/metrics`);
  const routes = labels.filter(([label]) => label.endsWith('.route')).map(([, route]) => route);
  expect(routes).toContain('unmatched');
  const known = new Set([
    'unmatched',
    ...Object.keys(paths).map(path => path.replace(/\{(\w+)\}/g, ':$1')),
    '/metrics',
    '/healthz',
    '/readyz',
    '/openapi.json',
  ]);
  expect(
    faultsOf(labels, [], /./).concat(labels.filter(([label, value]) => label.endsWith('.route') && !known.has(value))),
  ).toEqual([]);
  expect(JSON.stringify(labels)).not.toContain(MARK);
});
