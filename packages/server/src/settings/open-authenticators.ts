import type { Chain } from '../auth-server/options.ts';
import { mtls } from '../authenticators/mtls.ts';
import { type OidcOptions, oidc } from '../authenticators/oidc.ts';
import { pipecdFile } from '../authenticators/pipecd/file-source.ts';
import { pipecdKey } from '../authenticators/pipecd-key.ts';
import { Cleanup } from '../cleanup.ts';
import type { AuthenticatorsSettings } from './index.ts';

export interface OpenAuthenticators extends AsyncDisposable {
  /** For `startAuthServer({ authenticators })`. */
  readonly authenticators: Chain;
}

/**
 * Makes the authenticators of the settings, and reads the files that they rest on. Dispose it after the server.
 *
 * @param onError told when a file can't be read later on; the last good content serves for a while
 * @throws TypeError `authenticators.<place>: …` for the member that can't be made
 */
export async function openAuthenticators(
  settings: AuthenticatorsSettings,
  onError: (error: Error) => void,
): Promise<OpenAuthenticators> {
  const cleanup = new Cleanup();
  const authenticators: Chain[number][] = [];
  try {
    for (const [place, one] of settings.entries()) {
      try {
        authenticators.push(await openOne(one, cleanup, onError));
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : 'failed';
        throw new TypeError(`authenticators.${place}: ${message}`, { cause });
      }
    }
  } catch (error) {
    await cleanup.run();
    throw error;
  }
  return { authenticators, [Symbol.asyncDispose]: () => cleanup.run() };
}

async function openOne(
  one: AuthenticatorsSettings[number],
  cleanup: Cleanup,
  onError: (error: Error) => void,
): Promise<Chain[number]> {
  if (one.kind === 'piped-jwt') return one.kind;
  const { kind, ...given } = one;
  // An absent setting and one that is undefined are the same here; the options were checked by the schema.
  if (one.kind === 'oidc') return oidc(given as OidcOptions);
  if (one.file === undefined) return 'pipecd-key';
  const pipeds = pipecdFile({ path: one.file, ...(one.scopes !== undefined && { scopes: one.scopes }), onError });
  cleanup.add(() => pipeds[Symbol.asyncDispose]());
  await pipeds.start();
  return one.kind === 'mtls' ? mtls({ template: one.template, pipeds }) : pipecdKey({ pipeds });
}
