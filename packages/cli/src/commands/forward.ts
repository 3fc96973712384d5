import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, ClientError, createClient } from '@spanpass/client';
import { isLoopbackHost } from '@spanpass/credential';
import type { Transport } from '@spanpass/tracing/durable';
import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { Failure, oneLine, wrongUsage } from '../failure.ts';
import { type Io, printResult, tell } from '../io.ts';
import type { ListenAddress } from '../sidecar/listen.ts';
import { untilStopped } from '../until-stopped.ts';
import { type DataDirOption, dataDirOf, examples, port, withDataDir, withJson } from './options.ts';

interface ForwardFlags extends DataDirOption {
  readonly keyFile: string;
  readonly endpoint: string;
  readonly protocol: 'grpc' | 'http/protobuf';
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly grpcSocket?: string;
  readonly httpSocket?: string;
  readonly listenBeyondLoopback?: boolean;
  readonly spoolDir?: string;
  readonly maxBytes?: number;
  readonly maxAgeHours?: number;
  readonly maxRequestBytes?: number;
  readonly flushTimeoutMs: number;
  readonly compression: 'none' | 'gzip';
  readonly caFile?: string;
  readonly certFile?: string;
  readonly certKeyFile?: string;
  readonly exchange?: boolean;
  readonly allowPlaintext?: boolean;
  readonly logLevel: string;
}

const HOUR_MS = 3_600_000;

