import { sql } from 'drizzle-orm';
import type { Store } from '../store/database.ts';
import { accessTokens } from '../store/schema.ts';

/** Notes when tokens were last used, and writes that down together: one statement, however many requests came. */
export class LastUse {
  readonly #store: Store;
  readonly #now: () => number;
  /** Only ids of known tokens come here, so it is as small as their number. */
  #noted = new Map<string, number>();

  /** @param now in milliseconds */
  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  note(tokenId: string): void {
    this.#noted.set(tokenId, this.#now());
  }

  /** Of two replicas the later use counts. What could not be written is tried again the next time. */
  async flush(): Promise<void> {
    if (this.#noted.size === 0) return;
    const noted = this.#noted;
    this.#noted = new Map();
    // In one order on all replicas, so that none of them waits for the other in a circle.
    const uses = [...noted].sort(([a], [b]) => (a < b ? -1 : 1));
    const rows = uses.map(([id, at]) => sql`(${id}, ${new Date(at).toISOString()}::timestamptz)`);
    try {
      await this.#store.db.execute(sql`
        update ${accessTokens} set last_used_at = used.at
        from (values ${sql.join(rows, sql`, `)}) as used (id, at)
        where ${accessTokens.id} = used.id and (last_used_at is null or last_used_at < used.at)`);
    } catch (error) {
      for (const [id, at] of noted) if (!this.#noted.has(id)) this.#noted.set(id, at);
      throw error;
    }
  }
}
