import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { CLIENT_ASSERTION_TYPE, parseKeyFile } from '@spanpass/credential';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { startCollector } from '../harness/collector.ts';
import { type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { leaksIn, type Output, type Secret } from '../harness/leaks.ts';
import { tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { bearer, passFor, withClaims, withHeader } from '../harness/passes.ts';
import { freePorts } from '../harness/ports.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { startSink } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk, waitFor } from '../harness/wait.ts';

const run = promisify(execFile);

/** Two dozen commands, each a process of its own. */
const patience = { timeout: 300_000 };

/** A key as PipeCD makes them, and the hash that it keeps. */
const staticKey = 'ovnq6wh0zwqx3ezd8bq7b1yd2vgrxaj6l4prcr7u9xmb3nlhkz';
const staticKeyHash = '$2b$10$/l65wpa0L5LAPFt.h/vDxOk.MhLk/bmTUKKoySYBRXoy6rrumeMNW';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

function tokenRequest(assertion: string): URLSearchParams {
  const type = { grant_type: 'client_credentials', client_assertion_type: CLIENT_ASSERTION_TYPE };
  return new URLSearchParams({ ...type, client_assertion: assertion });
}

/** The backend of the checks' own traces: keeps what it is sent as it came. */
async function startTraceBackend(stage: Stage) {
  const bodies: Buffer[] = [];
  const authorizations = new Set<string | undefined>();
  const server = createServer(async (request, response) => {
    authorizations.add(request.headers.authorization);
    bodies.push(await buffer(request));
    response.writeHead(200).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, authorizations, bytes: () => Buffer.concat(bodies) };
}

await describeWithEngine(['envoy', 'otelcol'], 'no secret is in any output', engines => {
  const stage = new Stage();
  const secrets: Secret[] = [];
  const outputs: Output[] = [];
  const secret = (name: string, value = randomBytes(32).toString('base64url')) => {
    secrets.push({ name, value });
    return value;
  };
  const output = (name: string, text: string) => outputs.push({ name, text });
  const traceSecret = secret('the token for traces');
  const tokens = { admin: secret('the admin token'), authServer: secret("the auth server's token") };
  const gatewayToken = secret('the gateway token');

  let folder: string;
  let urls: { controlPlane: string; authHttp: string; authMetrics: string };
  let processes: Readonly<Record<string, RunningProcess>>;
  let gateway: RunningEnvoy;
  let traces: Awaited<ReturnType<typeof startTraceBackend>>;
  let env: NodeJS.ProcessEnv;

  /** Runs the command as somebody would, and keeps what it says, unless saying a secret is what it is for. */
  async function command(args: string[], { showsSecrets = false, input = '' } = {}): Promise<string> {
    const running = run(process.execPath, [spanpassCommand, ...args], { env: { ...process.env, ...env }, cwd: folder });
    running.child.stdin?.end(input);
    const { stdout, stderr } = await running.catch(error => error as { stdout: string; stderr: string });
    if (!showsSecrets) output(`stdout of ${args[0]}`, stdout);
    output(`stderr of ${args[0]}`, stderr);
    return stdout;
  }

  async function answer(name: string, url: string, init: RequestInit = {}): Promise<void> {
    const response = await fetch(url, { redirect: 'manual', ...init });
    output(name, `${JSON.stringify([...response.headers])}\n${await response.text()}`);
  }

  /** By both ways through the gateway, and at the auth server's HTTP port. */
  async function show(name: string, authorization: string, headers: Readonly<Record<string, string>> = {}) {
    const grpcHeaders = [['authorization', authorization] as const, ...Object.entries(headers)];
    const grpc = await exportOverGrpc(gateway.grpcPort, tracesRequest('a'), grpcHeaders);
    const sent = { authorization, ...headers };
    const http = await exportOverHttp(gateway.httpPort, tracesRequestJson('a'), sent);
    output(`the gRPC answer to ${name}`, JSON.stringify(grpc) + inspectable(grpc.metadata));
    output(`the HTTP answer to ${name}`, `${JSON.stringify(http.headers)}\n${http.body.toString('latin1')}`);
    const original = { 'x-forwarded-method': 'POST', 'x-forwarded-uri': '/v1/traces', 'x-original-uri': '/v1/traces' };
    for (const dialect of ['traefik', 'nginx', 'envoy/v1/traces']) {
      const init = { headers: { ...sent, ...original } };
      await answer(`the answer of ${dialect} to ${name}`, `${urls.authHttp}/${dialect}`, init);
    }
    return { grpc: grpc.code, http: http.http };
  }

  const inspectable = (metadata: object) =>
    Object.values(metadata)
      .map(value => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value)))
      .join('\n');

  beforeAll(async () => {
    folder = await tempDir(stage, 'secrets');
    const ports = await freePorts('controlPlane', 'grpc', 'http', 'metrics');
    urls = {
      controlPlane: `http://127.0.0.1:${ports.controlPlane}`,
      authHttp: `http://127.0.0.1:${ports.http}`,
      authMetrics: `http://127.0.0.1:${ports.metrics}`,
    };
    env = {
      SPANPASS_DATA_DIR: join(folder, 'data'),
      SPANPASS_CONTROL_PLANE: urls.controlPlane,
      SPANPASS_ADMIN_TOKEN: tokens.admin,
      SPANPASS_AUTH_SERVER_TOKEN: tokens.authServer,
      SPANPASS_LOG_LEVEL: 'debug',
    };
    traces = await startTraceBackend(stage);
    const keys = [{ hash: secret('the hash of the static key', staticKeyHash), created_at: 1 }];
    await writeFile(join(folder, 'pipeds.json'), JSON.stringify([{ id: 'old-1', project_id: 'shop', keys }]));
    const chain = [{ kind: 'pipecd-key', file: join(folder, 'pipeds.json') }, { kind: 'piped-jwt' }];
    const shadow = { rule: 'signed-only', authenticators: [{ kind: 'piped-jwt' }] };
    const config = join(folder, 'server.yaml');
    await writeFile(config, JSON.stringify({ authenticators: chain, shadow }));
    const controlPlane = await startProcess(stage, {
      name: 'control plane',
      command: process.execPath,
      args: [spanpassCommand, 'control-plane'],
      env: { ...env, SPANPASS_PORT: String(ports.controlPlane) },
      ready: () => answersOk(`${urls.controlPlane}/readyz`),
      readyWithinMs: 60_000,
    });
    const authServer = await startProcess(stage, {
      name: 'auth server',
      command: process.execPath,
      args: [spanpassCommand, 'server', '--config', config],
      env: {
        ...env,
        SPANPASS_GRPC_PORT: String(ports.grpc),
        SPANPASS_HTTP_PORT: String(ports.http),
        SPANPASS_METRICS_PORT: String(ports.metrics),
        OTEL_EXPORTER_OTLP_ENDPOINT: traces.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${traceSecret}`,
        OTEL_BSP_SCHEDULE_DELAY: '200',
      },
      ready: () => answersOk(`${urls.authMetrics}/readyz`),
      readyWithinMs: 60_000,
    });
    const sink = await startSink(stage);
    const exportTo = [{ protocol: 'http', endpoint: sink.url, encoding: 'json' }] as const;
    const collector = await startCollector(stage, engines.otelcol, { exportTo }, gatewayToken);
    gateway = await startEnvoy(
      stage,
      engines.envoy,
      {
        auth: { mode: 'grpc', endpoints: [`127.0.0.1:${ports.grpc}`] },
        upstream: { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] },
      },
      gatewayToken,
    );
    processes = { controlPlane, authServer, collector: collector.process, envoy: gateway.process };
  });
  afterAll(() => stage.dispose());

  it('not in those of pipeds that come and go, and of passes that hold and that do not', patience, async () => {
    const owner = ['--project', 'shop', '--piped', 'edge-1'];
    const registered = await command(['piped', 'register', ...owner, '--json'], { showsSecrets: true });
    const enrollmentToken = secret('the enrollment token', JSON.parse(registered).enrollmentToken);
    const keyPath = join(folder, 'edge-1.json');
    await command(['enroll', '--token', enrollmentToken, '--key-file', keyPath]);
    const keyFileNow = async () => {
      const keyFile = await parseKeyFile(JSON.parse(await readFile(keyPath, 'utf8')));
      secret('a private key', String((keyFile.privateJwk as { d?: unknown }).d));
      return keyFile;
    };
    const passOf = (name: string, pass: string) => {
      const [, claims = '', signature = ''] = pass.split('.');
      secret(`the claims of ${name}`, claims);
      secret(`the signature of ${name}`, signature);
      return pass;
    };
    const first = await keyFileNow();
    await command(['renew', '--key-file', keyPath]);
    const keyFile = await keyFileNow();
    const good = passOf('a good pass', await passFor(keyFile));
    secret('the encryption key', (await readFile(join(folder, 'data', 'encryption-key'), 'utf8')).trim());
    const audience = urls.controlPlane;
    const assertion = passOf('an assertion', await passFor(keyFile, { purpose: 'tokenExchange', audience }));
    const exchange = { method: 'POST', body: tokenRequest(assertion) };
    const exchanged = (await (await fetch(`${audience}/oauth2/token`, exchange)).json()) as { access_token: string };
    const token = passOf('an access token', exchanged.access_token);
    await answer('the answer to an assertion that was used', `${audience}/oauth2/token`, exchange);
    const wrong = { method: 'POST', body: tokenRequest(withClaims(assertion, { project: 'bank' })) };
    await answer('the answer to changed claims', `${audience}/oauth2/token`, wrong);
    const printed = await command(['token', '--key-file', keyPath], { showsSecrets: true });
    passOf('a printed pass', printed.trim());
    secret('the static key', staticKey);

    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    const trace = { traceparent, tracestate: `a=${good.slice(-80)}`, 'x-request-id': 'a-request' };
    await waitFor(
      'a good pass to be let in',
      async () => (await show('a good pass', `Bearer ${good}`, trace)).http === 200,
    );
    expect(await show('a good pass again', `bearer  ${printed.trim()}`)).toEqual({ grpc: 0, http: 200 });
    expect(await show('the static key', `Bearer shop,old-1,${staticKey}`, trace)).toEqual({ grpc: 0, http: 200 });
    const hostile: readonly (readonly [string, string])[] = [
      [
        'a wrong static key',
        `Bearer shop,old-1,${secret('a wrong static key', staticKey.split('').reverse().join(''))}`,
      ],
      ['no static key', `Bearer ${secret('what is no key', randomBytes(24).toString('hex'))}`],
      ['another scheme', `Basic ${secret('a password', randomBytes(24).toString('base64'))}`],
      ['an access token where none is taken', `Bearer ${token}`],
      ['an assertion at the gateway', `Bearer ${assertion}`],
      ['two passes', `Bearer ${good},Bearer ${good}`],
      ['a pass of a former key', `Bearer ${passOf('a former key', await passFor(first))}`],
      ['changed claims', `Bearer ${passOf('changed claims', withClaims(good, { project: 'bank' }))}`],
      ['a changed header', `Bearer ${passOf('a changed header', withHeader(good, { alg: 'none' }))}`],
      ['a pass that is over', `Bearer ${passOf('an old pass', await passFor(keyFile, { now: () => 1_000_000 }))}`],
      ['a pass of another audience', `Bearer ${passOf('another audience', await passFor(keyFile, { audience: 'x' }))}`],
      ['half a pass', `Bearer ${good.slice(0, good.length / 2)}`],
      ['a huge pass', `Bearer ${good.repeat(30)}`],
    ];
    for (const [name, authorization] of hostile) await show(name, authorization, trace);
    await exportOverHttp(gateway.httpPort, '{}', {}, `/v1/traces?access_token=${good}`);
    await exportOverGrpc(gateway.grpcPort, tracesRequest('a'), [bearer(good)], '/no.such.Service/Method');

    for (const given of [good, withClaims(good, { project: 'bank' }), `shop,old-1,${staticKey}`]) {
      for (const json of [[], ['--json']]) {
        await command(['check', '-', '--config', join(folder, 'server.yaml'), ...json], { input: given });
        await command(['check', given, ...json]);
      }
    }
    for (const args of [
      ['piped', 'list'],
      ['key', 'list', ...owner],
      ['key', 'revoke', keyFile.kid],
    ]) {
      await command(args);
      await command([...args, '--json']);
    }
    await show('a revoked pass', `Bearer ${good}`);
    await command(['piped', 'disable', ...owner]);
  });

  it('not in those of a control plane that is shown secrets in every wrong place', patience, async () => {
    const { controlPlane } = urls;
    const wrong = secret('a wrong token');
    for (const token of [wrong, tokens.authServer, `${tokens.admin}x`, tokens.admin.slice(0, -1)]) {
      const headers = { authorization: `Bearer ${token}` };
      await answer('the answer to a wrong token', `${controlPlane}/v1/pipeds`, { headers });
    }
    for (const path of [
      `/v1/keys/${tokens.admin}`,
      `/${wrong}`,
      `/v1/pipeds?token=${wrong}`,
      `/v1/projects/${wrong}/pipeds`,
    ]) {
      await answer('the answer to a secret in a path', controlPlane + path);
      await answer('the answer to one there, as admin', controlPlane + path, {
        headers: { authorization: `Bearer ${tokens.authServer}` },
      });
    }
    for (const body of [`{"enrollmentToken":"${wrong}"}`, `{"enrollmentToken":"${wrong}`, wrong]) {
      const headers = { 'content-type': 'application/json' };
      await answer('the answer to a wrong enrollment', `${controlPlane}/v1/enroll`, { method: 'POST', headers, body });
    }
    await writeFile(join(folder, 'bad.yaml'), `authServerToken: [${wrong}]\ndatabaseUrl: ${wrong}\n`);
    for (const server of ['server', 'control-plane']) await command([server, '--config', join(folder, 'bad.yaml')]);
    await command(['enroll', '--token', wrong, '--key-file', join(folder, 'none.json')]);
  });

  it('and all of them were looked at: logs, metrics, traces, answers, and the access log', async () => {
    await waitFor('the traces of checks', () => traces.bytes().includes('signature_invalid'));
    for (const [name, url] of Object.entries({ authServer: urls.authMetrics, controlPlane: urls.controlPlane })) {
      await answer(`metrics of ${name}`, `${url}/metrics`);
    }
    const spans = traces.bytes();
    output('traces', spans.toString('latin1'));
    expect(spans.includes(Buffer.from(traceId, 'hex'))).toBe(true);
    for (const text of [
      'spanpass.reason',
      'ext_authz_grpc',
      'ext_authz_http',
      'pipecd-key',
      'edge-1',
      'spanpass-server',
    ]) {
      expect(spans.includes(text), text).toBe(true);
    }
    expect([...traces.authorizations]).toEqual([`Bearer ${traceSecret}`]);
    for (const name of ['authServer', 'controlPlane', 'collector'] as const) await processes[name]?.stop();
    for (const [name, process] of Object.entries(processes)) output(`log of ${name}`, process.output());
    const { authServer, envoy, controlPlane } = processes;
    for (const text of [
      'signature_invalid',
      'static_key_invalid',
      'a tried rule disagrees',
      '"docs":"docs/reference/',
    ]) {
      expect(authServer?.output()).toContain(text);
    }
    expect(envoy?.output()).toContain('"reason":"signature_invalid"');
    expect(controlPlane?.output()).toContain('"level":20');
    expect(outputs.length).toBeGreaterThan(100);
    expect(secrets.length).toBeGreaterThan(20);
    expect(leaksIn(outputs, secrets)).toEqual([]);
  });
});
