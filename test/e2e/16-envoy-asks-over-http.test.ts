import { describeWithEngine } from '../engines/describe.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { checksOverHttp } from './checks-over-http.ts';

await describeWithEngine(['envoy', 'otelcol'], 'Envoy asks over HTTP', ({ envoy, otelcol }) => {
  checksOverHttp(otelcol, async (stage, { authEndpoint, upstreamGrpc, upstreamHttp, checkMs, gatewayToken }) => {
    const options = {
      auth: { mode: 'http', endpoints: [authEndpoint] },
      upstream: { grpc: [upstreamGrpc], http: [upstreamHttp] },
      clusterTimeouts: { checkMs },
    } as const;
    const gateway = await startEnvoy(stage, envoy, options, gatewayToken);
    return { ...gateway, output: async () => gateway.process.output() };
  });
});
