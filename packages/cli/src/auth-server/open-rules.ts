import { isDeepStrictEqual } from 'node:util';
import {
  type AuthServerRules,
  type OpenAuthenticators,
  type OpenShadow,
  openAuthenticators,
  openShadow,
} from '@spanpass/server';
import type { AuthServerSettings } from '../settings/auth-server.ts';

/** The authenticators that decide, and those that are tried. */
export interface OpenRules extends Pick<AuthServerRules, 'shadow'>, AsyncDisposable {
  readonly authenticators: OpenAuthenticators['authenticators'];
}

/** Something that is open for as long as anybody uses it. */
class Part<T extends AsyncDisposable> {
  readonly opened: T;
  readonly #settings: unknown;
  #users = 0;

  constructor(opened: T, settings: unknown) {
    this.opened = opened;
    this.#settings = settings;
  }

  isOf(settings: unknown): boolean {
    return isDeepStrictEqual(settings, this.#settings);
  }

  use(): this {
    this.#users++;
    return this;
  }

  async leave(): Promise<void> {
    this.#users--;
    if (this.#users === 0) await this.opened[Symbol.asyncDispose]();
  }
}

interface Parts {
  readonly chain: Part<OpenAuthenticators>;
  readonly shadow: Part<OpenShadow> | undefined;
}

const parts = new WeakMap<OpenRules, Parts>();

/**
 * Makes the authenticators of the settings. What the former rules have of the same settings goes on, with what it knows,
 * and stays open until both are disposed of: so a rule to try can come and go without a secret being compared anew.
 *
 * @param onError told when a file can't be read later on
 * @throws TypeError naming the member that can't be made
 */
export async function openRules(
  settings: Pick<AuthServerSettings, 'authenticators' | 'shadow'>,
  onError: (error: Error) => void,
  former?: OpenRules,
): Promise<OpenRules> {
  const { authenticators, shadow } = settings;
  const known = former && parts.get(former);
  const chain = await part(known?.chain, authenticators, () => openAuthenticators(authenticators, onError));
  try {
    const wanted = shadow && { shadow, authenticators: shadow.authenticators ? undefined : authenticators };
    const tried = shadow && (await part(known?.shadow, wanted, () => openShadow(shadow, authenticators, onError)));
    return rulesOf({ chain, shadow: tried });
  } catch (error) {
    await chain.leave();
    throw error;
  }
}

async function part<T extends AsyncDisposable>(
  known: Part<T> | undefined,
  settings: unknown,
  open: () => Promise<T>,
): Promise<Part<T>> {
  if (known?.isOf(settings)) return known.use();
  return new Part(await open(), settings).use();
}

function rulesOf(opened: Parts): OpenRules {
  const { chain, shadow } = opened;
  const rules: OpenRules = {
    authenticators: chain.opened.authenticators,
    ...(shadow && { shadow: shadow.opened.shadow }),
    async [Symbol.asyncDispose]() {
      await shadow?.leave();
      await chain.leave();
    },
  };
  parts.set(rules, opened);
  return rules;
}
