import { readFileSync } from 'node:fs';
import { wholeNumber } from './check.ts';
import type { ExporterOptions, OtlpProtocol, TlsOptions } from './durable-export-options.ts';

export type Env = Readonly<Record<string, string | undefined>>;

const OTLP = 'OTEL_EXPORTER_OTLP_';

/**
 * What OpenTelemetry's variables say about the export of traces: `OTEL_EXPORTER_OTLP_` `ENDPOINT`, `PROTOCOL`, `HEADERS`,
 * `TIMEOUT` (ms), `COMPRESSION`, `INSECURE` (for gRPC, where the endpoint has no scheme), `CERTIFICATE`,
 * `CLIENT_CERTIFICATE`, `CLIENT_KEY`, each also as `OTEL_EXPORTER_OTLP_TRACES_…`, which wins;
 * `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, `OTEL_BSP_SCHEDULE_DELAY` (ms), `OTEL_BSP_EXPORT_TIMEOUT` (ms, where no `TIMEOUT` is
 * set). `OTEL_BSP_MAX_QUEUE_SIZE` is about a queue in memory, which is not here.
 *
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/, …/configuration/sdk-environment-variables/
 *
 * @throws TypeError that names the variable: unlike the SDK, a value that makes no sense is not passed over, since spans
 *   that go nowhere are noticed too late
 */
export function exporterOptionsFromEnv(env: Env): ExporterOptions {
  const protocol = protocolIn(env);
  const tracesEndpoint = read(env, `${OTLP}TRACES_ENDPOINT`);
  const endpoint = read(env, `${OTLP}ENDPOINT`);
  return defined({
    protocol,
    endpoint: protocol === 'http/protobuf' ? endpoint : withScheme(env, tracesEndpoint ?? endpoint),
    tracesUrl: protocol === 'http/protobuf' ? tracesEndpoint : undefined,
    headers: headersIn(env),
    timeoutMs:
      numberIn(env, nameOf(env, 'TIMEOUT'), 1, 600_000) ?? numberIn(env, 'OTEL_BSP_EXPORT_TIMEOUT', 1, 600_000),
    compression: oneOf(env, nameOf(env, 'COMPRESSION'), ['none', 'gzip']),
    tls: tlsIn(env),
    maxBatchRecords: numberIn(env, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1, 100_000),
    lingerMs: numberIn(env, 'OTEL_BSP_SCHEDULE_DELAY', 0, 2 ** 31 - 1),
  });
}

function protocolIn(env: Env): OtlpProtocol | undefined {
  return oneOf(env, nameOf(env, 'PROTOCOL'), ['grpc', 'http/protobuf']);
}

/** `host:port` means TLS, unless `INSECURE` says otherwise; a scheme has the last word. */
function withScheme(env: Env, endpoint: string | undefined): string | undefined {
  const name = nameOf(env, 'INSECURE');
  const insecure = oneOf(env, name, ['true', 'false'], text => text.toLowerCase()) === 'true';
  return endpoint !== undefined && insecure && !/^unix:|:\/\//i.test(endpoint) ? `http://${endpoint}` : endpoint;
}

/** The variable for traces, if it is set, else the one for all signals. */
function nameOf(env: Env, suffix: string): string {
  const name = `${OTLP}TRACES_${suffix}`;
  return read(env, name) === undefined ? `${OTLP}${suffix}` : name;
}

/** An empty variable is an unset one. */
function read(env: Env, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

function numberIn(env: Env, name: string, min: number, max: number): number | undefined {
  const text = read(env, name);
  if (text === undefined) return undefined;
  return wholeNumber(name, /^\d+$/.test(text) ? Number(text) : Number.NaN, min, max);
}

function oneOf<const T extends string>(
  env: Env,
  name: string,
  values: readonly T[],
  normal = (text: string) => text,
): T | undefined {
  const text = read(env, name);
  if (text === undefined) return undefined;
  const found = values.find(value => value === normal(text));
  if (!found) throw new TypeError(`${name} must be ${values.join(' or ')}`);
  return found;
}

/** `key=value,key=value`, values percent-encoded. Those for traces come on top of those for all signals. */
function headersIn(env: Env): Record<string, string> | undefined {
  const names = [`${OTLP}HEADERS`, `${OTLP}TRACES_HEADERS`];
  const headers = names.flatMap(name => headersOf(name, read(env, name) ?? ''));
  return headers.length > 0 ? Object.fromEntries(headers) : undefined;
}

function headersOf(name: string, text: string): (readonly [string, string])[] {
  const pairs = text.split(',').filter(pair => pair.trim() !== '');
  return pairs.map(pair => {
    const [, key, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=(.*)$/s.exec(pair) ?? [];
    const decoded = value === undefined ? undefined : percentDecoded(value.trim());
    // The value may be a secret, so not even a wrong one is quoted.
    if (!key || decoded === undefined) throw new TypeError(`${name} must be key=value pairs, separated by commas`);
    return [key.toLowerCase(), decoded] as const;
  });
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function tlsIn(env: Env): TlsOptions | undefined {
  const tls = defined({
    ca: fileIn(env, nameOf(env, 'CERTIFICATE')),
    cert: fileIn(env, nameOf(env, 'CLIENT_CERTIFICATE')),
    key: fileIn(env, nameOf(env, 'CLIENT_KEY')),
  });
  return Object.keys(tls).length > 0 ? tls : undefined;
}

function fileIn(env: Env, name: string): Buffer | undefined {
  const path = read(env, name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new TypeError(`${name} must name a file that can be read`, { cause: error });
  }
}

function defined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
