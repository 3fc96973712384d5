import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { parse } from 'yaml';
import { Failure, oneLine, wrongUsage } from '../failure.ts';
import {
  collectorConfig,
  type EnvoyOptions,
  envoyConfig,
  gatewayDefaults,
  nginxConfig,
} from '../gateway-config/index.ts';
import { type Io, printResult } from '../io.ts';
import { examples, type JsonOption, port, withJson } from './options.ts';

interface OutputOption extends JsonOption {
  readonly output?: string;
}

/** What Envoy and nginx are told alike. */
interface GatewayFlags extends OutputOption {
  readonly listen: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly upstreamGrpc: string[];
  readonly upstreamHttp: string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly clientCa?: string;
  readonly allowPlaintext?: true;
  readonly accessLog: boolean;
}

interface EnvoyFlags extends GatewayFlags {
  readonly check: 'grpc' | 'http' | 'jwt';
  readonly auth?: string[];
  readonly authWorkers?: number;
  readonly authCa?: string;
  readonly authCert?: string;
  readonly authKey?: string;
  readonly authName?: string[];
  readonly issuer?: string;
  readonly audience?: string;
  readonly adminPort?: number;
}

interface NginxFlags extends GatewayFlags {
  readonly auth: string[];
  readonly authCa?: string;
  readonly authCert?: string;
  readonly authKey?: string;
  readonly authName?: string;
  readonly gatewayTokenFile?: string;
}

interface CollectorFlags extends OutputOption {
  readonly listenGrpc: string;
  readonly listenHttp: string;
  readonly exportGrpc?: string[];
  readonly exportHttp?: string[];
  readonly insecure?: true;
  readonly queueDirectory?: string;
  readonly health?: string;
}

/** `spanpass gateway envoy`, `nginx` and `collector`: configuration to take away. */
export function gatewayCommand(io: Io): Command {
  return new Command('gateway')
    .description('print ready configuration for the gateway')
    .addCommand(envoyCommand(io))
    .addCommand(nginxCommand(io))
    .addCommand(collectorCommand(io));
}

function envoyCommand(io: Io): Command {
  const envoy = withOutput(new Command('envoy')).description(
    'print an Envoy configuration: each OTLP request is checked by the auth server before it passes',
  );
  withListen(envoy)
    .addOption(
      new Option('--check <way>', 'how the auth servers are asked; jwt: not at all, for access tokens')
        .choices(['grpc', 'http', 'jwt'])
        .default('grpc'),
    )
    .option(
      '--auth <host:port...>',
      `auth servers (default: ${gatewayDefaults.authGrpcEndpoint}, or 9087 over HTTP); with jwt the control plane (default: ${gatewayDefaults.controlPlaneEndpoint})`,
    )
    .addOption(
      new Option(
        '--auth-workers <number>',
        'workers of each auth server, where these have ports of their own',
      ).argParser(Number),
    )
    .option(
      '--issuer <url>',
      `with jwt: the control plane, as its tokens name it (default: http://${gatewayDefaults.controlPlaneEndpoint})`,
    )
    .option('--audience <name>', "with jwt: the gateway's id (default: spanpass-gateway)")
    .option('--auth-ca <file>', 'TLS to the auth servers, with certificates of this CA')
    .option('--auth-cert <file>', "Envoy's own certificate, to show to them")
    .option('--auth-key <file>', 'its private key')
    .option('--auth-name <name...>', 'names that their certificates must carry, if not the hosts of --auth');
  return withDoors(withUpstream(envoy))
    .addOption(portOption('--admin-port <port>', "Envoy's admin interface on loopback; off unless given"))
    .addHelpText(
      'after',
      examples(
        'spanpass gateway envoy --auth 10.0.0.5:9086 > envoy.yaml',
        'spanpass gateway envoy --auth 10.0.0.5:9086 --auth-workers 4 > envoy.yaml',
        'spanpass gateway envoy --check http --auth 10.0.0.5:9087 > envoy.yaml',
        'spanpass gateway envoy --check jwt --auth 10.0.0.4:443 --auth-ca ca.pem --issuer https://control-plane.example.org',
        'GATEWAY_TOKEN=… envoy -c envoy.yaml',
      ),
    )
    .action(async (flags: EnvoyFlags) => {
      await printConfig(io, flags, () =>
        envoyConfig({
          ...waysOf(flags),
          auth: authOf(flags),
          adminPort: flags.adminPort,
        }),
      );
    });
}

