import { signAuditHead } from '@spanpass/credential';
import { type Registry, toSeconds } from '../registry/registry.ts';
import { signingKeyOf } from '../registry/signing-keys.ts';
import { counter } from '../store/schema.ts';
import type { AuditHead } from '../wire/audit.ts';
import type { ChainHead } from './verify-chain.ts';

/** Where the chain of audit rows stands now, signed. */
export async function signedAuditHead(
  registry: Pick<Registry, 'store' | 'now' | 'encryptionKeys'>,
): Promise<AuditHead> {
  const head = { ...(await auditHead(registry)), at: toSeconds(registry.now()) };
  return { ...head, jws: await signAuditHead(await signingKeyOf(registry, 'audit'), head) };
}

/** Where the chain stands now, as its last writer noted it. */
export async function auditHead({ store }: Pick<Registry, 'store'>): Promise<ChainHead> {
  const [head] = await store.db.select({ seq: counter.auditSeq, hash: counter.auditHash }).from(counter);
  if (head === undefined) throw new Error('the counter row is missing');
  return head;
}

/** The newest signed head, made only when the chain has grown, and no more often than it is asked for. */
export class AuditHeads {
  readonly #registry: Registry;
  #current: ChainHead | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** The signed head if the chain stands elsewhere than the last time; else nothing. */
  async next(): Promise<string | undefined> {
    const { seq, hash } = await auditHead(this.#registry);
    if (seq === 0 || (seq === this.#current?.seq && hash === this.#current.hash)) return undefined;
    const head = await signedAuditHead(this.#registry);
    this.#current = head;
    return head.jws;
  }
}
