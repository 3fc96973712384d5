import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_GATEWAY_AUDIENCE } from '@spanpass/credential';
import type { OpenAuthenticators } from '@spanpass/server';
import { authenticatorsSettings } from '@spanpass/server/settings';
import { Command } from 'commander';
import { pino } from 'pino';
import { z } from 'zod';
import { readSecretFile } from '../config/secret.ts';
import { loadSettings } from '../config/settings.ts';
import { Failure, oneLine, wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { untilStopped } from '../until-stopped.ts';
import { DEFAULT_CONTROL_PLANE, DEFAULT_DATA_DIR, examples, type JsonOption, withJson } from './options.ts';

const port = z.int().min(0).max(65_535);
const path = z.string().min(1).max(4096);

/** All that `spanpass server` can be told, in a file or as `SPANPASS_…`. */
export const authServerSettings = z.object({
  host: z.string().min(1).default('127.0.0.1'),
  grpcPort: port.default(9086),
  metricsHost: z.string().min(1).default('127.0.0.1'),
  metricsPort: port.default(9464),
  controlPlane: z.url({ protocol: /^https?$/ }).default(DEFAULT_CONTROL_PLANE),
  /** For an https control plane: whom to trust, and who we are. PEM files. */
  controlPlaneCaFile: path.optional(),
  controlPlaneCertFile: path.optional(),
  controlPlaneKeyFile: path.optional(),
  authServerToken: z.string().min(16).optional(),
  authServerTokenFile: path.optional(),
  /** Where the embedded default keeps its token, when none is given. */
  dataDir: path.default(DEFAULT_DATA_DIR),
  gatewayAudience: z.string().min(1).max(256).default(DEFAULT_GATEWAY_AUDIENCE),
  /** Who is asked for a pass, in this order. */
  authenticators: authenticatorsSettings,
  /** Addresses and networks of proxies whose `x-forwarded-client-cert` is believed. Default none. */
  trustedHops: z.array(z.string().min(1).max(64)).min(1).max(256).optional(),
  maxStaleMs: z.int().min(1).optional(),
  drainTimeoutMs: z.int().min(0).optional(),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
});

type Settings = z.output<typeof authServerSettings>;

/** `spanpass server`: the auth server alone. */
export function serverCommand(io: Io): Command {
  return withJson(new Command('server'))
    .description('run the auth server alone: what Envoy asks about each request')
    .option('--config <file>', 'settings in YAML; each is also read from SPANPASS_…, which wins')
    .addHelpText('after', `\nSettings: ${Object.keys(authServerSettings.shape).join(', ')}.`)
    .addHelpText(
      'after',
      examples(
        'spanpass server --config server.yaml',
        'SPANPASS_CONTROL_PLANE=https://pass.example.com SPANPASS_AUTH_SERVER_TOKEN=… spanpass server',
      ),
    )
    .action(async ({ config, json }: JsonOption & { config?: string }) => {
      const settings = await loadSettings(authServerSettings, { file: config, env: io.env });
      await using server = await start(settings);
      const { grpcAddress, metricsAddress } = server;
      await printResult(
        io,
        json,
        { grpcAddress, metricsAddress },
        () =>
          `The auth server answers Envoy on ${grpcAddress}; metrics, /healthz and /readyz are on ${metricsAddress}.\n`,
      );
      await untilStopped(io.stop);
    });
}

async function start(settings: Settings) {
  const { openAuthenticators, startAuthServer } = await import('@spanpass/server');
  const tls = {
    ca: await pem(settings.controlPlaneCaFile),
    cert: await pem(settings.controlPlaneCertFile),
    key: await pem(settings.controlPlaneKeyFile),
  };
  const token = await tokenOf(settings);
  const logger = pino({ name: 'spanpass-server', level: settings.logLevel }, pino.destination(2));
  const onError = (error: Error) => logger.warn({ problem: error.message }, 'a file of pipeds is not taken');
  let opened: OpenAuthenticators | undefined;
  try {
    opened = await openAuthenticators(settings.authenticators, onError);
    const { authenticators } = opened;
    const server = await startAuthServer({
      authenticators,
      ...(settings.trustedHops && { forwardedCertificates: { trustedHops: settings.trustedHops } }),
      controlPlane: {
        url: settings.controlPlane,
        token,
        tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
        ...(settings.maxStaleMs !== undefined && { maxStaleMs: settings.maxStaleMs }),
      },
      gatewayAudience: settings.gatewayAudience,
      host: settings.host,
      port: settings.grpcPort,
      metrics: { host: settings.metricsHost, port: settings.metricsPort },
      logger,
      ...(settings.drainTimeoutMs !== undefined && { drainTimeoutMs: settings.drainTimeoutMs }),
    });
    return { ...server, [Symbol.asyncDispose]: () => closeInTurn(server, opened) };
  } catch (error) {
    await opened?.[Symbol.asyncDispose]();
    if (error instanceof TypeError) throw wrongUsage(error.message);
    throw error;
  }
}

async function closeInTurn(...parts: readonly (AsyncDisposable | undefined)[]): Promise<void> {
  for (const part of parts) await part?.[Symbol.asyncDispose]();
}

async function tokenOf({ authServerToken, authServerTokenFile, dataDir }: Settings): Promise<string> {
  if (authServerToken !== undefined) return authServerToken;
  return readSecretFile(
    authServerTokenFile ?? join(dataDir, 'auth-server-token'),
    'set SPANPASS_AUTH_SERVER_TOKEN to the token that the control plane knows',
  );
}

async function pem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return readFile(file, 'utf8').catch(error => {
    throw new Failure(`can't read ${file}: ${oneLine(error)}`);
  });
}
