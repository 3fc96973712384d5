import { timingSafeEqual } from 'node:crypto';
import type { Store } from '../store/database.ts';
import { accessTokens } from '../store/schema.ts';
import type { Role } from './access-tokens.ts';
import { hashToken } from './token-format.ts';

export interface KnownToken {
  readonly id: string;
  readonly role: Role;
}

interface Page {
  readonly readAtMs: number;
  readonly tokens: readonly (KnownToken & { readonly hash: Buffer })[];
}

/** Longest time for which a token that was replaced elsewhere still counts here. */
const MAX_AGE_MS = 1000;
const MAX_TOKENS = 1000;

/** Whose token is it? Reads the few there are at most once a second, however many requests come. */
export class TokenBook {
  readonly #store: Store;
  readonly #clock: () => number;
  #page: Page | undefined;
  #reading: Promise<Page> | undefined;

  /** @param clock steady, in milliseconds */
  constructor(store: Store, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Rejects while the database can't be asked and nothing recent is known: then nobody is anybody. */
  async find(token: string): Promise<KnownToken | undefined> {
    const hash = Buffer.from(hashToken(token), 'hex');
    const { tokens } = await this.#current();
    let found: KnownToken | undefined;
    for (const known of tokens) {
      if (timingSafeEqual(known.hash, hash)) found = { id: known.id, role: known.role };
    }
    return found;
  }

  async #current(): Promise<Page> {
    if (this.#page && this.#clock() - this.#page.readAtMs < MAX_AGE_MS) return this.#page;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<Page> {
    const readAtMs = this.#clock();
    const rows = await this.#store.db.select().from(accessTokens).limit(MAX_TOKENS);
    const tokens = rows.map(({ id, role, tokenHash }) => ({ id, role, hash: Buffer.from(tokenHash, 'hex') }));
    this.#page = { readAtMs, tokens };
    return this.#page;
  }
}
