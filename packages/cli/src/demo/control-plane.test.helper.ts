import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import {
  type Algorithm,
  DEFAULT_GATEWAY_AUDIENCE,
  type KeyRecord,
  type PublicJwk,
  verifyPossession,
} from '@spanpass/credential';
import type { KeySource } from '@spanpass/server';
import type { DemoAdmin } from './demo.ts';

export interface FakeControlPlane extends AsyncDisposable {
  readonly url: string;
  readonly admin: DemoAdmin;
  readonly keys: KeySource;
  readonly records: ReadonlyMap<string, KeyRecord>;
}

/** As much of a control plane as a demo talks to, in memory, and believed by `keys` at once. */
export async function startFakeControlPlane(): Promise<FakeControlPlane> {
  const records = new Map<string, KeyRecord>();
  const enrolling = { project: '', piped: '' };
  const http = createServer(async (request, response) => {
    const { enrollmentToken, publicJwk, alg, proof } = (await json(request)) as {
      enrollmentToken: string;
      publicJwk: PublicJwk;
      alg: Algorithm;
      proof: string;
    };
    const kid = await verifyPossession(proof, { alg, publicJwk }, enrollmentToken);
    const seconds = Math.floor(Date.now() / 1000);
    const record: KeyRecord = {
      v: 1,
      kid,
      alg,
      ...enrolling,
      publicJwk,
      scopes: ['traces'],
      keyStatus: 'active',
      pipedStatus: 'active',
      projectStatus: 'active',
      notBefore: seconds - 10,
      notAfter: seconds + 1000,
      revision: records.size + 1,
    };
    records.set(kid, record);
    response.setHeader('content-type', 'application/json').writeHead(201);
    response.end(JSON.stringify({ record, gatewayAudience: DEFAULT_GATEWAY_AUDIENCE, controlPlane: url }));
  });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    url,
    records,
    keys: { get: kid => records.get(kid), peek: kid => records.get(kid) },
    admin: {
      async enrollmentToken(project, piped) {
        Object.assign(enrolling, { project, piped });
        return 'an-enrollment-token';
      },
      async revoke(kid) {
        const record = records.get(kid);
        if (record) records.set(kid, { ...record, keyStatus: 'revoked' });
      },
    },
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise(resolve => http.close(resolve));
    },
  };
}
