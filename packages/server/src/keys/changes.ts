import { idSchema, type KeyRecord, kidSchema, scopesSchema } from '@spanpass/credential';
import { z } from 'zod';
import { compactRecord } from './compact-record.ts';

const revision = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const seconds = revision;
const pipedStatus = z.enum(['active', 'disabled']);

/**
 * The part of a key record that can change; the key itself can't, since the kid is its thumbprint. Members that a newer
 * control plane adds are ignored, values that it adds are not understood, and that is not the same.
 */
const changedRecordSchema = z.object({
  v: z.literal(1),
  kid: kidSchema,
  alg: z.string().max(16),
  project: idSchema,
  piped: idSchema,
  scopes: scopesSchema,
  keyStatus: z.enum(['active', 'retired', 'revoked']),
  pipedStatus,
  projectStatus: pipedStatus,
  notBefore: seconds,
  notAfter: seconds,
  revision,
});

/** When the control plane wrote it. Older ones do not say, and nothing but a measurement rests on it. */
const at = z.iso.datetime().transform(Date.parse).optional().catch(undefined);

const changeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('key'), revision, at, record: changedRecordSchema }),
  z.object({
    kind: z.literal('piped'),
    revision,
    at,
    project: idSchema,
    piped: idSchema,
    pipedStatus,
    scopes: scopesSchema.optional(),
  }),
  z.object({ kind: z.literal('project'), revision, at, project: idSchema, projectStatus: pipedStatus }),
]);

/** One entry of the control plane's change feed. */
export type Change = z.infer<typeof changeSchema>;

const positionSchema = z.object({ revision });
const auditHeadSchema = z.object({ auditHead: z.string().max(1024) });

/** Reads a change; none if it is not understood, in which case anything may have changed. */
export function parseChange(data: string): Change | undefined {
  return parse(changeSchema, data);
}

/** Reads the revision that a `heartbeat` or a `reset` carries. */
export function parsePosition(data: string): number | undefined {
  return parse(positionSchema, data)?.revision;
}

/** Reads the signed audit head that some heartbeats carry. It is not verified. */
export function parseAuditHead(data: string): string | undefined {
  return parse(auditHeadSchema, data)?.auditHead;
}

/** Whether a change takes access away: a key revoked or retired, a piped or a project disabled. */
export function takesAccess(change: Change): boolean {
  switch (change.kind) {
    case 'key':
      return change.record.keyStatus !== 'active';
    case 'piped':
      return change.pipedStatus !== 'active';
    case 'project':
      return change.projectStatus !== 'active';
  }
}

/** Whether a change is about this record. */
export function concerns(change: Change, record: KeyRecord): boolean {
  switch (change.kind) {
    case 'key':
      return change.record.kid === record.kid;
    case 'piped':
      return change.project === record.project && change.piped === record.piped;
    case 'project':
      return change.project === record.project;
  }
}

/** The record after a change that concerns it: itself if it already knows, none if it has to be asked for again. */
export function applyChange(record: KeyRecord, change: Change): KeyRecord | undefined {
  if (change.revision <= record.revision) return record;
  const changed = changedIn(record, change);
  return changed && compactRecord({ ...record, ...changed, revision: change.revision }, record.publicJwk);
}

/** None where the change can't be told from here. */
function changedIn(record: KeyRecord, change: Change): Partial<KeyRecord> | undefined {
  switch (change.kind) {
    case 'key': {
      const { alg, kid, project, piped, ...changed } = change.record;
      const isSame = alg === record.alg && project === record.project && piped === record.piped;
      return isSame ? changed : undefined;
    }
    case 'piped':
      // A record's scopes are the key's as well as the piped's: only the control plane can tell what they are now.
      if (change.scopes !== undefined && !sameScopes(change.scopes, record.scopes)) return undefined;
      return { pipedStatus: change.pipedStatus };
    case 'project':
      return { projectStatus: change.projectStatus };
  }
}

function sameScopes(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every(scope => others.includes(scope));
}

function parse<T extends z.ZodType>(schema: T, data: string): z.output<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(data)).data;
  } catch {
    return undefined;
  }
}
