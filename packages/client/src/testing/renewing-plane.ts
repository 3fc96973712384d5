import { createServer } from 'node:http';
import {
  CredentialError,
  type KeyFile,
  type KeyRecord,
  type PublicJwk,
  parseCredential,
  publicHalf,
  sha256,
  verifyCredential,
  verifyPossession,
} from '@spanpass/credential';
import { listen } from './listen.ts';

const OVERLAP_SECONDS = 600;

interface Body {
  readonly publicJwk: PublicJwk;
  readonly alg: KeyRecord['alg'];
  readonly proof: string;
}

/** As much of a control plane as renews the keys of one piped, by the rules of the real one. */
export async function startRenewingPlane(now: () => number) {
  const records = new Map<string, KeyRecord>();
  const state = {
    url: '',
    records,
    /** Kids that signed a request, in order. */
    signers: [] as string[],
    /** Answers that are lost on their way, after the key was accepted. */
    lose: 0,
    /** Problem that every request gets. */
    problem: undefined as { status: number; code: string } | undefined,
    /** What an answer waits for. */
    gate: Promise.resolve(),
    add({ kid, alg, project, piped, notAfter, privateJwk }: KeyFile): void {
      const publicJwk = publicHalf(alg, privateJwk);
      add({ kid, alg, project, piped, publicJwk }, 0, notAfter);
    },
    active: () => [...records.values()].filter(({ notAfter }) => now() / 1000 < notAfter).map(({ kid }) => kid),
  };
  function add(key: Pick<KeyRecord, 'kid' | 'alg' | 'project' | 'piped' | 'publicJwk'>, from: number, to: number) {
    const statuses = { keyStatus: 'active', pipedStatus: 'active', projectStatus: 'active' } as const;
    const record = { v: 1, ...key, ...statuses, scopes: ['traces' as const] } as const;
    records.set(key.kid, { ...record, notBefore: from, notAfter: to, revision: records.size + 1 });
  }

  async function answer(credential: string, text: string): Promise<readonly [number, unknown]> {
    const { unverifiedHeader } = parseCredential(credential);
    const signer = records.get(unverifiedHeader.kid);
    if (!signer) throw new CredentialError('key_unknown');
    const expected = {
      purpose: 'renewal',
      audience: `${state.url}/v1/renew`,
      bodyHash: await sha256(text),
      now,
    } as const;
    await verifyCredential(credential, signer, expected);
    state.signers.push(signer.kid);
    const { publicJwk, alg, proof } = JSON.parse(text) as Body;
    const kid = await verifyPossession(proof, { alg, publicJwk }, signer.kid, now);
    const known = records.get(kid);
    if (known) return now() / 1000 < known.notAfter ? [200, { record: known }] : [409, { code: 'kid_exists' }];
    if (state.active().length > 1) return [409, { code: 'too_many_keys' }];
    const seconds = Math.floor(now() / 1000);
    const { project, piped } = signer;
    add({ kid, alg, project, piped, publicJwk }, seconds, seconds + 90 * 86_400);
    records.set(signer.kid, { ...signer, notAfter: Math.min(signer.notAfter, seconds + OVERLAP_SECONDS) });
    return [201, { record: records.get(kid) }];
  }

  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const credential = String(request.headers.authorization).replace(/^Bearer /, '');
    const [status, body] = await answer(credential, text).catch(error => {
      if (!(error instanceof CredentialError)) throw error;
      return [401, { code: 'renewal_credential_invalid', detail: error.code }] as const;
    });
    await state.gate;
    if (status < 300 && state.lose > 0) {
      state.lose--;
      return request.socket.destroy();
    }
    response.writeHead(state.problem?.status ?? status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(state.problem ?? body));
  });
  state.url = `http://127.0.0.1:${await listen(server)}`;
  return state;
}

export type RenewingPlane = Awaited<ReturnType<typeof startRenewingPlane>>;
