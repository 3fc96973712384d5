import { Command, Option } from 'commander';
import type { Io } from '../io.ts';
import type { UpFlags, UpOverrides } from '../up/run-up.ts';
import { examples, port, withDataDir, withJson } from './options.ts';

/** `spanpass up`: everything, in one process tree, with no configuration. */
export function upCommand(io: Io, overrides: UpOverrides = {}): Command {
  return withDataDir(withJson(new Command('up')))
    .description('run all of it on this machine: control plane, auth server and gateway, on the embedded default')
    .option('--demo', 'enroll a piped, deploy, show the trace, and try four attacks')
    .option('--exit', 'end when it is ready, or the demo is done: 0 only if all went as it should')
    .addOption(portOption('--grpc-port <port>', 'gateway, OTLP/gRPC', 4317))
    .addOption(portOption('--http-port <port>', 'gateway, OTLP/HTTP', 4318))
    .addOption(portOption('--control-plane-port <port>', 'control plane', 9085))
    .addOption(portOption('--auth-port <port>', 'auth server, for Envoy', 9086))
    .addOption(portOption('--auth-http-port <port>', 'auth server, for nginx and others over HTTP', 9087))
    .addOption(portOption('--metrics-port <port>', 'metrics, /healthz, /readyz and the kept traces', 9464))
    .addHelpText(
      'after',
      '\nA port of 0 takes any free one. SPANPASS_ENVOY names the Envoy to run, or none; SPANPASS_FORWARD_ENDPOINT' +
        '\n(http(s):// for OTLP/HTTP, grpc(s):// for OTLP/gRPC) is where telemetry goes on to, instead of staying in memory.',
    )
    .addHelpText(
      'after',
      examples(
        'spanpass up --demo',
        'spanpass up --demo --exit --json',
        'SPANPASS_FORWARD_ENDPOINT=http://127.0.0.1:14318 spanpass up',
      ),
    )
    .action(async (flags: UpFlags) => {
      // Only now, since all that it runs takes a while to load.
      const { runUp } = await import('../up/run-up.ts');
      await runUp(io, flags, overrides);
    });
}

function portOption(flag: string, description: string, value: number): Option {
  return new Option(flag, description).default(value).argParser(port);
}
