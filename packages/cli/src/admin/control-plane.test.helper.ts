import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  type Algorithm,
  createKeyPair,
  DEFAULT_GATEWAY_AUDIENCE,
  type KeyRecord,
  type PublicJwk,
  type Signal,
  verifyPossession,
} from '@spanpass/credential';
import type { KeySource } from '@spanpass/server';

export const ADMIN_TOKEN = 'an-admin-token-of-the-fake';
export const AUTH_SERVER_TOKEN = 'an-auth-server-token-of-the-fake';

interface Piped {
  readonly project: string;
  readonly piped: string;
  readonly scopes: readonly Signal[];
  pipedStatus: 'active' | 'disabled';
  readonly tokens: Set<string>;
}

export interface FakeControlPlane extends AsyncDisposable {
  readonly url: string;
  readonly adminToken: string;
  readonly authServerToken: string;
  readonly records: ReadonlyMap<string, KeyRecord>;
  /** The records as a server in this process may believe them. */
  readonly keys: KeySource;
  /** When set, revocations are answered but do nothing. */
  ignoreRevocations: boolean;
  /** How long a revocation takes to have its effect, after its answer. */
  revocationDelayMs: number;
}

type Body = Record<string, unknown>;
type Answer = [status: number, body: unknown];

/** The control plane's wire contract, in memory. */
export async function startFakeControlPlane(): Promise<FakeControlPlane> {
  const pipeds = new Map<string, Piped>();
  const records = new Map<string, KeyRecord>();
  const followers = new Set<ServerResponse>();
  let revision = 0;

  function change(kid: string, members: Partial<KeyRecord>): KeyRecord {
    revision += 1;
    const record = { ...(records.get(kid) as KeyRecord), ...members, revision };
    records.set(kid, record);
    const event = `event: change\nid: ${revision}\ndata: ${JSON.stringify({ revision, kind: 'key', record })}\n\n`;
    for (const follower of followers) follower.write(event);
    return record;
  }

  function addKey({ project, piped, scopes, pipedStatus }: Piped, kid: string, alg: Algorithm, publicJwk: PublicJwk) {
    const seconds = Math.floor(Date.now() / 1000);
    const times = { notBefore: seconds - 10, notAfter: seconds + 86_400, revision: 0 };
    const active = { keyStatus: 'active', pipedStatus, projectStatus: 'active' } as const;
    records.set(kid, { v: 1, kid, alg, project, piped, publicJwk, scopes, ...active, ...times });
    return change(kid, {});
  }

  function invite(piped: Piped) {
    const enrollmentToken = crypto.randomUUID();
    piped.tokens.add(enrollmentToken);
    return { enrollmentToken, enrollmentTokenExpiresAt: Math.floor(Date.now() / 1000) + 3_600 };
  }

  const plain = ({ tokens: _, ...piped }: Piped) => ({ ...piped, createdAt: 1_700_000_000 });
  const keysOf = (piped: Piped) =>
    [...records.values()].filter(record => record.project === piped.project && record.piped === piped.piped);

  async function enroll({ enrollmentToken, publicJwk, alg, proof }: Body): Promise<Answer> {
    const piped = [...pipeds.values()].find(({ tokens }) => tokens.has(String(enrollmentToken)));
    if (!piped) return problem(401, 'enrollment_token_invalid');
    const kid = await verifyPossession(
      String(proof),
      { alg: alg as Algorithm, publicJwk: publicJwk as PublicJwk },
      String(enrollmentToken),
    );
    piped.tokens.delete(String(enrollmentToken));
    const record = addKey(piped, kid, alg as Algorithm, publicJwk as PublicJwk);
    return [201, { record, gatewayAudience: DEFAULT_GATEWAY_AUDIENCE, controlPlane: url }];
  }

  async function ofPiped(method: string, piped: Piped | undefined, action: string, body: Body): Promise<Answer> {
    if (!piped) return problem(404, 'piped_unknown');
    switch (`${method} ${action}`) {
      case 'POST enrollment-tokens':
        return [201, invite(piped)];
      case 'POST disable':
      case 'POST enable':
        piped.pipedStatus = action === 'disable' ? 'disabled' : 'active';
        for (const { kid } of keysOf(piped)) change(kid, { pipedStatus: piped.pipedStatus });
        return [200, plain(piped)];
      case 'GET keys':
        return [200, { items: keysOf(piped) }];
      case 'POST keys': {
        const { kid, alg, publicJwk, privateJwk } = await createKeyPair(body.alg as Algorithm);
        const record = addKey(piped, kid, alg, publicJwk);
        const { project, notAfter } = record;
        const file = { v: 1, kid, alg, project, piped: piped.piped, audience: DEFAULT_GATEWAY_AUDIENCE };
        return [201, { record, keyFile: { ...file, controlPlane: url, notAfter, privateJwk } }];
      }
      default:
        return problem(404, 'not_found');
    }
  }

  async function administer(method: string, path: string, query: URLSearchParams, body: Body): Promise<Answer> {
    const [, project = '', piped = '', action = ''] =
      /^\/v1\/projects\/([^/]+)\/pipeds(?:\/([^/]+)\/([^/]+))?$/.exec(path) ?? [];
    if (project !== '' && action !== '') return ofPiped(method, pipeds.get(`${project}/${piped}`), action, body);
    if (project !== '' && method === 'POST') {
      const id = `${project}/${body.piped}`;
      if (pipeds.has(id)) return problem(409, 'piped_exists', `${body.piped} is registered in ${project} already`);
      const scopes = (body.scopes as Signal[] | undefined) ?? ['traces'];
      const made: Piped = { project, piped: String(body.piped), scopes, pipedStatus: 'active', tokens: new Set() };
      pipeds.set(id, made);
      return [201, { ...plain(made), ...invite(made) }];
    }
    if (method === 'GET' && path === '/v1/pipeds') {
      const wanted = [...pipeds.values()].filter(item => (query.get('project') ?? item.project) === item.project);
      const active = (item: Piped) => keysOf(item).filter(({ keyStatus }) => keyStatus === 'active').length;
      return [200, { items: wanted.map(item => ({ ...plain(item), projectStatus: 'active', keys: active(item) })) }];
    }
    const wantedKid = /^\/v1\/keys\/([^/]+)$/.exec(path)?.[1];
    if (method === 'GET' && wantedKid !== undefined) {
      const found = records.get(wantedKid);
      return found ? [200, found] : problem(404, 'key_unknown');
    }
    const kid = /^\/v1\/keys\/([^/]+)\/revoke$/.exec(path)?.[1];
    if (method !== 'POST' || kid === undefined) return problem(404, 'not_found');
    const record = records.get(kid);
    if (!record) return problem(404, 'key_unknown', 'no key has this id');
    if (fake.ignoreRevocations) return [200, record];
    if (fake.revocationDelayMs === 0) return [200, change(kid, { keyStatus: 'revoked' })];
    setTimeout(() => change(kid, { keyStatus: 'revoked' }), fake.revocationDelayMs);
    return [200, { ...record, keyStatus: 'revoked' }];
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<Answer | undefined> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://fake');
    const method = request.method ?? '';
    if (/^\/(readyz|metrics)$/.test(pathname)) return [200, {}];
    const body = JSON.parse((await text(request)) || '{}') as Body;
    if (pathname === '/v1/enroll') return enroll(body);
    const { authorization } = request.headers;
    if (authorization === `Bearer ${AUTH_SERVER_TOKEN}`) {
      response.setHeader('x-spanpass-revision', String(revision));
      if (pathname === '/v1/changes') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(heartbeat());
        followers.add(response);
        return undefined;
      }
      const record = records.get(pathname.split('/').at(-1) ?? '');
      return record ? [200, record] : problem(404, 'key_unknown');
    }
    if (authorization !== `Bearer ${ADMIN_TOKEN}`)
      return problem(401, 'unauthenticated', 'a valid bearer token is required');
    return administer(method, pathname, searchParams, body);
  }

  const heartbeat = () => `event: heartbeat\ndata: ${JSON.stringify({ revision })}\n\n`;
  const beat = setInterval(() => {
    for (const follower of followers) follower.write(heartbeat());
  }, 500);
  const http = createServer(async (request, response) => {
    const answer = await serve(request, response).catch(() => problem(400, 'bad_request'));
    if (!answer) return;
    const [status, body] = answer;
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const fake: FakeControlPlane = {
    url,
    adminToken: ADMIN_TOKEN,
    authServerToken: AUTH_SERVER_TOKEN,
    records,
    keys: { get: kid => records.get(kid), peek: kid => records.get(kid) },
    ignoreRevocations: false,
    revocationDelayMs: 0,
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      http.closeAllConnections();
      await new Promise(resolve => http.close(resolve));
    },
  };
  return fake;
}

function problem(status: number, code: string, detail?: string): Answer {
  return [status, { type: 'about:blank', title: 'No', status, detail: detail ?? code, code }];
}
