import { ControlPlaneStartError } from '../problems/start-error.ts';

/** A session of the database: gives the one row that a statement answers with. */
export type Session = (sql: string) => Promise<unknown>;

const ROUNDS = 3;
/** A process may get the number of one that is gone, or of one on another machine, but not its birth too. */
const BACKEND = 'select pid, backend_start::text from pg_stat_activity where pid = pg_backend_pid()';

/**
 * Refuses a pooler that lends its connections for a transaction each: what a session sets, locks or listens for would be
 * another's. Two sessions that are open have a backend each, unless they share theirs so: nothing else is ever refused. A
 * busy pooler may lend them two different ones each time, and is not found out then.
 *
 * @throws ControlPlaneStartError `database_pooled`
 */
export async function requireOwnBackends(one: Session, other: Session): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const [first, second] = [JSON.stringify(await one(BACKEND)), JSON.stringify(await other(BACKEND))];
    if (first !== second) continue;
    throw new ControlPlaneStartError(
      'database_pooled',
      'a pooler before PostgreSQL lends connections for a transaction each: set its pool mode to session, or connect to the server itself',
    );
  }
}
