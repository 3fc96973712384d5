import { describeWithEngine } from '../engines/describe.ts';
import { startNginx } from '../harness/nginx.ts';
import { checksOverHttp } from './checks-over-http.ts';

await describeWithEngine(['nginx', 'otelcol'], 'nginx asks over HTTP', ({ nginx, otelcol }) => {
  checksOverHttp(otelcol, async (stage, { authEndpoint, upstreamGrpc, upstreamHttp, checkMs, gatewayToken }) => {
    const options = {
      auth: { endpoints: [authEndpoint] },
      upstream: { grpc: [upstreamGrpc], http: [upstreamHttp] },
      timeouts: { checkMs },
    };
    const gateway = await startNginx(stage, nginx, options, gatewayToken);
    return { ...gateway, output: async () => gateway.process.output() + (await gateway.accessLog()) };
  });
});