function authOf(flags: EnvoyFlags): EnvoyOptions['auth'] {
  const { check: mode, auth: endpoints, authWorkers: workers, issuer, audience } = flags;
  const shared = { ...(endpoints && { endpoints }), tls: authTlsOf(flags) };
  if (mode === 'jwt' && workers !== undefined) throw wrongUsage('--auth-workers: with jwt no auth server is asked');
  if (mode === 'jwt') return { mode, ...shared, ...(issuer && { issuer }), ...(audience && { audience }) };
  if (issuer !== undefined || audience !== undefined) throw wrongUsage('--issuer and --audience need --check jwt');
  return { mode, ...shared, ...(workers !== undefined && { workers }) };
}

function nginxCommand(io: Io): Command {
  const nginx = withOutput(new Command('nginx')).description(
    'print a complete nginx.conf: each OTLP request is checked by the auth server before it passes',
  );
  withListen(nginx)
    .option('--auth <host:port...>', 'auth servers, asked over HTTP', [gatewayDefaults.authHttpEndpoint])
    .option('--auth-ca <file>', 'TLS to the auth servers, with certificates of this CA')
    .option('--auth-name <name>', 'name that their certificates must carry')
    .option('--auth-cert <file>', "nginx's own certificate, to show to them")
    .option('--auth-key <file>', 'its private key');
  withUpstream(nginx).option('--gateway-token-file <file>', 'file with the line: default "Bearer TOKEN";');
  return withDoors(nginx)
    .addHelpText(
      'after',
      examples('spanpass gateway nginx --auth 10.0.0.5:9087 > nginx.conf', 'nginx -p . -c nginx.conf'),
    )
    .action(async (flags: NginxFlags) => {
      const { authCa, authName, authCert, authKey, gatewayTokenFile } = flags;
      if ((authCa === undefined) !== (authName === undefined))
        throw wrongUsage('--auth-ca and --auth-name belong together');
      if (authCa === undefined && authCert !== undefined) throw wrongUsage('--auth-cert needs --auth-ca');
      const authTls = authCa &&
        authName && { caFile: authCa, serverName: authName, certFile: authCert, keyFile: authKey };
      const config = madeOf(() =>
        nginxConfig({
          ...waysOf(flags),
          auth: { endpoints: flags.auth, ...(authTls && { tls: authTls }) },
          ...(gatewayTokenFile !== undefined && { gatewayTokenFile }),
        }),
      );
      await printOrWrite(io, flags, { config }, config);
    });
}

function collectorCommand(io: Io): Command {
  return withOutput(new Command('collector'))
    .description(
      'print a Collector configuration to stand behind Envoy: it stamps the resource with the identity found',
    )
    .option('--listen-grpc <host:port>', 'OTLP/gRPC, for Envoy', gatewayDefaults.upstreamGrpcEndpoint)
    .option('--listen-http <host:port>', 'OTLP/HTTP, for Envoy', gatewayDefaults.upstreamHttpEndpoint)
    .option('--export-grpc <host:port...>', 'backends that take OTLP/gRPC')
    .option('--export-http <url...>', 'backends that take OTLP/HTTP')
    .option('--insecure', 'clear text to the gRPC backends')
    .option('--queue-directory <directory>', 'where telemetry waits while a backend is away')
    .option(
      '--health <host:port>',
      "answers 200 while it can take telemetry; needs the Collector's health_check extension",
    )
    .addHelpText(
      'after',
      examples(
        'spanpass gateway collector --export-http https://tempo.example:4318 > collector.yaml',
        'GATEWAY_TOKEN=… otelcol --config collector.yaml',
      ),
    )
    .action(async (flags: CollectorFlags) => {
      const exportTo = [
        ...(flags.exportGrpc ?? []).map(endpoint => ({
          protocol: 'grpc' as const,
          endpoint,
          insecure: flags.insecure ?? false,
        })),
        ...(flags.exportHttp ?? []).map(endpoint => ({ protocol: 'http' as const, endpoint })),
      ];
      await printConfig(io, flags, () =>
        collectorConfig({
          listen: { grpc: flags.listenGrpc, http: flags.listenHttp },
          ...(exportTo.length > 0 && { exportTo }),
          ...(flags.queueDirectory !== undefined && { queueDirectory: flags.queueDirectory }),
          ...(flags.health !== undefined && { healthCheck: flags.health }),
        }),
      );
    });
}

