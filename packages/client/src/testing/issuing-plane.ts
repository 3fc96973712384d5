import { createServer } from 'node:http';
import { CredentialError, type KeyRecord, parseCredential, verifyCredential } from '@spanpass/credential';
import { listen } from './listen.ts';

/** As much of a control plane as issues access tokens, by the rules of the real one. */
export async function startIssuingPlane(now: () => number) {
  const used = new Set<string>();
  const state = {
    url: '',
    records: new Map<string, KeyRecord>(),
    /** Token requests, as their kids and scopes. */
    requests: [] as { kid: string; scope: string | null; token: string }[],
    discoveries: 0,
    lifeSeconds: 300,
    /** What every token request gets. */
    answer: undefined as { status: number; body: unknown } | undefined,
    /** Members of the discovery document. */
    metadata: {} as Record<string, unknown>,
    /** What an answer waits for. */
    gate: Promise.resolve(),
  };

  async function issue(form: URLSearchParams): Promise<readonly [number, unknown]> {
    const assertion = form.get('client_assertion') ?? '';
    const { unverifiedHeader } = parseCredential(assertion);
    const record = state.records.get(unverifiedHeader.kid);
    if (!record) throw new CredentialError('key_unknown');
    const { claims } = await verifyCredential(assertion, record, {
      purpose: 'tokenExchange',
      audience: state.url,
      now,
    });
    if (used.has(claims.jti)) return [401, { error: 'invalid_client', code: 'client_assertion_used' }];
    used.add(claims.jti);
    const token = `token-${state.requests.length + 1}`;
    state.requests.push({ kid: record.kid, scope: form.get('scope'), token });
    return [200, { access_token: token, token_type: 'Bearer', expires_in: state.lifeSeconds, scope: 'traces' }];
  }

  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json', date: new Date(now()).toUTCString() });
      response.end(JSON.stringify(body));
    };
    if (request.method === 'GET') {
      state.discoveries++;
      return send(200, { issuer: state.url, token_endpoint: `${state.url}/oauth2/token`, ...state.metadata });
    }
    const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded';
    const [status, body] = await issue(new URLSearchParams(isForm ? text : '')).catch(error => {
      if (!(error instanceof CredentialError)) throw error;
      return [401, { error: 'invalid_client', error_description: text, code: 'client_assertion_invalid' }] as const;
    });
    await state.gate;
    send(state.answer?.status ?? status, state.answer?.body ?? body);
  });
  state.url = `http://127.0.0.1:${await listen(server)}`;
  return state;
}
