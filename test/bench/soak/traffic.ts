import { randomBytes, randomUUID } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import { importSigningKey, type KeyFile, type SigningKey, signCredential } from '@spanpass/credential';
import { withClaims, withHeader } from '../../harness/passes.ts';
import { CHECK_PATH, framedCheckRequest } from '../check-request.ts';
import { call, checkStatus } from '../drive/http2-calls.ts';

/** What is sent, and what has to come of it: never 0, an allow, but for the good ones. */
export type Kind = 'good' | 'made-up kid' | 'forged' | 'garbage' | 'big header' | 'revoked' | 'expired';

export interface Pipeds {
  readonly good: readonly SigningKey[];
  readonly revoked: SigningKey;
}

export async function pipedsOf(good: readonly KeyFile[], revoked: KeyFile): Promise<Pipeds> {
  return { good: await Promise.all(good.map(importSigningKey)), revoked: await importSigningKey(revoked) };
}

const pass = (key: SigningKey, now = Date.now) =>
  signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway', now });

/** One of each kind; half of them are good ones. */
export class Traffic {
  readonly #pipeds: Pipeds;
  readonly #passes: { text: string; until: number }[] = [];
  #sent = 0;

  constructor(pipeds: Pipeds) {
    this.#pipeds = pipeds;
  }

  async next(): Promise<{ readonly kind: Kind; readonly authorization: string }> {
    const at = this.#sent++;
    if (at % 2 === 0) return { kind: 'good', authorization: `Bearer ${await this.#goodPass(at / 2)}` };
    const hostile = HOSTILE[((at - 1) / 2) % HOSTILE.length] as (typeof HOSTILE)[number];
    const some = await this.#goodPass(at);
    return { kind: hostile.kind, authorization: `Bearer ${await hostile.make(some, this.#pipeds)}` };
  }

  /** Pipeds sign a new one long before the old one ends: here each minute, so that the memory of decisions turns over. */
  async #goodPass(at: number): Promise<string> {
    const place = at % this.#pipeds.good.length;
    const known = this.#passes[place];
    if (known !== undefined && known.until > Date.now()) return known.text;
    const text = await pass(this.#pipeds.good[place] as SigningKey);
    this.#passes[place] = { text, until: Date.now() + 60_000 };
    return text;
  }
}

const HOSTILE: readonly {
  readonly kind: Exclude<Kind, 'good'>;
  readonly make: (some: string, pipeds: Pipeds) => Promise<string> | string;
}[] = [
  { kind: 'made-up kid', make: some => withHeader(some, { kid: randomBytes(32).toString('base64url') }) },
  { kind: 'forged', make: some => withClaims(some, { jti: randomUUID() }) },
  { kind: 'garbage', make: () => randomBytes(300).toString('base64') },
  { kind: 'big header', make: some => some + 'A'.repeat(60_000) },
  { kind: 'revoked', make: (_, { revoked }) => pass(revoked) },
  { kind: 'expired', make: (_, { good: [first] }) => pass(first as SigningKey, () => Date.now() - 3_600_000) },
];

/** Shows one, and says by which code it was answered. */
export async function show(session: ClientHttp2Session, authorization: string): Promise<number> {
  return checkStatus(await call(session, CHECK_PATH, framedCheckRequest(authorization)));
}
