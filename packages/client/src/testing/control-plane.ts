import { createServer } from 'node:http';
import { type KeyRecord, type PublicJwk, verifyPossession } from '@spanpass/credential';
import { NOW_MS } from './fixture.ts';
import { listen } from './listen.ts';

export const ENROLLMENT_TOKEN = 'enroll-0123456789abcdefghijklmnopqrstuvwxyz';

interface Body {
  readonly enrollmentToken: string;
  readonly publicJwk: PublicJwk;
  readonly alg: KeyRecord['alg'];
  readonly proof: string;
}

/**
 * As much of a control plane as enrolls one key: the proof is verified, the token is good for one key, and the same
 * key again gets the same answer.
 */
export async function startControlPlane(now: () => number = () => NOW_MS) {
  let record: KeyRecord | undefined;
  const state = {
    url: '',
    /** Kids in the order in which they asked, whatever they were answered. */
    asked: [] as string[],
    /** Answers that are lost on their way. */
    lose: 0,
    record: () => record,
  };
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const problem = (status: number, code: string) => {
      response.writeHead(status, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ type: 'about:blank', title: text, status, detail: text, code }));
    };
    if (request.method !== 'POST' || request.url !== '/v1/enroll') return problem(404, 'not_found');
    const { enrollmentToken, publicJwk, alg, proof } = JSON.parse(text) as Body;
    let kid: string;
    try {
      kid = await verifyPossession(proof, { alg, publicJwk }, enrollmentToken, now);
    } catch {
      return problem(400, 'proof_invalid');
    }
    state.asked.push(kid);
    const known = record?.kid === kid;
    if (enrollmentToken !== ENROLLMENT_TOKEN || (record && !known)) return problem(401, 'enrollment_token_invalid');
    const seconds = Math.floor(now() / 1000);
    record ??= {
      ...{ v: 1, kid, alg, project: 'shop', piped: 'edge-1', publicJwk, scopes: ['traces'] },
      ...{ keyStatus: 'active', pipedStatus: 'active', projectStatus: 'active' },
      ...{ notBefore: seconds, notAfter: seconds + 90 * 86_400, revision: 3 },
    };
    if (state.lose > 0) {
      state.lose--;
      return request.socket.destroy();
    }
    response.writeHead(known ? 200 : 201, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ record, gatewayAudience: 'spanpass-gateway', controlPlane: state.url }));
  });
  state.url = `http://127.0.0.1:${await listen(server)}`;
  return state;
}