function withOutput(command: Command): Command {
  return withJson(command).option('--output <file>', 'write the configuration there instead of printing it');
}

function withListen(command: Command): Command {
  return command
    .option('--listen <address>', 'IP address to listen on', gatewayDefaults.address)
    .addOption(portOption('--grpc-port <port>', 'OTLP/gRPC', gatewayDefaults.otlpGrpcPort))
    .addOption(portOption('--http-port <port>', 'OTLP/HTTP', gatewayDefaults.otlpHttpPort));
}

function withUpstream(command: Command): Command {
  return command
    .option('--upstream-grpc <host:port...>', 'OTLP/gRPC receivers behind', [gatewayDefaults.upstreamGrpcEndpoint])
    .option('--upstream-http <host:port...>', 'OTLP/HTTP receivers behind', [gatewayDefaults.upstreamHttpEndpoint]);
}

/** What stands at the gateway's own doors. */
function withDoors(command: Command): Command {
  return command
    .option('--tls-cert <file>', 'certificate of the gateway')
    .option('--tls-key <file>', 'its private key')
    .option('--client-ca <file>', 'demand client certificates of this CA')
    .option('--allow-plaintext', 'take clear text beyond loopback, where something else protects the way')
    .option('--no-access-log', 'write no access log');
}

function waysOf(flags: GatewayFlags) {
  return {
    listen: { address: flags.listen, grpcPort: flags.grpcPort, httpPort: flags.httpPort },
    upstream: { grpc: flags.upstreamGrpc, http: flags.upstreamHttp },
    tls: tlsOf(flags),
    allowPlaintext: flags.allowPlaintext ?? false,
    accessLog: flags.accessLog,
  };
}

/** @throws Failure for options that make no sense */
function madeOf(make: () => string): string {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError) throw wrongUsage(error.message.replace(/^\w+: /, ''));
    throw error;
  }
}

/** Envoy and the Collector read JSON as well as YAML, so `--json` is ready to use too. */
async function printConfig(io: Io, flags: OutputOption, make: () => string): Promise<void> {
  const config = madeOf(make);
  await printOrWrite(io, flags, flags.json ? parse(config) : undefined, config);
}

/** Where nothing redirects what a command prints (a container without a shell, a unit of systemd), it writes the file itself. */
async function printOrWrite(io: Io, { json, output }: OutputOption, value: unknown, config: string): Promise<void> {
  if (output === undefined) return printResult(io, json, value, () => config);
  try {
    await writeFile(output, json ? `${JSON.stringify(value)}\n` : config);
  } catch (error) {
    throw new Failure(`can't write ${output} (${(error as NodeJS.ErrnoException).code ?? oneLine(error)})`, {
      cause: error,
    });
  }
}

function tlsOf({ tlsCert, tlsKey, clientCa }: GatewayFlags) {
  if (tlsCert === undefined && tlsKey === undefined && clientCa === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw wrongUsage('--tls-cert and --tls-key belong together');
  return { certFile: tlsCert, keyFile: tlsKey, clientCaFile: clientCa };
}

function authTlsOf({ authCa, authCert, authKey, authName }: EnvoyFlags) {
  if (authCa !== undefined) return { caFile: authCa, certFile: authCert, keyFile: authKey, serverNames: authName };
  if (authCert === undefined && authKey === undefined && authName === undefined) return undefined;
  throw wrongUsage('--auth-cert, --auth-key and --auth-name need --auth-ca');
}

function portOption(flag: string, description: string, value?: number): Option {
  const option = new Option(flag, description).argParser(port);
  return value === undefined ? option : option.default(value);
}
