import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { and, eq, or } from 'drizzle-orm';
import { ControlPlaneStartError, fileError } from '../problems/start-error.ts';
import type { Store } from '../store/database.ts';
import { accessTokens } from '../store/schema.ts';
import { type Write, write } from '../store/write.ts';
import type { Role } from '../wire/tokens.ts';
import { createPrivateText, readPrivateText } from './private-text.ts';
import { createToken, createTokenId, hashToken, isBearerToken, looksIssued, type TokenKind } from './token-format.ts';

/** A token that is there from the start on; files and variables are named so. */
export type SettledToken = 'admin' | 'auth-server';

const SETTLED = ['admin', 'auth-server'] as const;
const ROLES: Readonly<Record<SettledToken, Role>> = { admin: 'owner', 'auth-server': 'auth-server' };
const KINDS: Readonly<Record<SettledToken, TokenKind>> = { admin: 'admin', 'auth-server': 'as' };
const VARIABLES: Readonly<Record<SettledToken, string>> = {
  admin: 'SPANPASS_ADMIN_TOKEN',
  'auth-server': 'SPANPASS_AUTH_SERVER_TOKEN',
};
const MIN_LENGTH = 32;

export interface TokenSources {
  readonly dataDir: string;
  /** From the options or the environment. */
  readonly given: Readonly<Partial<Record<SettledToken, string>>>;
  readonly now: () => number;
}

/**
 * Settles the one token of each role: the one that was given; else the one in `<dataDir>/<role>-token`; else, unless
 * other replicas have settled it already, a new one, which is written there. The database holds its hash alone. To be
 * called under the start lock. A role whose token only others know is missing from what is returned.
 *
 * @throws ControlPlaneStartError
 */
export async function settleAccessTokens(
  store: Store,
  sources: TokenSources,
): Promise<Partial<Record<SettledToken, string>>> {
  const settled: Partial<Record<SettledToken, string>> = {};
  for (const role of SETTLED) {
    const token = await chooseToken(store, role, sources);
    if (token !== undefined) settled[role] = token;
  }
  checkDistinct(settled);
  await write(store, { role: 'system' }, sources.now, async current => {
    for (const role of SETTLED) {
      const token = settled[role];
      if (token !== undefined) await storeToken(current, role, hashToken(token), settled);
    }
  });
  return settled;
}

/**
 * Refuses tokens that could be guessed, before anything is opened.
 *
 * @throws ControlPlaneStartError `token_too_short`, `token_malformed`, `tokens_equal`
 */
export function checkGivenTokens(given: TokenSources['given']): void {
  for (const role of SETTLED) {
    const token = given[role];
    if (token === undefined) continue;
    if (token.length < MIN_LENGTH) {
      const message = `the ${role} token (${VARIABLES[role]}) is shorter than ${MIN_LENGTH} characters: give a longer random one`;
      throw new ControlPlaneStartError('token_too_short', message);
    }
    if (looksIssued(token) && !isBearerToken(token)) {
      const message = `the ${role} token (${VARIABLES[role]}) has a wrong checksum: copy all of it, or give another one`;
      throw new ControlPlaneStartError('token_malformed', message);
    }
    if (!/^[\x21-\x7e]{1,512}$/.test(token)) {
      const message = `the ${role} token (${VARIABLES[role]}) is not up to 512 visible ASCII characters: give another one`;
      throw new ControlPlaneStartError('token_malformed', message);
    }
  }
  checkDistinct(given);
}

function checkDistinct(tokens: Partial<Record<SettledToken, string>>): void {
  if (tokens.admin !== undefined && tokens.admin === tokens['auth-server']) {
    throw new ControlPlaneStartError('tokens_equal', 'the admin and the auth-server token must not be the same');
  }
}

async function chooseToken(
  store: Store,
  role: SettledToken,
  { dataDir, given }: TokenSources,
): Promise<string | undefined> {
  if (given[role] !== undefined) return given[role];
  const path = join(dataDir, `${role}-token`);
  const kept = await readTokenFile(path, role);
  if (kept !== undefined) return kept;
  // A served database may have replicas that know the token; whoever removes it beside an embedded one wants a new one.
  if (store.kind === 'served') {
    const [known] = await store.db
      .select()
      .from(accessTokens)
      .where(and(eq(accessTokens.role, ROLES[role]), eq(accessTokens.settled, true)));
    if (known !== undefined) return undefined;
  }
  const token = createToken(KINDS[role]);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await createPrivateText(path, token);
  } catch (error) {
    throw fileError(error, path);
  }
  return token;
}

async function readTokenFile(path: string, role: SettledToken): Promise<string | undefined> {
  const file = await readPrivateText(path).catch(error => {
    throw fileError(error, path);
  });
  if (file === undefined) return undefined;
  if (file.exposed) {
    throw new ControlPlaneStartError(
      'token_file_exposed',
      `others can read ${path}: chmod 600 it, or remove it for a new token`,
    );
  }
  if (!/^[\x21-\x7e]{32,512}$/.test(file.text)) {
    throw new ControlPlaneStartError(
      'token_file_malformed',
      `${path} holds no ${role} token: remove it, and a new one is made`,
    );
  }
  return file.text;
}

async function storeToken(
  current: Write,
  role: SettledToken,
  tokenHash: string,
  settled: Partial<Record<SettledToken, string>>,
): Promise<void> {
  const { tx } = current;
  const isSettled = and(eq(accessTokens.role, ROLES[role]), eq(accessTokens.settled, true));
  const [known] = await tx.select().from(accessTokens).where(eq(accessTokens.tokenHash, tokenHash));
  if (known?.role === ROLES[role] && known.settled) return;
  if (known !== undefined && !isReplaced(known, settled)) {
    throw new ControlPlaneStartError('tokens_equal', `the ${role} token is in use already, by a ${known.role}`);
  }
  await tx.delete(accessTokens).where(or(isSettled, eq(accessTokens.tokenHash, tokenHash)));
  const id = createTokenId();
  const row = { id, name: `${role}-token`, role: ROLES[role], tokenHash, settled: true, createdAt: current.at };
  await tx.insert(accessTokens).values(row);
  current.audit('access_token.replaced', { tokenId: id });
}

/** Whether this start replaces the token that it is in the place of. */
function isReplaced(known: typeof accessTokens.$inferSelect, settled: Partial<Record<SettledToken, string>>): boolean {
  return known.settled && SETTLED.some(name => ROLES[name] === known.role && settled[name] !== undefined);
}