/** `spanpass forward`: a sidecar that keeps a piped's telemetry on disk, and sends it on with its credential. */
export function forwardCommand(io: Io): Command {
  return withDataDir(withJson(new Command('forward')))
    .description("take a piped's OTLP on this machine, keep it on disk, and send it on with its credential attached")
    .requiredOption('--key-file <file>', "the piped's key; renewed here")
    .requiredOption('--endpoint <url>', 'the gateway: https://host:4317, or http:// on this machine')
    .addOption(new Option('--protocol <protocol>', 'to the gateway').choices(['grpc', 'http/protobuf']).default('grpc'))
    .option('--host <address>', 'where to listen, an IP address', '127.0.0.1')
    .addOption(new Option('--grpc-port <port>', 'OTLP/gRPC in').default(4319).argParser(port))
    .addOption(new Option('--http-port <port>', 'OTLP/HTTP in, /readyz and /metrics').default(4320).argParser(port))
    .option('--grpc-socket <path>', 'OTLP/gRPC in on a Unix socket instead (0600)')
    .option('--http-socket <path>', 'OTLP/HTTP in on a Unix socket instead (0600)')
    .option('--listen-beyond-loopback', 'let other machines send without a credential, in the name of this piped')
    .option('--spool-dir <directory>', 'what waits is kept here (default: <data-dir>/forward)')
    .addOption(
      numberOption('--max-bytes <bytes>', 'of the spool; beyond that, requests are refused (default: 512 MiB)'),
    )
    .addOption(numberOption('--max-age-hours <hours>', 'what waits for longer is dropped (default: 168)'))
    .addOption(numberOption('--max-request-bytes <bytes>', 'longest request, inflated (default: 4 MiB)'))
    .addOption(numberOption('--flush-timeout-ms <ms>', 'how long to go on sending when it is stopped').default(5_000))
    .addOption(new Option('--compression <kind>', 'to the gateway').choices(['none', 'gzip']).default('none'))
    .option('--ca-file <file>', "PEM: whom to trust, instead of the system's roots")
    .option('--cert-file <file>', 'PEM: the certificate to show to the gateway')
    .option('--cert-key-file <file>', 'PEM: its private key')
    .option('--exchange', 'show the gateway access tokens of the control plane, for one that verifies them itself')
    .option('--allow-plaintext', 'let the credential leave this machine unencrypted')
    .addOption(
      new Option('--log-level <level>').choices(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
    )
    .addHelpText(
      'after',
      `\nA request is acknowledged when it is on the disk. It goes on byte for byte, at least once, over any outage; what the
gateway refuses for good is a dead letter (see: spanpass spool). When the spool is full, senders are told to wait. Over HTTP,
protobuf is taken, and JSON refused (415).\n${examples(
        'spanpass forward --key-file /etc/piped/key.json --endpoint https://gateway.example.com:4317',
        'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4319 OTEL_EXPORTER_OTLP_PROTOCOL=grpc piped',
      )}`,
    )
    .action(async (flags: ForwardFlags) => {
      const addresses = listenAddresses(flags);
      refuseItself(flags.endpoint, [addresses.grpc, addresses.http]);
      await using client = createClient({
        keyFile: flags.keyFile,
        exchange: flags.exchange,
        allowPlaintext: flags.allowPlaintext,
      });
      const log = pino({ name: 'spanpass-forward', level: flags.logLevel }, pino.destination(2));
      await started(client, log);
      const { startSidecar } = await import('../sidecar/sidecar.ts');
      const { maxBytes, maxAgeHours, maxRequestBytes, flushTimeoutMs } = flags;
      const spoolDir = flags.spoolDir ?? join(dataDirOf(io, flags), 'forward');
      const sidecar = await usable(async () =>
        startSidecar({
          ...addresses,
          spool: {
            folder: spoolDir,
            ...(maxBytes !== undefined && { maxBytes }),
            ...(maxAgeHours !== undefined && { maxAgeMs: maxAgeHours * HOUR_MS }),
          },
          transport: await transportFor(flags, client),
          credentials: client.exportCredentials(),
          ...(maxRequestBytes !== undefined && { maxRequestBytes }),
          flushTimeoutMs,
          log,
        }),
      );
      const { grpcAddress, httpAddress } = sidecar;
      await printResult(
        io,
        flags.json,
        { grpcAddress, httpAddress, endpoint: flags.endpoint, spoolDir },
        () =>
          `OTLP/gRPC is taken on ${grpcAddress}, OTLP/HTTP on ${httpAddress}; it goes to ${flags.endpoint} by way of ${spoolDir}.\n`,
      );
      await untilStopped(io.stop);
      const left = await sidecar.stop();
      if (left > 0) await tell(io, `${left} requests stay in ${spoolDir}, and are sent after the next start.`);
    });
}

/** A key file that can't be used is a mistake of whoever starts this; what else is missing may come later. */
async function started(client: Client, log: { warn(message: string): void }): Promise<void> {
  try {
    await client.start();
  } catch (error) {
    if (!(error instanceof ClientError) || error.code.startsWith('key_file_')) throw new Failure(oneLine(error));
    log.warn(`there is no credential yet, and nothing is sent before there is: ${oneLine(error)}`);
  }
}

async function transportFor(flags: ForwardFlags, client: Client): Promise<Transport> {
  const { grpcTransport, httpTransport } = await import('@spanpass/tracing/durable');
  const { endpoint, compression, allowPlaintext } = flags;
  const credentials = client.exportCredentials();
  const common = { endpoint, compression, allowPlaintext, credentials };
  const [ca, cert, key] = await Promise.all([pem(flags.caFile), pem(flags.certFile), pem(flags.certKeyFile)]);
  if (flags.protocol === 'http/protobuf') return httpTransport({ ...common, tls: given({ ca, cert, key }) });
  if (/^(http|unix):/i.test(endpoint)) return grpcTransport(common);
  const { credentials: grpc } = await import('@grpc/grpc-js');
  return grpcTransport({ ...common, channelCredentials: grpc.createSsl(ca, key, cert) });
}

function listenAddresses(flags: ForwardFlags): { grpc: ListenAddress; http: ListenAddress } {
  const { host, grpcPort, httpPort, grpcSocket, httpSocket } = flags;
  const needsHost = grpcSocket === undefined || httpSocket === undefined;
  if (needsHost && !isLoopbackHost(host) && !flags.listenBeyondLoopback) {
    throw wrongUsage(
      `--host ${host} is not surely this machine, and whoever reaches it sends in the name of this piped: listen on 127.0.0.1, or say --listen-beyond-loopback`,
    );
  }
  const address = (socket: string | undefined, tcpPort: number): ListenAddress =>
    socket === undefined
      ? { kind: 'tcp', host, port: tcpPort }
      : { kind: 'socket', path: socket.replace(/^unix:(\/\/(?=\/))?/, '') };
  return { grpc: address(grpcSocket, grpcPort), http: address(httpSocket, httpPort) };
}

/** What it sends would come in again, for ever. */
function refuseItself(endpoint: string, own: readonly ListenAddress[]): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isOwn = own.some(address =>
    address.kind === 'tcp'
      ? url !== undefined && isLoopbackHost(url.hostname) && Number(url.port) === address.port && address.port > 0
      : endpoint.replace(/^unix:(\/\/(?=\/))?/, '') === address.path,
  );
  if (isOwn) throw wrongUsage(`--endpoint ${endpoint} is where this sidecar itself listens: name the gateway`);
}

async function usable<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw error instanceof TypeError ? wrongUsage(error.message) : error;
  }
}

async function pem(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  return readFile(file).catch(error => {
    throw new Failure(`can't read ${file}: ${oneLine(error)}`);
  });
}

function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function numberOption(flag: string, description: string): Option {
  return new Option(flag, description).argParser(text => {
    const number = Number(text);
    if (!/^\d{1,15}$/.test(text) || number < 1)
      throw new InvalidArgumentError('It must be a whole number of at least 1.');
    return number;
  });
}
