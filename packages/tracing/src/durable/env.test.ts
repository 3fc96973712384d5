import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exporterOptionsFromEnv } from './env.ts';
import { scratchFolder } from './testing/scratch.ts';

const P = 'OTEL_EXPORTER_OTLP_';

describe('environment variables', () => {
  it('say nothing if they are not set, or empty', () => {
    expect(exporterOptionsFromEnv({})).toEqual({});
    expect(exporterOptionsFromEnv({ [`${P}ENDPOINT`]: ' ', [`${P}TIMEOUT`]: '' })).toEqual({});
  });

  it('for all signals', () => {
    expect(
      exporterOptionsFromEnv({
        [`${P}ENDPOINT`]: 'https://g:4317',
        [`${P}PROTOCOL`]: 'grpc',
        [`${P}HEADERS`]: 'x-a=1, X-B=two%2C%20three ,',
        [`${P}TIMEOUT`]: '5000',
        [`${P}COMPRESSION`]: 'gzip',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100',
        OTEL_BSP_SCHEDULE_DELAY: '0',
      }),
    ).toEqual({
      endpoint: 'https://g:4317',
      protocol: 'grpc',
      headers: { 'x-a': '1', 'x-b': 'two, three' },
      timeoutMs: 5_000,
      compression: 'gzip',
      maxBatchRecords: 100,
      lingerMs: 0,
    });
  });

  it('those for traces win, header by header', () => {
    expect(
      exporterOptionsFromEnv({
        [`${P}ENDPOINT`]: 'https://g:4317',
        [`${P}TRACES_ENDPOINT`]: 'https://t:4317',
        [`${P}HEADERS`]: 'a=1,b=1',
        [`${P}TRACES_HEADERS`]: 'b=2',
        [`${P}TIMEOUT`]: 'nonsense that is hidden',
        [`${P}TRACES_TIMEOUT`]: '1',
      }),
    ).toEqual({ endpoint: 'https://t:4317', headers: { a: '1', b: '2' }, timeoutMs: 1 });
  });

  it('an endpoint for traces over HTTP is a whole URL', () => {
    const env = {
      [`${P}PROTOCOL`]: 'http/protobuf',
      [`${P}ENDPOINT`]: 'http://g',
      [`${P}TRACES_ENDPOINT`]: 'http://t/x',
    };
    expect(exporterOptionsFromEnv(env)).toMatchObject({ endpoint: 'http://g', tracesUrl: 'http://t/x' });
  });

  it.each([
    ['g:4317', 'true', 'http://g:4317'],
    ['g:4317', 'False', 'g:4317'],
    ['https://g:4317', 'TRUE', 'https://g:4317'],
    ['unix:/run/g.sock', 'true', 'unix:/run/g.sock'],
  ])('endpoint %s, insecure %s: %s', (endpoint, insecure, expected) => {
    const env = { [`${P}ENDPOINT`]: endpoint, [`${P}INSECURE`]: insecure };
    expect(exporterOptionsFromEnv(env)).toEqual({ endpoint: expected });
  });

  it("the batch processor's time limit counts where the exporter has none", () => {
    expect(exporterOptionsFromEnv({ OTEL_BSP_EXPORT_TIMEOUT: '7000' })).toEqual({ timeoutMs: 7_000 });
    const both = { OTEL_BSP_EXPORT_TIMEOUT: '7000', [`${P}TIMEOUT`]: '5000' };
    expect(exporterOptionsFromEnv(both)).toEqual({ timeoutMs: 5_000 });
  });

  it('certificates are read from their files', () => {
    using folder = scratchFolder();
    const path = join(folder.path, 'ca.pem');
    writeFileSync(path, 'PEM');
    expect(exporterOptionsFromEnv({ [`${P}CERTIFICATE`]: path })).toEqual({ tls: { ca: Buffer.from('PEM') } });
  });

  it.each([
    [`${P}PROTOCOL`, 'http/json'],
    [`${P}TIMEOUT`, '0'],
    [`${P}TIMEOUT`, '1e3'],
    [`${P}TRACES_TIMEOUT`, '10s'],
    [`${P}COMPRESSION`, 'zstd'],
    [`${P}INSECURE`, 'yes'],
    [`${P}HEADERS`, 'no pair'],
    [`${P}HEADERS`, 'a=%zz'],
    [`${P}CERTIFICATE`, '/does/not/exist'],
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '-1'],
    ['OTEL_BSP_SCHEDULE_DELAY', 'x'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(() => exporterOptionsFromEnv({ [name]: value })).toThrow(TypeError);
    expect(() => exporterOptionsFromEnv({ [name]: value })).toThrow(name);
  });

  it('a header that is wrong is not quoted: it may be a secret', () => {
    expect(() => exporterOptionsFromEnv({ [`${P}HEADERS`]: 'Bearer secret' })).toThrow(/^(?!.*secret)/);
  });
});
