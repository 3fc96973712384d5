import { DEFAULT_CONTROL_PLANE, DEFAULT_DATA_DIR } from '../commands/options.ts';
import type { Stack } from './stack.ts';

/** Where everything is. */
export function renderReady(stack: Stack): string {
  const { forwardTo, dataDir } = stack;
  const telemetry = forwardTo
    ? `goes on to ${forwardTo.host}:${forwardTo.port}`
    : `traces stay in memory: ${stack.metricsUrl}/api/traces`;
  return [
    `\nReady after ${(performance.now() / 1000).toFixed(1)} s.\n`,
    `  gateway        OTLP/gRPC http://${stack.grpcAddress}, OTLP/HTTP http://${stack.httpAddress}\n`,
    `                 ${stack.gateway}\n`,
    `  console        ${stack.controlPlaneUrl}/, sign in with the token in ${dataDir}/admin-token\n`,
    `  control plane  ${stack.controlPlaneUrl}\n`,
    `  auth server    ${stack.authAddress}, over HTTP ${stack.authHttpAddress}\n`,
    `  operations     ${stack.metricsUrl}/metrics, /healthz, /readyz\n`,
    `  telemetry      ${telemetry}\n\n`,
  ].join('');
}

/** What to do next. */
export function renderNext({ dataDir, controlPlaneUrl: controlPlane }: Stack): string {
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
