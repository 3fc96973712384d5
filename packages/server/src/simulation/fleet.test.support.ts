import type { KeyRecord, Signal } from '@spanpass/credential';
import { createPiped, NOW_SECONDS } from '../fixture.test.support.ts';
import { KEYS_EACH, PIPEDS } from './operations.test.support.ts';

export interface FleetToken {
  readonly text: string;
  readonly iat: number;
  readonly exp: number;
  readonly forged: boolean;
}

export interface FleetKey {
  readonly kid: string;
  readonly project: string;
  readonly piped: string;
  /** The record as it is on the day the key is registered, apart from what the registry decides. */
  readonly record: KeyRecord;
  readonly tokens: readonly FleetToken[];
}

/** When tokens are issued, in seconds from the beginning, and how long they are good for. */
const TIMES = [
  [0, 300],
  [0, 20],
  [-40, 45],
  [100, 120],
] as const;

/** Keys of all pipeds, the ones that are not registered yet too, and tokens of each: made once, for all sequences. */
export async function createFleet(): Promise<readonly FleetKey[]> {
  const owners = Array.from({ length: PIPEDS * KEYS_EACH }, (_, at) => {
    const piped = Math.floor(at / KEYS_EACH);
    return { project: `project-${piped % 2}`, piped: `edge-${piped}` };
  });
  return Promise.all(owners.map(owner => createKey(owner)));
}

async function createKey(owner: { project: string; piped: string }): Promise<FleetKey> {
  const piped = await createPiped({ ...owner, scopes: ['traces'] as Signal[] });
  const tokens: FleetToken[] = [];
  for (const [offset, lifetimeSeconds] of TIMES) {
    const iat = NOW_SECONDS + offset;
    const text = await piped.sign({ now: () => iat * 1000, lifetimeSeconds });
    tokens.push({ text, iat, exp: iat + lifetimeSeconds, forged: false });
  }
  const good = tokens[0] as FleetToken;
  const signature = good.text.lastIndexOf('.') + 1;
  const bent = good.text[signature] === 'A' ? 'B' : 'A';
  tokens.push({ ...good, text: good.text.slice(0, signature) + bent + good.text.slice(signature + 1), forged: true });
  return { kid: piped.kid, ...owner, record: piped.record, tokens };
}
