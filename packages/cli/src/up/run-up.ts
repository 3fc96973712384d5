import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { type DataDirOption, dataDirOf } from '../commands/options.ts';
import { demoAdmin } from '../demo/admin.ts';
import { runDemo } from '../demo/demo.ts';
import { renderReport, reportAsJson } from '../demo/report.ts';
import { Failure, wrongUsage } from '../failure.ts';
import { type ForwardTarget, parseForwardTarget } from '../forward/target.ts';
import { type Io, printResult, tell, write } from '../io.ts';
import { paintFor } from '../output/colour.ts';
import { untilStopped } from '../until-stopped.ts';
import { startEmbeddedControlPlane } from './control-plane.ts';
import { findEnvoy } from './find-envoy.ts';
import { claimPorts } from './ports.ts';
import { renderNext, renderReady } from './screens.ts';
import { type Stack, type StackOptions, startStack } from './stack.ts';

export interface UpFlags extends DataDirOption {
  readonly demo?: true;
  readonly exit?: true;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly controlPlanePort: number;
  readonly authPort: number;
  readonly authHttpPort: number;
  readonly metricsPort: number;
}

/** What tests put in the place of the real thing. */
export type UpOverrides = Partial<Pick<StackOptions, 'serverOf' | 'startControlPlane'>>;

/** Starts all of it, runs the demo where asked to, and goes on until it is stopped or a part ends. */
export async function runUp(io: Io, flags: UpFlags, overrides: UpOverrides): Promise<void> {
  const dataDir = dataDirOf(io, flags);
  const forwardTo = forwardTarget(io);
  const envoy = await findEnvoy(io.env);
  const ports = await claimPorts('127.0.0.1', {
    controlPlane: { port: flags.controlPlanePort, what: 'control plane', flag: '--control-plane-port' },
    auth: { port: flags.authPort, what: 'auth server', flag: '--auth-port' },
    authHttp: { port: flags.authHttpPort, what: 'auth server, over HTTP', flag: '--auth-http-port' },
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
    stack.ended.then(reason => Promise.reject(new Failure(`the gateway is gone: ${reason}; all the rest is stopped`))),
  ]);
}

async function live(io: Io, flags: UpFlags, stack: Stack): Promise<void> {
  const { json, demo, exit } = flags;
  const addresses = {
    gateway: { grpc: stack.grpcAddress, http: stack.httpAddress, kind: stack.gateway },
    controlPlane: stack.controlPlaneUrl,
    authServer: stack.authAddress,
    authServerHttp: stack.authHttpAddress,
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
