import {
  type Algorithm,
  FormatError,
  idSchema,
  type KeyFile,
  type KeyRecord,
  kidSchema,
  type PublicJwk,
  parseKeyFile,
  parseKeyRecord,
  type Signal,
} from '@spanpass/credential';
import type { z } from 'zod';
import { createdKeySchema, type KeyStatus, keyListSchema, keyRecordSchema, type ListedKey } from '../wire/keys.ts';
import {
  type EnrollmentToken,
  enrollmentTokenSchema,
  type ListedPiped,
  type Piped,
  type Project,
  pipedListSchema,
  pipedSchema,
  projectListSchema,
  projectSchema,
  type RegisteredPiped,
  registeredPipedSchema,
} from '../wire/pipeds.ts';
import { type Jwks, jwksSchema, type RotatedKey, rotatedKeySchema } from '../wire/signing-keys.ts';
import {
  type AccessToken,
  accessTokenSchema,
  type CreatedToken,
  createdTokenSchema,
  type Role,
  type TokenState,
  tokenListSchema,
} from '../wire/tokens.ts';
import { AuditCalls } from './audit.ts';
import { PipecdCalls } from './pipecd.ts';
import { type Call, createTransport, invalid, type TransportOptions } from './transport.ts';

export interface PipedName {
  readonly project: string;
  readonly piped: string;
}

/** A key to be made at the control plane, or one that was made elsewhere, with the proof that it is held. */
export type KeyRequest =
  | { readonly generate: true; readonly alg?: Algorithm | undefined }
  | { readonly publicJwk: PublicJwk; readonly alg: Algorithm; readonly proof: string };

export interface TokenRequest {
  /** Who has it, for whoever reads the list: 1 to 64 printable ASCII characters. */
  readonly name: string;
  readonly role: Role;
  /** What it is bound to; needed for a project admin, possible for a viewer. */
  readonly projects?: readonly string[] | undefined;
  /** Default 90 days. */
  readonly lifeSeconds?: number | undefined;
}

const CREATES = { creates: true } as const;

/**
 * Speaks the control plane's HTTP API, as an admin. Times are NumericDate seconds. Every method rejects with a
 * ControlPlaneApiError, whose `code` is the control plane's own or a `ClientErrorCode`; ids that can't be ids are a
 * TypeError.
 *
 * @example
 * const client = new ControlPlaneClient({ url: 'http://127.0.0.1:9085', token: adminToken });
 * const { enrollmentToken } = await client.registerPiped({ project: 'shop', piped: 'edge-1' });
 */
export class ControlPlaneClient {
  readonly #call: Call;
  readonly #base: URL;
  readonly audit: AuditCalls;
  readonly pipecd: PipecdCalls;

