import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { Command, Option } from 'commander';
import { demoAdmin } from '../demo/admin.ts';
import { runDemo } from '../demo/demo.ts';
import { renderReport, reportAsJson } from '../demo/report.ts';
import { Failure, wrongUsage } from '../failure.ts';
import { type ForwardTarget, parseForwardTarget } from '../forward/target.ts';
import { type Io, printResult, tell, write } from '../io.ts';
import { paintFor } from '../output/colour.ts';
import { untilStopped } from '../until-stopped.ts';
import { startEmbeddedControlPlane } from '../up/control-plane.ts';
import { findEnvoy } from '../up/find-envoy.ts';
import { claimPorts } from '../up/ports.ts';
import { type Stack, type StackOptions, startStack } from '../up/stack.ts';
import {
  type DataDirOption,
  DEFAULT_CONTROL_PLANE,
  DEFAULT_DATA_DIR,
  dataDirOf,
  examples,
  port,
  withDataDir,
  withJson,
} from './options.ts';

interface UpFlags extends DataDirOption {
  readonly demo?: true;
  readonly exit?: true;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly controlPlanePort: number;
  readonly authPort: number;
  readonly metricsPort: number;
}

/** What tests put in the place of the real thing. */
export type UpOverrides = Partial<Pick<StackOptions, 'serverOf' | 'startControlPlane'>>;

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
      const dataDir = dataDirOf(io, flags);
      const forwardTo = forwardTarget(io);
      const envoy = await findEnvoy(io.env);
      const ports = await claimPorts('127.0.0.1', {
        controlPlane: { port: flags.controlPlanePort, what: 'control plane', flag: '--control-plane-port' },
        auth: { port: flags.authPort, what: 'auth server', flag: '--auth-port' },
        metrics: { port: flags.metricsPort, what: 'metrics', flag: '--metrics-port' },
        grpc: { port: flags.grpcPort, what: 'gateway, OTLP/gRPC', flag: '--grpc-port' },
        http: { port: flags.httpPort, what: 'gateway, OTLP/HTTP', flag: '--http-port' },
      });
      await using stack = await startStack({
        ports,
        envoy,
        forwardTo,
        dataDir,
        keepTraces: flags.demo === true,
        stop: io.stop,
        progress: line => tell(io, line),
        startControlPlane: startEmbeddedControlPlane(io.env),
        ...overrides,
      });
      await Promise.race([
        live(io, flags, stack),
        stack.ended.then(reason =>
          Promise.reject(new Failure(`the gateway is gone: ${reason}; all the rest is stopped`)),
        ),
      ]);
    });
}

async function live(io: Io, flags: UpFlags, stack: Stack): Promise<void> {
  const { json, demo, exit } = flags;
  const addresses = {
    gateway: { grpc: stack.grpcAddress, http: stack.httpAddress, kind: stack.gateway },
    controlPlane: stack.controlPlaneUrl,
    authServer: stack.authAddress,
    metrics: stack.metricsUrl,
  };
  const ready = renderReady(stack);
  if (!demo) {
    await printResult(io, json, addresses, () => ready);
  } else {
    if (!json) await write(io.stdout, ready);
    const report = await runDemo({
      admin: demoAdmin(new ControlPlaneClient({ url: stack.controlPlaneUrl, token: stack.adminToken })),
      controlPlane: stack.controlPlaneUrl,
      gateway: stack.grpcAddress,
      traces: stack.traces,
      dataDir: stack.dataDir,
      stop: io.stop,
      progress: line => tell(io, line),
      sinceStart: () => performance.now(),
    });
    await printResult(io, json, { ...addresses, demo: reportAsJson(report) }, () =>
      renderReport(report, paintFor(io.stdout, io.env), io.stdout.columns),
    );
    if (report.problems.length > 0) throw new Failure(`the demo failed: ${report.problems.join('; ')}`);
  }
  if (exit) return;
  if (!json) await write(io.stdout, renderNext(stack));
  await untilStopped(io.stop);
  await tell(io, 'stopping …');
}

function forwardTarget({ env }: Io): ForwardTarget | undefined {
  const text = env.SPANPASS_FORWARD_ENDPOINT;
  if (!text) return undefined;
  try {
    return parseForwardTarget(text);
  } catch (error) {
    throw wrongUsage(`SPANPASS_FORWARD_ENDPOINT: ${(error as Error).message}`);
  }
}

function renderReady(stack: Stack): string {
  const { forwardTo, dataDir } = stack;
  const telemetry = forwardTo
    ? `goes on to ${forwardTo.host}:${forwardTo.port}`
    : `traces stay in memory: ${stack.metricsUrl}/api/traces`;
  return [
    `\nReady after ${(performance.now() / 1000).toFixed(1)} s.\n`,
    `  gateway        OTLP/gRPC http://${stack.grpcAddress}, OTLP/HTTP http://${stack.httpAddress}\n`,
    `                 ${stack.gateway}\n`,
    `  control plane  ${stack.controlPlaneUrl}, admin token in ${dataDir}/admin-token\n`,
    `  auth server    ${stack.authAddress}\n`,
    `  operations     ${stack.metricsUrl}/metrics, /healthz, /readyz\n`,
    `  telemetry      ${telemetry}\n\n`,
  ].join('');
}

function renderNext({ dataDir, controlPlaneUrl: controlPlane }: Stack): string {
  const where = [
    dataDir === DEFAULT_DATA_DIR ? '' : ` --data-dir ${dataDir}`,
    controlPlane === DEFAULT_CONTROL_PLANE ? '' : ` --control-plane ${controlPlane}`,
  ].join('');
  return [
    '\nGo on from another terminal:\n',
    `  spanpass piped register --project shop --piped edge-1${where}\n`,
    'Ctrl-C stops all of it.\n',
  ].join('');
}

function portOption(flag: string, description: string, value: number): Option {
  return new Option(flag, description).default(value).argParser(port);
}
