import type { KeyRecord, PublicJwk, Signal } from '@spanpass/credential';

/** Words of which there are few, and of which a parser makes a new one for each record. */
const WORDS: ReadonlyMap<string, string> = new Map(
  ['ES256', 'EdDSA', 'RS256', 'PS256', 'active', 'disabled', 'retired', 'revoked'].map(word => [word, word]),
);

/** Each list of signals once: there are as many as they can be ordered in. */
const scopesKnown = new Map<string, readonly Signal[]>();

/** Names of projects: few, beside the pipeds in them. Begun anew when there are this many. */
const MAX_PROJECTS = 10_000;
const projectsKnown = new Map<string, string>();

/**
 * The same record in as little memory as it takes: always of one shape, and what many records have in common is there once.
 * A parsed key is not a part of it: that is several times as large as all the rest.
 *
 * @param publicJwk the key in that form, where it is at hand
 */
export function compactRecord(record: KeyRecord, publicJwk = compactJwk(record.publicJwk)): KeyRecord {
  return Object.freeze({
    v: 1,
    kid: record.kid,
    alg: word(record.alg),
    project: sharedProject(record.project),
    piped: record.piped,
    publicJwk,
    scopes: sharedScopes(record.scopes),
    keyStatus: word(record.keyStatus),
    pipedStatus: word(record.pipedStatus),
    projectStatus: word(record.projectStatus),
    notBefore: record.notBefore,
    notAfter: record.notAfter,
    revision: record.revision,
  });
}

/** A frozen list, the same one for all that hold the same signals in the same order. */
export function sharedScopes(scopes: readonly Signal[]): readonly Signal[] {
  const id = scopes.join(' ');
  let known = scopesKnown.get(id);
  if (known === undefined) {
    known = Object.freeze([...scopes]);
    scopesKnown.set(id, known);
  }
  return known;
}

/** Members that say what kind of key it is are shared by all, those that are the key are its own. */
function compactJwk(jwk: KeyRecord['publicJwk']): Readonly<PublicJwk> {
  switch (jwk.kty) {
    case 'EC':
      return Object.freeze({ kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y });
    case 'OKP':
      return Object.freeze({ kty: 'OKP', crv: 'Ed25519', x: jwk.x });
    case 'RSA':
      return Object.freeze({ kty: 'RSA', n: jwk.n, e: 'AQAB' });
  }
}

function sharedProject(project: string): string {
  const known = projectsKnown.get(project);
  if (known !== undefined) return known;
  if (projectsKnown.size >= MAX_PROJECTS) projectsKnown.clear();
  projectsKnown.set(project, project);
  return project;
}

function word<Word extends string>(text: Word): Word {
  return (WORDS.get(text) ?? text) as Word;
}
