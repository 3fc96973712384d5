import {
  type Algorithm,
  createKeyPair,
  importSigningKey,
  type KeyRecord,
  type SignOptions,
  signCredential,
} from '@spanpass/credential';

export interface Issued {
  readonly token: string;
  readonly owner: { readonly project: string; readonly piped: string };
  /** From and until when it may open a door, in seconds; never, if it is good for nothing. */
  readonly validFrom: number;
  readonly validUntil: number;
}

export interface Issuance {
  /** The list of all that was issued, good and bad. */
  readonly issued: readonly Issued[];
  readonly records: ReadonlyMap<string, KeyRecord>;
  /** Adds fresh good credentials to the list, and gives them; for runs that outlast the first ones. */
  issueMore(nowSeconds: number): Promise<readonly Issued[]>;
}

const NEVER = { validFrom: Number.POSITIVE_INFINITY, validUntil: Number.NEGATIVE_INFINITY };

/** Credentials of pipeds of all kinds; the good ones are good for a quarter of an hour. */
export async function issue(nowSeconds: number): Promise<Issuance> {
  const issued: Issued[] = [];
  const records = new Map<string, KeyRecord>();

  async function piped(name: string, alg: Algorithm, changes: Partial<KeyRecord> = {}) {
    const pair = await createKeyPair(alg);
    const owner = { project: 'shop', piped: name };
    const record: KeyRecord = {
      v: 1,
      kid: pair.kid,
      alg,
      ...owner,
      publicJwk: pair.publicJwk,
      scopes: ['traces'],
      keyStatus: 'active',
      pipedStatus: 'active',
      projectStatus: 'active',
      notBefore: nowSeconds - 3600,
      notAfter: nowSeconds + 7200,
      revision: 1,
      ...changes,
    };
    records.set(pair.kid, record);
    const key = await importSigningKey({ ...pair, ...owner });
    return async (good: boolean, options: Partial<SignOptions> = {}, atSeconds = nowSeconds) => {
      const clock = () => atSeconds * 1000;
      const sign = { purpose: 'gateway', audience: 'spanpass-gateway', lifetimeSeconds: 900, now: clock } as const;
      const token = await signCredential(key, { ...sign, ...options });
      const times = good ? { validFrom: atSeconds - 60, validUntil: atSeconds + 900 + 60 } : NEVER;
      issued.push({ token, owner, ...times });
    };
  }

  const first = await piped('edge-1', 'ES256');
  await first(true);
  await first(true, { lifetimeSeconds: 899 });
  await first(false, { now: () => (nowSeconds - 3600) * 1000 });
  await first(false, { now: () => (nowSeconds + 3000) * 1000 });
  await first(false, { audience: 'elsewhere' });
  await first(false, { purpose: 'tokenExchange', lifetimeSeconds: 60 });
  const good = [first, await piped('edge-2', 'EdDSA'), await piped('edge-3', 'RS256')];
  for (const sign of good.slice(1)) await sign(true);
  await (await piped('edge-revoked', 'ES256', { keyStatus: 'revoked' }))(false);
  await (await piped('edge-disabled', 'ES256', { pipedStatus: 'disabled' }))(false);
  await (await piped('edge-ended', 'ES256', { notAfter: nowSeconds - 1 }))(false);
  const unregistered = await piped('edge-nobody', 'ES256');
  await unregistered(false);
  for (const [kid, { piped: name }] of records) if (name === 'edge-nobody') records.delete(kid);
  return {
    issued,
    records,
    async issueMore(atSeconds) {
      const known = issued.length;
      for (const sign of good) await sign(true, {}, atSeconds);
      return issued.slice(known);
    },
  };
}
