import type { Signal } from '@spanpass/credential';
import { and, eq, getTableColumns } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { counter, pipecdKeys, pipeds, projects } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import type { ImportedPipecd, ImportPipecd, PipecdRecord } from '../wire/pipecd.ts';
import { isPiped, type PipedId, requirePiped } from './pipeds.ts';
import { projectExists } from './projects.ts';
import { type Registry, writeTo } from './registry.ts';

type Imported = ImportedPipecd['items'][number];

/** What PipeCD's own gateway lets through. */
const PIPECD_SCOPES: readonly Signal[] = ['traces'];

/**
 * Takes in pipeds of PipeCD with the hashes of their keys. One that is known gets the hashes that are given in the place
 * of those it had; the same import again changes nothing. What PipeCD has disabled is disabled here too, and nothing is
 * ever enabled by it.
 *
 * @throws Refusal `invalid_request` if a piped is named twice
 */
export async function importPipecd(
  registry: Registry,
  actor: Actor,
  { pipeds: given, dryRun }: ImportPipecd,
): Promise<ImportedPipecd> {
  const names = new Set(given.map(({ project, piped }) => `${project}/${piped}`));
  if (names.size !== given.length) throw new Refusal('invalid_request', 'pipeds: one is named twice');
  const items = await writeTo(registry, actor, async write => {
    const done: Imported[] = [];
    for (const one of given) done.push(await importOne(write, one, dryRun));
    return done;
  });
  return { items };
}

async function importOne(
  write: Write,
  { project, piped, disabled, hashes }: ImportPipecd['pipeds'][number],
  dryRun: boolean,
): Promise<Imported> {
  const id = { project, piped };
  const [known] = await write.tx.select().from(pipeds).where(isPiped(id));
  const [kept] = await write.tx.select().from(pipecdKeys).where(isOf(id));
  const sameKeys = (kept?.hashes ?? []).join() === hashes.join();
  const outcome = known === undefined ? 'registered' : sameKeys ? 'unchanged' : 'keys_changed';
  const disabledNow = disabled && known?.status !== 'disabled';
  const imported: Imported = { ...id, outcome, disabledNow, pipecdKeys: hashes.length };
  if (dryRun || (outcome === 'unchanged' && !disabledNow)) return imported;

  if (known === undefined) await projectExists(write, project);
  const status = disabled ? 'disabled' : (known?.status ?? 'active');
  const revision = write.change(() => ({ kind: 'piped', ...id, pipedStatus: status }));
  if (known === undefined) {
    await write.tx.insert(pipeds).values({ ...id, status, scopes: [...PIPECD_SCOPES], createdAt: write.at, revision });
    write.audit('piped.registered', id);
  } else await write.tx.update(pipeds).set({ status, revision }).where(isPiped(id));
  if (disabledNow) write.audit('piped.disabled', id);
  if (sameKeys) return imported;
  if (hashes.length === 0) await write.tx.delete(pipecdKeys).where(isOf(id));
  else {
    await write.tx
      .insert(pipecdKeys)
      .values({ ...id, hashes })
      .onConflictDoUpdate({ target: [pipecdKeys.project, pipecdKeys.piped], set: { hashes } });
  }
  write.audit('pipecd_keys.imported', id);
  return imported;
}

/**
 * Forgets what PipeCD's keys of a piped were compared with, so that none of them is good any more. Repeatable.
 *
 * @throws Refusal `piped_unknown`
 */
export async function forgetPipecdKeys(registry: Registry, actor: Actor, id: PipedId): Promise<void> {
  const { project, piped } = id;
  await writeTo(registry, actor, async write => {
    const { piped: row } = await requirePiped(write, id);
    const gone = await write.tx.delete(pipecdKeys).where(isOf(id)).returning({ project: pipecdKeys.project });
    if (gone.length === 0) return;
    const revision = write.change(() => ({ kind: 'piped', project, piped, pipedStatus: row.status }));
    await write.tx.update(pipeds).set({ revision }).where(isPiped(id));
    write.audit('pipecd_keys.forgotten', { project, piped });
  });
}

/** What an auth server compares a piped's old keys with, and the revision as of one and the same moment. */
export async function findPipecd(
  { store }: Pick<Registry, 'store'>,
  id: PipedId,
): Promise<{ revision: number; found?: PipecdRecord }> {
  const [row] = await store.db
    .select({
      revision: counter.revision,
      piped: getTableColumns(pipeds),
      project: getTableColumns(projects),
      keys: getTableColumns(pipecdKeys),
    })
    .from(counter)
    .leftJoin(pipeds, isPiped(id))
    .leftJoin(projects, eq(projects.project, pipeds.project))
    .leftJoin(pipecdKeys, and(eq(pipecdKeys.project, pipeds.project), eq(pipecdKeys.piped, pipeds.piped)));
  if (row === undefined) throw new Error('the counter row is missing');
  const { revision, piped, project, keys } = row;
  if (piped === null || project === null) return { revision };
  const found: PipecdRecord = {
    project: id.project,
    piped: id.piped,
    pipedStatus: piped.status,
    projectStatus: project.status,
    scopes: piped.scopes as Signal[],
    hashes: keys?.hashes ?? [],
    revision: Math.max(piped.revision, project.revision),
  };
  return { revision, found };
}

function isOf({ project, piped }: PipedId) {
  return and(eq(pipecdKeys.project, project), eq(pipecdKeys.piped, piped));
}
