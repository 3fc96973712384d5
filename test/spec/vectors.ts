import { credentialVectors, hostileVectors } from './credentials.ts';
import { keeperOf } from './kept.ts';
import {
  enrollmentVector,
  exchangeVector,
  keyFileVectors,
  possessionVectors,
  renewalVector,
  thumbprintVectors,
} from './messages.ts';

const MAKERS = {
  'thumbprints.json': thumbprintVectors,
  'credentials.json': credentialVectors,
  'hostile-credentials.json': hostileVectors,
  'possession.json': possessionVectors,
  'key-files.json': keyFileVectors,
  'enrollment.json': enrollmentVector,
  'renewal.json': renewalVector,
  'exchange.json': exchangeVector,
};

/** Every generated file of `docs/spec/vectors`. Signatures that are there already stay, where they sign the same. */
export function vectorFiles(): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(MAKERS).map(([name, make]) => [name, make(keeperOf(name))]));
}