  /**
   * @throws TypeError for options that make no sense
   * @throws ControlPlaneApiError `plaintext_refused`: the token would leave this machine unencrypted
   */
  constructor(options: TransportOptions) {
    this.#call = createTransport(options);
    this.#base = new URL(options.url);
    this.audit = new AuditCalls(this.#call, this.#base);
    this.pipecd = new PipecdCalls(this.#call);
  }

  /** Registers a piped, and its project on first use. Scopes are `['traces']` by default. */
  registerPiped(request: PipedName & { readonly scopes?: readonly Signal[] | undefined }): Promise<RegisteredPiped> {
    const { project, piped, scopes } = request;
    const body = { piped: checked(piped), ...(scopes && { scopes }) };
    return this.#call('POST', `${projectPath(project)}/pipeds`, registeredPipedSchema, body, CREATES);
  }

  createEnrollmentToken(piped: PipedName): Promise<EnrollmentToken> {
    return this.#call('POST', `${pipedPath(piped)}/enrollment-tokens`, enrollmentTokenSchema, undefined, CREATES);
  }

  /** All pipeds, or those of one project, however many pages they take. */
  async listPipeds({ project }: { readonly project?: string | undefined } = {}): Promise<ListedPiped[]> {
    return this.#all('/v1/pipeds', pipedListSchema, { project: project && checked(project) });
  }

  disablePiped(piped: PipedName): Promise<Piped> {
    return this.#call('POST', `${pipedPath(piped)}/disable`, pipedSchema);
  }

  enablePiped(piped: PipedName): Promise<Piped> {
    return this.#call('POST', `${pipedPath(piped)}/enable`, pipedSchema);
  }

  /** Says anew which signals a piped may send; true at every auth server within a second. */
  setPipedScopes(piped: PipedName, scopes: readonly Signal[]): Promise<Piped> {
    return this.#call('PATCH', pipedPath(piped), pipedSchema, { scopes });
  }

  /** Makes a project. Registering its first piped makes it too. */
  async createProject(project: string): Promise<Project> {
    return this.#call('POST', '/v1/projects', projectSchema, { project: checked(project) }, CREATES);
  }

  async listProjects(): Promise<Project[]> {
    return this.#all('/v1/projects', projectListSchema);
  }

  disableProject(project: string): Promise<Project> {
    return this.#call('POST', `${projectPath(project)}/disable`, projectSchema);
  }

  enableProject(project: string): Promise<Project> {
    return this.#call('POST', `${projectPath(project)}/enable`, projectSchema);
  }

  /** The keys of a piped, the newest last. */
  async listKeys(piped: PipedName, { status }: { readonly status?: KeyStatus | undefined } = {}): Promise<ListedKey[]> {
    const items: ListedKey[] = await this.#all(`${pipedPath(piped)}/keys`, keyListSchema, { status });
    return Promise.all(
      items.map(async ({ lastUsedAt, ...record }) => ({
        ...(await this.#record(record)),
        ...(lastUsedAt !== undefined && { lastUsedAt }),
      })),
    );
  }

  /** The public keys that snapshots are signed with, to be pinned by auth servers. */
  snapshotKeys(): Promise<Jwks> {
    return this.#call('GET', '/v1/snapshot-key', jwksSchema);
  }

  /** Makes a new one, which signs from then on, and answers with all that are to be pinned. */
  rotateSnapshotKey({ signsInSeconds }: { readonly signsInSeconds: number }): Promise<Jwks> {
    return this.#call('POST', '/v1/snapshot-key', jwksSchema, { signsInSeconds });
  }

  /**
   * Makes a new key for access tokens, which signs after a while, and answers with all that are shown.
   *
   * @param signsInSeconds default 600: by then every copy of the keys that is older is gone
   * @param withdrawOthers after a theft: forgets all other keys at once, so that what they signed is refused
   */
  rotateSigningKey(
    options: { readonly signsInSeconds?: number | undefined; readonly withdrawOthers?: boolean | undefined } = {},
  ): Promise<RotatedKey> {
    return this.#call('POST', '/v1/signing-key', rotatedKeySchema, options);
  }

  /** Adds a key. With `generate`, the answer holds the key file, which is shown this once. */
  createKey(
    piped: PipedName,
    request: { readonly generate: true; readonly alg?: Algorithm | undefined },
  ): Promise<{ record: KeyRecord; keyFile: KeyFile }>;
  createKey(piped: PipedName, request: KeyRequest): Promise<{ record: KeyRecord; keyFile?: KeyFile }>;
  async createKey(piped: PipedName, request: KeyRequest): Promise<{ record: KeyRecord; keyFile?: KeyFile }> {
    const answer = await this.#call('POST', `${pipedPath(piped)}/keys`, createdKeySchema, request, CREATES);
    const record = await this.#record(answer.record);
    if (!('generate' in request)) return { record };
    if (answer.keyFile === undefined) throw invalid(this.#base, 'answered without the key file');
    return { record, keyFile: await this.#checked(parseKeyFile(answer.keyFile)) };
  }

  /**
   * Revokes a key for good.
   *
   * @param force also the last one that its piped is known to use, which is otherwise refused: `last_key_in_use`
   */
  async revokeKey(kid: string, { force = false }: { readonly force?: boolean | undefined } = {}): Promise<KeyRecord> {
    const path = `${keyPath(kid)}/revoke${force ? '?force=true' : ''}`;
    return this.#record(await this.#call('POST', path, keyRecordSchema));
  }

  async getKey(kid: string): Promise<KeyRecord> {
    return this.#record(await this.#call('GET', keyPath(kid), keyRecordSchema));
  }

  /** Makes a token for calls of this API; its text is in this answer only. */
  createToken(request: TokenRequest): Promise<CreatedToken> {
    return this.#call('POST', '/v1/tokens', createdTokenSchema, request, CREATES);
  }

  /** All tokens, the newest last. */
  async listTokens(
    filter: { readonly role?: Role | undefined; readonly state?: TokenState | undefined } = {},
  ): Promise<AccessToken[]> {
    return this.#all('/v1/tokens', tokenListSchema, { role: filter.role, state: filter.state });
  }

  /** Revokes a token for good. */
  async revokeToken(id: string): Promise<AccessToken> {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new TypeError('id: must be the UUID of a token');
    return this.#call('POST', `/v1/tokens/${id}/revoke`, accessTokenSchema);
  }

  /** All items of a list, however many pages they take. */
  async #all<T>(
    path: string,
    schema: z.ZodType<{ items: T[]; next?: string | undefined }>,
    filter: Readonly<Record<string, string | undefined>> = {},
  ): Promise<T[]> {
    const items: T[] = [];
    const query = new URLSearchParams(Object.entries(filter).filter((entry): entry is [string, string] => !!entry[1]));
    for (let after: string | undefined; ; ) {
      if (after !== undefined) query.set('after', after);
      const page = await this.#call('GET', `${path}?${query}`, schema);
      items.push(...page.items);
      if (page.next === undefined) return items;
      // Whoever repeats a page would keep us here for ever.
      if (page.next === after || page.items.length === 0)
        throw invalid(this.#base, 'answered with the same page twice');
      after = page.next;
    }
  }

  #record(input: unknown): Promise<KeyRecord> {
    return this.#checked(parseKeyRecord(input));
  }

  async #checked<T>(parsing: Promise<T>): Promise<T> {
    try {
      return await parsing;
    } catch (error) {
      if (error instanceof FormatError) throw invalid(this.#base, 'answered with a key that is none');
      throw error;
    }
  }
}

function projectPath(project: string): string {
  return `/v1/projects/${checked(project)}`;
}

function pipedPath({ project, piped }: PipedName): string {
  return `${projectPath(project)}/pipeds/${checked(piped)}`;
}

function keyPath(kid: string): string {
  if (!kidSchema.safeParse(kid).success)
    throw new TypeError('kid: must be an RFC 7638 SHA-256 thumbprint, 43 characters');
  return `/v1/keys/${kid}`;
}

function checked(id: string): string {
  if (!idSchema.safeParse(id).success) throw new TypeError('project and piped ids are 1 to 64 of A-Z a-z 0-9 . _ -');
  return id;
}
