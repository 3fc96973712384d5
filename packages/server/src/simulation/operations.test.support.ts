import type { Signal } from '@spanpass/credential';
import { createRandom } from './random.test.support.ts';

export const SERVERS = 3;
/** Pipeds of the simulated fleet, two of each project. */
export const PIPEDS = 4;
/** Keys that a piped may come to have, one after another. */
export const KEYS_EACH = 3;
/** Tokens of each key. */
export const TOKENS_EACH = 5;

/** One thing that happens. Plain data, so that a failing sequence can be printed, cut down and run again. */
export type Operation =
  | { do: 'check'; server: number; key: number; token: number; path: '/v1/traces' | '/v1/logs' }
  | { do: 'check-all'; key: number; token: number }
  | { do: 'revoke' | 'retire' | 'shorten'; key: number }
  | { do: 'renew' | 'disable-piped' | 'enable-piped'; piped: number }
  | { do: 'scopes'; piped: number; scopes: Signal[] }
  | { do: 'disable-project' | 'enable-project'; project: number }
  | { do: 'cut' | 'freeze' | 'mend'; server: number }
  | { do: 'compact' }
  | { do: 'copy-lags'; on: boolean }
  | { do: 'wait'; ms: number }
  | { do: 'stall' | 'suspend'; server: number; ms: number }
  | { do: 'set-clock'; server: number; ms: number };

const WEIGHTS: Record<Operation['do'], number> = {
  check: 30,
  'check-all': 10,
  revoke: 3,
  retire: 1,
  shorten: 2,
  renew: 4,
  'disable-piped': 3,
  'enable-piped': 3,
  scopes: 2,
  'disable-project': 2,
  'enable-project': 2,
  cut: 3,
  freeze: 3,
  mend: 6,
  compact: 2,
  'copy-lags': 2,
  wait: 22,
  stall: 4,
  suspend: 2,
  'set-clock': 2,
};
const BAG = Object.entries(WEIGHTS).flatMap(([name, weight]) => Array<Operation['do']>(weight).fill(name as 'wait'));

export function operationsOf(seed: number, length: number): Operation[] {
  const random = createRandom(seed);
  // A fleet whose checks keep to a few keys has more to remember.
  const favourites = [random.below(PIPEDS * KEYS_EACH), random.below(PIPEDS) * KEYS_EACH];
  const key = () => (random.next() < 0.7 ? random.pick(favourites) : random.below(PIPEDS * KEYS_EACH));
  const make = (): Operation => {
    const name = random.pick(BAG);
    switch (name) {
      case 'check': {
        const path = random.next() < 0.8 ? '/v1/traces' : '/v1/logs';
        return { do: name, server: random.below(SERVERS), key: key(), token: random.below(TOKENS_EACH), path };
      }
      case 'check-all':
        return { do: name, key: key(), token: random.below(TOKENS_EACH) };
      case 'revoke':
      case 'retire':
      case 'shorten':
        return { do: name, key: key() };
      case 'renew':
      case 'disable-piped':
      case 'enable-piped':
        return { do: name, piped: Math.floor(key() / KEYS_EACH) };
      case 'scopes':
        return { do: name, piped: random.below(PIPEDS), scopes: random.next() < 0.5 ? ['traces'] : ['traces', 'logs'] };
      case 'disable-project':
      case 'enable-project':
        return { do: name, project: random.below(2) };
      case 'cut':
      case 'freeze':
      case 'mend':
        return { do: name, server: random.below(SERVERS) };
      case 'compact':
        return { do: name };
      case 'copy-lags':
        return { do: name, on: random.next() < 0.4 };
      case 'wait':
        return { do: name, ms: random.pick([10, 100, 300, 700, 1500, 3500, 8000, 25_000]) };
      case 'stall':
        return { do: name, server: random.below(SERVERS), ms: random.pick([700, 1200, 2500, 6000, 30_000]) };
      case 'suspend':
        return { do: name, server: random.below(SERVERS), ms: random.pick([1500, 5000, 40_000]) };
      case 'set-clock':
        return { do: name, server: random.below(SERVERS), ms: random.pick([-90_000, -2000, 2000, 90_000]) };
    }
  };
  return Array.from({ length }, make);
}
