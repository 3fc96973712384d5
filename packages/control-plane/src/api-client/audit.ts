import { z } from 'zod';
import { type AuditAction, type AuditHead, auditHeadSchema } from '../wire/audit.ts';
import { type Jwks, jwksSchema } from '../wire/signing-keys.ts';
import { type Call, invalid } from './transport.ts';

const pageSchema = z.object({ items: z.array(z.unknown()), next: z.string().optional() });

export interface AuditQuery {
  readonly project?: string | undefined;
  readonly piped?: string | undefined;
  readonly action?: AuditAction | undefined;
  /** NumericDate seconds: from this one on. */
  readonly from?: number | undefined;
  /** NumericDate seconds: before this one. */
  readonly until?: number | undefined;
}

/** What the control plane's audit says, and where it stands. Part of `ControlPlaneClient`. */
export class AuditCalls {
  readonly #call: Call;
  readonly #base: URL;

  constructor(call: Call, base: URL) {
    this.#call = call;
    this.#base = base;
  }

  /**
   * Rows in the order of the writes, page by page, as they come: nothing of them is checked here, so that
   * `verifyAuditChain` sees what is there.
   */
  async *rows(query: AuditQuery = {}): AsyncGenerator<unknown, void> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    for (let after: string | undefined; ; ) {
      if (after !== undefined) search.set('after', after);
      const page = await this.#call('GET', `/v1/audit?${search}`, pageSchema);
      yield* page.items;
      if (page.next === undefined) return;
      // Whoever repeats a page would keep us here for ever.
      if (page.next === after || page.items.length === 0)
        throw invalid(this.#base, 'answered with the same page twice');
      after = page.next;
    }
  }

  /** Where the chain stands now. */
  head(): Promise<AuditHead> {
    return this.#call('GET', '/v1/audit/head', auditHeadSchema);
  }

  /** The public keys that heads are signed with, to be pinned. */
  keys(): Promise<Jwks> {
    return this.#call('GET', '/v1/audit-key', jwksSchema);
  }

  /** Makes a new one, which signs from then on, and answers with those that sign and will. */
  rotateKey({ signsInSeconds }: { readonly signsInSeconds: number }): Promise<Jwks> {
    return this.#call('POST', '/v1/audit-key', jwksSchema, { signsInSeconds });
  }
}
