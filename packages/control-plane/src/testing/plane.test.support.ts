import { Writable } from 'node:stream';
import { type Algorithm, createKeyPair, type KeyPair, type KeyRecord, signPossession } from '@spanpass/credential';
import { createLogger } from '../http/logging.ts';
import type { ControlPlaneOptions } from '../options.ts';
import { type ControlPlane, startControlPlane } from '../start.ts';
import type { RegisteredPiped } from '../wire/pipeds.ts';
import { type DatabaseKind, ENCRYPTION_KEY } from './databases.test.support.ts';

export { ENCRYPTION_KEY };
export const ADMIN_TOKEN = 'admin-token-of-the-tests-0123456789';
export const AUTH_SERVER_TOKEN = 'auth-server-token-of-the-tests-0123456789';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
export type Json = any;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array;
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
}

/** A control plane on a database of its own, with a clock that the test turns. */
export interface TestPlane extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly url: string;
  readonly options: ControlPlaneOptions;
  /** Everything that was logged. */
  readonly log: { text: string };
  readonly clock: { now: number };
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  register(project: string, piped: string): Promise<RegisteredPiped>;
  enroll(token: string, pair: KeyPair, proof?: string): Promise<Answer>;
  generate(project: string, piped: string): Promise<KeyRecord>;
  revision(): Promise<number>;
}

export async function startTestPlane(kind: DatabaseKind, more: ControlPlaneOptions = {}): Promise<TestPlane> {
  const database = await kind.create();
  try {
    const test = await startPlaneOn({ ...database.options, ...more });
    return {
      ...test,
      async [Symbol.asyncDispose]() {
        await test.plane.close();
        await database[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

/** A control plane on a database that is there, and that stays. */
export async function startPlaneOn(more: ControlPlaneOptions): Promise<TestPlane> {
  const log = { text: '' };
  const destination = new Writable({
    write(chunk, _, done) {
      log.text += String(chunk);
      done();
    },
  });
  const clock = { now: Date.UTC(2030, 0, 1) };
  const options: ControlPlaneOptions = {
    port: 0,
    adminToken: ADMIN_TOKEN,
    authServerToken: AUTH_SERVER_TOKEN,
    encryptionKey: ENCRYPTION_KEY,
    now: () => clock.now,
    logger: createLogger({ level: 'trace', destination }),
    env: {},
    ...more,
  };
  const plane = await startControlPlane(options);
  const call = (method: string, path: string, call: CallOptions = {}) => send(plane.url, method, path, call);
  return {
    plane,
    url: plane.url,
    options,
    log,
    clock,
    call,
    async register(project, piped) {
      return expectStatus(201, await call('POST', `/v1/projects/${project}/pipeds`, { body: { piped } }));
    },
    async enroll(enrollmentToken, pair, proof) {
      const { alg, publicJwk } = pair;
      const body = { enrollmentToken, publicJwk, alg, proof: proof ?? (await prove(pair, enrollmentToken, clock)) };
      return call('POST', '/v1/enroll', { token: null, body });
    },
    async generate(project, piped) {
      const path = `/v1/projects/${project}/pipeds/${piped}/keys`;
      return expectStatus(201, await call('POST', path, { body: { generate: true } })).record;
    },
    async revision() {
      const answer = await call('GET', `/v1/keys/${'A'.repeat(43)}`);
      return Number(answer.headers.get('x-spanpass-revision'));
    },
    [Symbol.asyncDispose]: () => plane.close(),
  };
}

export function prove(pair: KeyPair, boundTo: string, clock: { now: number }): Promise<string> {
  return signPossession(pair, boundTo, () => clock.now);
}

export function newPair(alg?: Algorithm): Promise<KeyPair> {
  return createKeyPair(alg);
}

/** Numbers that follow on each other, for names that nobody else has. */
export function names(prefix: string): () => string {
  let last = 0;
  return () => `${prefix}-${++last}`;
}

async function send(url: string, method: string, path: string, options: CallOptions): Promise<Answer> {
  const { body, raw, token = ADMIN_TOKEN, headers } = options;
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(payload !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload !== undefined && { body: payload as string }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

function expectStatus(status: number, answer: Answer): Json {
  if (answer.status !== status) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}
