import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { deniedResponse } from '../harness/check-response.ts';
import { type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { tracesRequest } from '../harness/otlp.ts';
import { type RawAuthServer, startRawAuthServer } from '../harness/raw-auth-server.ts';
import { exportOverHttp } from '../harness/raw-client.ts';
import { Stage } from '../harness/stage.ts';

await describeWithEngine(['envoy'], 'whose address the auth server counts failed tries by', ({ envoy }) => {
  const stage = new Stage();
  let auth: RawAuthServer;
  let gateway: RunningEnvoy;

  beforeAll(async () => {
    auth = await startRawAuthServer(stage, deniedResponse(16, 401, 'no'));
    gateway = await startEnvoy(stage, envoy, { auth: { mode: 'grpc', endpoints: [auth.endpoint] } }, 'gateway-token');
  });
  afterAll(() => stage.dispose());

  /** The request as bytes. In the place of loopback Envoy writes the machine's own address there. */
  async function told(headers: Readonly<Record<string, string>>): Promise<string> {
    const sent = await exportOverHttp(gateway.httpPort, tracesRequest('x'), headers);
    expect(sent.http).toBe(401);
    return auth.requests.at(-1)?.toString('latin1') ?? '';
  }

  it('the one that opened the connection, behind what it says of others', async () => {
    expect(await told({ 'x-forwarded-for': '203.0.113.1, 203.0.113.2' })).toMatch(
      /203\.0\.113\.1, ?203\.0\.113\.2, ?\d+\.\d+\.\d+\.\d+/,
    );
  });

  it('alone where it says nothing', async () => {
    expect(await told({})).toMatch(/x-forwarded-for[^\w]+\d+\.\d+\.\d+\.\d+/);
  });
});
