import { verifyAuditChain } from '@spanpass/control-plane/client';
import { expect } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { followRegistry, type SeenChange } from './registry-follower.ts';
import { STEPS, type StepName, type WrittenPiped } from './registry-writers.ts';

interface AuditRow {
  readonly seq: number;
  readonly action: string;
  readonly revision: number;
  readonly target: { readonly piped?: string };
}

/** What a control plane says is written: its audit, its feed from the first change on, and its lists. */
export interface Books {
  readonly audit: readonly AuditRow[];
  readonly changes: readonly SeenChange[];
  /** By name. */
  readonly pipeds: ReadonlyMap<string, string>;
  /** Status of keys by kid. */
  keyStatus(kid: string): Promise<string | undefined>;
}

export async function readBooks(url: string, token: { admin: string; authServer: string }): Promise<Books> {
  const get = async (path: string) => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${token.admin}` } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const all = async <T>(path: string): Promise<T[]> => {
    const items: T[] = [];
    for (let after = ''; ; ) {
      const { status, body } = await get(`${path}?limit=1000${after}`);
      if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
      items.push(...(body.items as T[]));
      if (body.next === undefined) return items;
      after = `&after=${body.next}`;
    }
  };
  const audit = await all<AuditRow>('/v1/audit');
  const pipeds = await all<{ piped: string; pipedStatus: string }>('/v1/pipeds');
  const revision = audit.at(-1)?.revision ?? 0;
  const feed = followRegistry({ urls: [url], token: token.authServer, since: 0 });
  await waitFor('the whole feed', () => feed.known >= revision, 30_000);
  await feed.stop();
  return {
    audit,
    changes: feed.changes,
    pipeds: new Map(pipeds.map(({ piped, pipedStatus }) => [piped, pipedStatus])),
    async keyStatus(kid) {
      const { status, body } = await get(`/v1/keys/${kid}`);
      return status === 200 ? String(body.keyStatus) : undefined;
    },
  };
}

/**
 * That every acknowledged write is there, once, in the order in which it was acknowledged, in the audit, in the feed and
 * in what they are about; and that one which was not acknowledged is there in all of them or in none.
 *
 * @returns how many writes were there although nobody was told so
 */
export async function expectBooksToHold(books: Books, written: readonly WrittenPiped[]): Promise<number> {
  expect(await verifyAuditChain(books.audit)).toMatchObject({ intact: true, rows: books.audit.length });
  expect(books.changes.map(({ revision }) => revision)).toEqual(books.changes.map((_, at) => at + 1));
  const revisions = new Set(books.changes.map(({ revision }) => revision));
  expect(books.audit.filter(({ revision }) => revision > 0 && !revisions.has(revision))).toEqual([]);

  const auditOf = groupBy(books.audit, ({ target }) => target.piped);
  const changesOf = groupBy(books.changes, ({ piped, record }) => piped ?? record?.piped);
  let untold = 0;
  for (const { piped, acknowledged, unanswered, kid } of written) {
    const audit = auditOf.get(piped) ?? [];
    const asAcknowledged = acknowledged.flatMap(step => STEPS[step].audit);
    const went = unanswered !== undefined && audit.length > asAcknowledged.length;
    if (went) untold++;
    const steps: StepName[] = went ? [...acknowledged, unanswered] : acknowledged;

    expect([piped, audit.map(({ action }) => action)]).toEqual([piped, steps.flatMap(step => STEPS[step].audit)]);
    const changes = changesOf.get(piped) ?? [];
    expect([piped, changes.map(inShort)]).toEqual([piped, steps.map(step => STEPS[step].change)]);
    // The same writes: each change has the revision that its audit row names.
    expect([...new Set(audit.map(({ revision }) => revision))]).toEqual(changes.map(({ revision }) => revision));

    const status = steps.length === 0 ? undefined : steps.at(-1) === 'disable' ? 'disabled' : 'active';
    expect([piped, books.pipeds.get(piped)]).toEqual([piped, status]);
    if (kid !== undefined) {
      const keyStatus = steps.includes('revoke') ? 'revoked' : 'active';
      expect([piped, await books.keyStatus(kid)]).toEqual([piped, keyStatus]);
    }
  }
  return untold;
}

/** That a follower was told of all changes behind `since`, of each once, and in order. */
export function expectFollowed(seen: readonly SeenChange[], books: Books, since: number): void {
  expect(seen).toEqual(books.changes.filter(({ revision }) => revision > since));
}

function inShort({ kind, pipedStatus, record }: SeenChange): string {
  return `${kind} ${pipedStatus ?? record?.keyStatus}`;
}

function groupBy<T>(values: readonly T[], nameOf: (value: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const name = nameOf(value);
    if (name === undefined) continue;
    const group = groups.get(name);
    if (group) group.push(value);
    else groups.set(name, [value]);
  }
  return groups;
}
