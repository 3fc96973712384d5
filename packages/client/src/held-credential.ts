import type { CredentialSource } from './contract.ts';

interface Shortcut {
  readonly credential: CredentialSource['credential'];
  readonly held: () => string | undefined;
}

/**
 * Beside the sources, not in them: whoever makes a source of his own out of one of ours, with another `credential`, must
 * have that one asked.
 */
const shortcuts = new WeakMap<CredentialSource, Shortcut>();

/**
 * Lets a source be asked without a promise and without a time bound.
 *
 * @param held what `credential` would give, if that takes no waiting; else undefined. Does all that `credential` does
 */
export function withHeld(source: CredentialSource, held: () => string | undefined): CredentialSource {
  shortcuts.set(source, { credential: source.credential, held });
  return source;
}

/** A credential that takes no waiting; undefined where `credential` has to be asked. */
export function heldCredential(source: CredentialSource): string | undefined {
  const shortcut = shortcuts.get(source);
  if (shortcut === undefined || shortcut.credential !== source.credential) return undefined;
  try {
    return shortcut.held();
  } catch {
    // `credential` fails for the same reason, and says so in the client's own words.
    return undefined;
  }
}
