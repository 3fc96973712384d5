import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer, type Server } from '@spanpass/server';
import { envoyConfig, gatewayDefaults } from '../gateway-config/index.ts';
import { gatewayAuthenticator } from '../receiver/gateway-authenticator.ts';
import type { PipelineOptions } from '../receiver/pipeline.ts';
import { startReceiver } from '../receiver/receiver.ts';
import { type Child, startChild } from './child.ts';

export interface GatewayOptions extends PipelineOptions {
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
}

/** Where telemetry arrives: something that checks, and the built-in receiver. */
export interface Gateway extends AsyncDisposable {
  /** What it is, for people. */
  readonly description: string;
  /** Settles if it ends by itself, with the reason. */
  readonly ended: Promise<string>;
}

/** The built-in receiver alone: it asks the auth server's own `server` about each request. */
export async function startBuiltInGateway(options: GatewayOptions & { readonly server: Server }): Promise<Gateway> {
  const receiver = await startReceiver(options);
  return {
    description: 'the built-in receiver',
    ended: new Promise(() => {}),
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}

export interface EnvoyGatewayOptions extends GatewayOptions {
  readonly executable: string;
  /** Where it asks: the auth server's ext_authz, `host:port`. */
  readonly authEndpoint: string;
  /** For its configuration and its log. */
  readonly dataDir: string;
}

/** Envoy in front of the built-in receiver, which takes only what carries a token that Envoy alone was given. */
export async function startEnvoyGateway(options: EnvoyGatewayOptions): Promise<Gateway> {
  const { executable, host, dataDir } = options;
  const token = randomBytes(32).toString('base64url');
  const receiver = await startReceiver({
    ...options,
    server: createServer({ authenticators: [gatewayAuthenticator(token)] }),
    grpcPort: 0,
    httpPort: 0,
  });
  let envoy: Child;
  try {
    const configFile = join(dataDir, 'envoy.yaml');
    const config = envoyConfig({
      listen: { address: host, grpcPort: options.grpcPort, httpPort: options.httpPort },
      auth: { mode: 'grpc', endpoints: [options.authEndpoint] },
      upstream: { grpc: [`${host}:${receiver.grpcPort}`], http: [`${host}:${receiver.httpPort}`] },
      accessLog: false,
    });
    await writeFile(configFile, config, { mode: 0o600 });
    envoy = startChild({
      command: executable,
      args: ['-c', configFile, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'],
      // Of our own environment it needs nothing, and some of it is secret.
      env: { PATH: '/usr/bin:/bin', [gatewayDefaults.gatewayTokenEnv]: token },
      logFile: join(dataDir, 'envoy.log'),
    });
  } catch (error) {
    await receiver[Symbol.asyncDispose]();
    throw error;
  }
  return {
    description: `Envoy (${executable}) in front of the built-in receiver`,
    ended: envoy.ended.then(reason => `Envoy ended (${reason}); its log is ${join(dataDir, 'envoy.log')}`),
    async [Symbol.asyncDispose]() {
      await envoy[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}
