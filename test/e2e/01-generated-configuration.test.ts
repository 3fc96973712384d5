import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type CollectorOptions, collectorConfig, type EnvoyOptions, envoyConfig } from 'spanpass';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { selfSigned } from '../harness/tls.ts';

const execute = promisify(execFile);

/** What `spanpass gateway …` puts out. */
async function printed(...args: string[]): Promise<string> {
  const { stdout } = await execute(process.execPath, [spanpassCommand, 'gateway', ...args]);
  return stdout;
}

await describeWithEngine(['envoy'], 'a real Envoy takes the generated configuration', ({ envoy }) => {
  const stage = new Stage();
  let folder: string;
  beforeAll(async () => {
    folder = await tempDir(stage, 'validate');
  });
  afterAll(() => stage.dispose());

  async function validate(options: EnvoyOptions): Promise<string> {
    const path = join(folder, 'envoy.yaml');
    await writeFile(path, envoyConfig(options));
    const { stdout, stderr } = await execute(envoy.path, ['--mode', 'validate', '-c', path]);
    return stdout + stderr;
  }

  it('with the defaults, and without a warning', async () => {
    const output = await validate({});
    expect(output).toContain('OK');
    expect(output.split('\n').filter(line => /\[(warning|error|critical)\]/.test(line))).toEqual([]);
  });

  it('with everything set', async () => {
    const files = await selfSigned(folder);
    const options: EnvoyOptions = {
      listen: { address: '0.0.0.0', grpcPort: 5317, httpPort: 5318 },
      tls: { certFile: files.certFile, keyFile: files.keyFile, clientCaFile: files.certFile },
      auth: { mode: 'grpc', endpoints: ['127.0.0.1:9086', '[::1]:9086'] },
      upstream: { grpc: ['collector-1.test:4317', 'collector-2.test:4317'], http: ['collector-1.test:4318'] },
      projectHeader: 'x-tenant',
      pipedHeader: 'x-agent',
      gatewayHeader: 'x-from-gateway',
      gatewayTokenEnv: 'OTHER_TOKEN',
      clusterTimeouts: { checkMs: 1000, authConnectMs: 100, exportMs: 5000, upstreamConnectMs: 100 },
      accessLog: false,
      adminPort: 9901,
    };
    expect(await validate(options)).toContain('OK');
  });

  it('with access tokens verified here, and without a warning', async () => {
    const files = await selfSigned(folder);
    const output = await validate({
      auth: {
        mode: 'jwt',
        endpoints: ['control-plane.test:443'],
        issuer: 'https://control-plane.test',
        audience: 'another-gateway',
        tls: { caFile: files.certFile },
        maxCachedTokens: 0,
        keyMaxAgeMs: 5000,
      },
    });
    expect(output.split('\n').filter(line => /\[(warning|error|critical)\]/.test(line))).toEqual([]);
  });

  it.each([
    ['yaml', []],
    ['json', ['--json']],
    ['yaml', ['--check', 'jwt']],
  ])('as the command prints it, in %s', async (format, flags) => {
    const path = join(folder, `printed.${format}`);
    await writeFile(path, await printed('envoy', ...flags));
    const { stderr } = await execute(envoy.path, ['--mode', 'validate', '-c', path]);
    expect(stderr).not.toMatch(/\[(warning|error|critical)\]/);
  });

  it('and would say so if it did not', async () => {
    const path = join(folder, 'broken.yaml');
    await writeFile(path, envoyConfig().replace('status_on_error', 'status_on_eror'));
    await expect(execute(envoy.path, ['--mode', 'validate', '-c', path])).rejects.toThrow('status_on_eror');
  });
});

await describeWithEngine(['otelcol'], 'a real Collector takes the generated configuration', ({ otelcol }) => {
  const stage = new Stage();
  let folder: string;
  beforeAll(async () => {
    folder = await tempDir(stage, 'validate');
  });
  afterAll(() => stage.dispose());

  async function validate(options: CollectorOptions, token = 'a-token', ...flags: string[]): Promise<void> {
    const path = join(folder, 'collector.yaml');
    await writeFile(path, collectorConfig({ queueDirectory: join(folder, 'queue'), ...options }));
    await execute(otelcol.path, ['validate', '--config', path, ...flags], {
      env: { ...process.env, GATEWAY_TOKEN: token, OTHER_TOKEN: token },
    });
  }

  it('with the defaults', () => validate({}));

  it('with everything set', () =>
    validate(
      {
        listen: { grpc: '127.0.0.1:5417', http: '127.0.0.1:5418' },
        exportTo: [
          { protocol: 'grpc', endpoint: 'jaeger.test:4317' },
          { protocol: 'http', endpoint: 'https://tempo.test:4318/otlp', encoding: 'json' },
        ],
        extraExporters: { debug: { verbosity: 'detailed' } },
        signals: ['traces', 'metrics', 'logs', 'profiles'],
        queueMaxBytes: 2 ** 30,
        memoryLimitMib: 1024,
        healthCheck: '127.0.0.1:13133',
        projectHeader: 'x-tenant',
        pipedHeader: 'x-agent',
        gatewayHeader: 'x-from-gateway',
        gatewayTokenEnv: 'OTHER_TOKEN',
      },
      'a-token',
      '--feature-gates',
      'service.profilesSupport',
    ));

  it('as the command prints it', async () => {
    const path = join(folder, 'printed.yaml');
    await writeFile(path, await printed('collector', '--export-http', 'https://tempo.test:4318'));
    // The queue's folder is relative to where the Collector starts.
    await execute(otelcol.path, ['validate', '--config', path], {
      cwd: folder,
      env: { ...process.env, GATEWAY_TOKEN: 'a-token' },
    });
  });

  it('never without the token of the gateway', async () => {
    await expect(validate({}, '')).rejects.toThrow('no bearer token provided');
  });
});
