import { assertConfidential, ClientError } from '@spanpass/client';
import {
  type Algorithm,
  idSchema,
  type KeyFile,
  type KeyRecord,
  parseKeyFile,
  parseKeyRecord,
  type Signal,
  scopesSchema,
} from '@spanpass/credential';
import { z } from 'zod';
import { Failure, wrongUsage } from '../failure.ts';
import { type AskOptions, ask } from './ask.ts';

const status = z.enum(['active', 'disabled']);
const time = z.union([z.string(), z.number()]);

const pipedSchema = z.object({
  project: idSchema,
  piped: idSchema,
  pipedStatus: status,
  scopes: scopesSchema,
});
const listedPipedSchema = pipedSchema.extend({ projectStatus: status, createdAt: time, keys: z.int() });
const enrollmentSchema = z.object({ enrollmentToken: z.string().min(1), enrollmentTokenExpiresAt: time });
const itemsSchema = z.object({ items: z.array(z.unknown()) });
const createdKeySchema = z.object({ record: z.unknown(), keyFile: z.unknown() });

export type Piped = z.output<typeof pipedSchema>;
export type ListedPiped = z.output<typeof listedPipedSchema>;
export type Enrollment = z.output<typeof enrollmentSchema>;

/** The control plane, as an administrator speaks to it. All of it rejects with a `Failure` that says what to do. */
export interface AdminClient {
  registerPiped(project: string, piped: string, scopes?: readonly Signal[]): Promise<Piped & Enrollment>;
  newEnrollmentToken(project: string, piped: string): Promise<Enrollment>;
  listPipeds(project?: string): Promise<ListedPiped[]>;
  setPipedStatus(project: string, piped: string, action: 'disable' | 'enable'): Promise<Piped>;
  listKeys(project: string, piped: string): Promise<KeyRecord[]>;
  createKey(project: string, piped: string, alg?: Algorithm): Promise<{ record: KeyRecord; keyFile: KeyFile }>;
  /** None if no key has this id. */
  findKey(kid: string): Promise<KeyRecord | undefined>;
  revokeKey(kid: string): Promise<KeyRecord>;
}

/**
 * @param controlPlane base URL; https beyond loopback, since a token goes there
 * @throws Failure for a URL that the token must not be sent to
 */
export function createAdminClient(controlPlane: string, token: string): AdminClient {
  const base = confidential(controlPlane);
  const call = (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const options: AskOptions = { base, token, method, path, ...(body !== undefined && { body }) };
    return ask(options);
  };
  const pipedPath = (project: string, piped: string) =>
    `/v1/projects/${id('project', project)}/pipeds/${id('piped', piped)}`;
  return {
    async registerPiped(project, piped, scopes) {
      const body = { piped: id('piped', piped), ...(scopes && { scopes }) };
      const answer = await call('POST', `/v1/projects/${id('project', project)}/pipeds`, body);
      return read(pipedSchema.extend(enrollmentSchema.shape), answer);
    },
    async newEnrollmentToken(project, piped) {
      return read(enrollmentSchema, await call('POST', `${pipedPath(project, piped)}/enrollment-tokens`, {}));
    },
    async listPipeds(project) {
      const query = project === undefined ? '' : `?project=${id('project', project)}`;
      const { items } = read(itemsSchema, await call('GET', `/v1/pipeds${query}`));
      return items.map(item => read(listedPipedSchema, item));
    },
    async setPipedStatus(project, piped, action) {
      return read(pipedSchema, await call('POST', `${pipedPath(project, piped)}/${action}`, {}));
    },
    async listKeys(project, piped) {
      const { items } = read(itemsSchema, await call('GET', `${pipedPath(project, piped)}/keys`));
      return Promise.all(items.map(item => parse(parseKeyRecord, item)));
    },
    async createKey(project, piped, alg) {
      const body = { generate: true, ...(alg && { alg }) };
      const created = read(createdKeySchema, await call('POST', `${pipedPath(project, piped)}/keys`, body));
      return {
        record: await parse(parseKeyRecord, created.record),
        keyFile: await parse(parseKeyFile, created.keyFile),
      };
    },
    async findKey(kid) {
      try {
        return await parse(parseKeyRecord, await call('GET', `/v1/keys/${encodeURIComponent(kid)}`));
      } catch (error) {
        if (isProblem(error, 'key_unknown')) return undefined;
        throw error;
      }
    },
    async revokeKey(kid) {
      return parse(parseKeyRecord, await call('POST', `/v1/keys/${encodeURIComponent(kid)}/revoke`, {}));
    },
  };
}

/** Whether the control plane refused with this problem code. */
export function isProblem(error: unknown, code: string): boolean {
  return error instanceof Failure && error.problemCode === code;
}

function confidential(controlPlane: string): URL {
  try {
    return assertConfidential(controlPlane);
  } catch (error) {
    if (error instanceof ClientError || error instanceof TypeError) throw wrongUsage(error.message);
    throw error;
  }
}

function id(what: string, text: string): string {
  const parsed = idSchema.safeParse(text);
  if (!parsed.success) throw wrongUsage(`${what}: '${text}' ${parsed.error.issues[0]?.message ?? 'is no id'}`);
  return parsed.data;
}

function read<T extends z.ZodType>(schema: T, answer: unknown): z.output<T> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw notUnderstood();
}

async function parse<T>(reader: (input: unknown) => Promise<T>, answer: unknown): Promise<T> {
  return reader(answer).catch(() => {
    throw notUnderstood();
  });
}

function notUnderstood(): Failure {
  return new Failure('the control plane answered with something else than expected: is its version another one?');
}
