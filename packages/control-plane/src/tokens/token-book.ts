import { and, gt, isNull, or } from 'drizzle-orm';
import type { Person } from '../sign-in/person.ts';
import type { Store } from '../store/database.ts';
import { accessTokens } from '../store/schema.ts';
import type { Role } from '../wire/tokens.ts';
import { hashToken, isBearerToken, looksIssued } from './token-format.ts';

/** All, or the ids of some. */
export type Projects = 'all' | readonly string[];

/** Who calls: by a token, or signed in at the identity provider. */
export interface Caller extends KnownToken {
  readonly person?: Person | undefined;
}

export interface KnownToken {
  readonly id: string;
  readonly role: Role;
  /** What it is bound to. */
  readonly projects: Projects;
}

type Listed = KnownToken & { readonly endsAtMs: number };

type Page = {
  readonly readAtMs: number;
  /** By the hash of the token. A look-up by hash tells nothing by its time that would help to guess 256 random bits. */
  readonly tokens: ReadonlyMap<string, Listed>;
  readonly byId: ReadonlyMap<string, Listed>;
};

export interface TokenBookOptions {
  /** Steady, in milliseconds. */
  readonly clock: () => number;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
  /** Told of each use. */
  readonly onUse?: (tokenId: string) => void;
}

/** Longest time for which a token that was replaced or revoked elsewhere still counts here. */
const MAX_AGE_MS = 1000;
/** How many may be good at the same time. */
export const MAX_TOKENS = 1000;

/** Whose token is it? Reads the few there are at most once a second, however many requests come. */
export class TokenBook {
  readonly #store: Store;
  readonly #options: TokenBookOptions;
  #page: Page | undefined;
  #reading: Promise<Page> | undefined;

  constructor(store: Store, options: TokenBookOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Rejects while the database can't be asked and nothing recent is known: then nobody is anybody. */
  async find(token: string): Promise<KnownToken | undefined> {
    // One with a typo, and what guessers make up, costs the database nothing.
    if (looksIssued(token) && !isBearerToken(token)) return undefined;
    const hash = hashToken(token);
    const { tokens } = await this.#current();
    return this.#used(tokens.get(hash));
  }

  /** The token of a session, which is good for no longer than it. */
  async findById(id: string): Promise<KnownToken | undefined> {
    const { byId } = await this.#current();
    return this.#used(byId.get(id));
  }

  /** They have changed here: the next look is at the database. */
  forget(): void {
    this.#page = undefined;
    this.#reading = undefined;
  }

  #used(known: Listed | undefined): KnownToken | undefined {
    if (known === undefined || this.#options.now() >= known.endsAtMs) return undefined;
    this.#options.onUse?.(known.id);
    const { id, role, projects } = known;
    return { id, role, projects };
  }

  async #current(): Promise<Page> {
    if (this.#page && this.#options.clock() - this.#page.readAtMs < MAX_AGE_MS) return this.#page;
    if (this.#reading !== undefined) return this.#reading;
    const reading = this.#read();
    this.#reading = reading;
    try {
      const page = await reading;
      // Unless it was told to forget meanwhile.
      if (this.#reading === reading) this.#page = page;
      return page;
    } finally {
      if (this.#reading === reading) this.#reading = undefined;
    }
  }

  async #read(): Promise<Page> {
    const readAtMs = this.#options.clock();
    const now = new Date(this.#options.now());
    const rows = await this.#store.db
      .select()
      .from(accessTokens)
      .where(and(isNull(accessTokens.revokedAt), or(isNull(accessTokens.expiresAt), gt(accessTokens.expiresAt, now))))
      .limit(MAX_TOKENS);
    const tokens = rows.map(({ id, role, projects, tokenHash, expiresAt }) => {
      const known = { id, role, projects: projects ?? ('all' as const), endsAtMs: expiresAt?.getTime() ?? Infinity };
      return [tokenHash, known] as const;
    });
    return { readAtMs, tokens: new Map(tokens), byId: new Map(tokens.map(([, token]) => [token.id, token])) };
  }
}
