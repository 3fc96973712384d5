import { createHash } from 'node:crypto';
import { Refusal } from '../problems/refusal.ts';
import type { Registry } from '../registry/registry.ts';
import { seal, unseal } from '../sealing/seal.ts';
import { finishedSignIns } from '../sessions/table.ts';
import { type Grant, rulesId } from './grants.ts';
import { type Attempt, type IdentityProvider, newAttempt } from './identity-provider.ts';
import type { SignInSettings } from './options.ts';
import type { Person } from './person.ts';

/** How long somebody may take at the provider: to find his password, his phone, his glasses. */
export const ATTEMPT_LIFE_SECONDS = 600;
const CALLBACK_PATH = '/v1/session/oidc/callback';
const PLACE = 'sign-in';
const SEALED = /^([\w-]{16})\.([\w-]{16})\.([\w-]{1,4096})$/;

/** What the browser keeps of a sign-in under way, sealed: this control plane keeps nothing until it comes back. */
interface Kept extends Attempt {
  /** The page of the console to show then. */
  readonly to: string;
  /** Milliseconds. */
  readonly endsAt: number;
  /** Of the provider and the rules. */
  readonly rulesId: string;
}

export interface SignInParts {
  readonly settings: SignInSettings;
  readonly provider: IdentityProvider;
  readonly registry: Pick<Registry, 'store' | 'encryptionKeys' | 'now'>;
  /** Where browsers reach the console. */
  consoleUrl(): string;
}

/** Sign-in at an identity provider: begun by one call, finished by the one that the browser comes back with. */
export class SignIn {
  readonly settings: SignInSettings;
  /** Of the provider and the rules that are set. */
  readonly rulesId: string;
  readonly #parts: SignInParts;

  constructor(parts: SignInParts) {
    this.#parts = parts;
    this.settings = parts.settings;
    this.rulesId = rulesId(parts.settings);
  }

  get consoleUrl(): string {
    return this.#parts.consoleUrl();
  }

  /**
   * @param to a page of the console
   * @returns where to send the browser, and what it has to keep
   * @throws Refusal `identity_provider_unavailable`
   */
  async begin(to: string): Promise<{ readonly location: string; readonly kept: string }> {
    const { provider, registry } = this.#parts;
    const attempt = newAttempt();
    const location = await provider.authorizationUrl(attempt, this.#redirectUri);
    const endsAt = registry.now() + ATTEMPT_LIFE_SECONDS * 1000;
    const kept: Kept = { ...attempt, to, endsAt, rulesId: this.rulesId };
    const { keyId, iv, ciphertext } = seal(kept, PLACE, registry.encryptionKeys[0]);
    return { location: location.href, kept: `${keyId}.${iv}.${ciphertext}` };
  }

  /**
   * Once for each sign-in that was begun, whatever comes of it.
   *
   * @throws Refusal `sign_in_state_invalid`, and as `IdentityProvider.redeem`
   */
  async finish(
    answer: URLSearchParams,
    kept: string | undefined,
  ): Promise<{ readonly person: Person; readonly grant: Grant; readonly to: string }> {
    const { provider, registry } = this.#parts;
    const attempt = this.#open(kept);
    if (attempt === undefined || attempt.rulesId !== this.rulesId || registry.now() >= attempt.endsAt)
      throw new Refusal('sign_in_state_invalid', 'this browser has begun no sign-in within the last minutes');
    const states = answer.getAll('state');
    if (states.length !== 1 || states[0] !== attempt.state)
      throw new Refusal('sign_in_state_invalid', 'the answer is not to the sign-in that this browser has begun');
    await this.#useUp(attempt);
    return { ...(await provider.redeem(answer, attempt, this.#redirectUri)), to: attempt.to };
  }

  get #redirectUri(): string {
    return this.consoleUrl + CALLBACK_PATH;
  }

  #open(kept = ''): Kept | undefined {
    const [, keyId, iv = '', ciphertext = ''] = SEALED.exec(kept) ?? [];
    const key = this.#parts.registry.encryptionKeys.find(({ id }) => id === keyId);
    if (key === undefined) return undefined;
    try {
      return unseal({ v: 1, enc: 'A256GCM', keyId: key.id, iv, ciphertext }, PLACE, key) as Kept;
    } catch {
      return undefined;
    }
  }

  async #useUp({ state, endsAt }: Kept): Promise<void> {
    const stateHash = createHash('sha256').update(state).digest('hex');
    const noted = await this.#parts.registry.store.db
      .insert(finishedSignIns)
      .values({ stateHash, forgetAt: new Date(endsAt) })
      .onConflictDoNothing()
      .returning();
    if (noted.length === 0)
      throw new Refusal('sign_in_state_invalid', 'the browser has come back from this sign-in before');
  }
}
