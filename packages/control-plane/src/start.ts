import { Server as HttpsServer } from 'node:https';
import { join } from 'node:path';
import { isLoopbackHost } from '@spanpass/credential';
import type { Logger } from 'pino';
import { AuditHeads } from './audit/head.ts';
import { ChangeFeed } from './feed/change-feed.ts';
import { compactChanges, currentRevision, readChangesOf } from './feed/read-changes.ts';
import { createApp } from './http/app.ts';
import { builtConsole } from './http/built-console.ts';
import { closable } from './http/close-server.ts';
import { readConsoleFiles } from './http/console-files.ts';
import type { Context } from './http/context.ts';
import { createLogger, withRedaction } from './http/logging.ts';
import { createMetrics } from './http/metrics.ts';
import { RateBound } from './http/rate-bound.ts';
import { listen } from './listen.ts';
import { nowAndThen } from './now-and-then.ts';
import { type ControlPlaneOptions, type ListenerTls, parseOptions, type Settings } from './options.ts';
import { ControlPlaneStartError } from './problems/start-error.ts';
import { forgetAssertions } from './registry/exchange.ts';
import { forgetIdempotentCalls } from './registry/idempotency.ts';
import type { Registry } from './registry/registry.ts';
import { retireKeys } from './registry/retire.ts';
import { rotateWhenDue, settleSigningKeys } from './registry/rotate-signing-keys.ts';
import { sealSigningKeys } from './registry/sealed-signing-keys.ts';
import { type EncryptionKeys, settleEncryptionKeys } from './sealing/encryption-keys.ts';
import { forgetSessions } from './sessions/sessions.ts';
import { IdentityProvider } from './sign-in/identity-provider.ts';
import { SignIn } from './sign-in/sign-in.ts';
import { lockDataDir } from './store/data-dir-lock.ts';
import type { Store } from './store/database.ts';
import { openEmbedded } from './store/embedded.ts';
import { isUnavailable } from './store/failures.ts';
import { applyMigrations } from './store/migrate.ts';
import { openServed } from './store/served.ts';
import { Writer } from './store/writer.ts';
import { checkGivenTokens, type SettledToken, settleAccessTokens, type TokenSources } from './tokens/access-tokens.ts';
import { LastUse } from './tokens/last-use.ts';
import { TokenBook } from './tokens/token-book.ts';
import { JaegerQuery } from './traces/jaeger.ts';

const COMPACT_EVERY_MS = 60_000;
const ROTATE_EVERY_MS = 60_000;
const NOTE_USE_EVERY_MS = 30_000;

/** A control plane that runs. */
export interface ControlPlane extends AsyncDisposable {
  /** Where it listens, `http://host:port`, or `https://…` with a certificate of its own. */
  readonly url: string;
  readonly address: { readonly host: string; readonly port: number };
  /** Unless only other replicas know it. Secret. */
  readonly adminToken: string | undefined;
  /** Unless only other replicas know it. Secret. */
  readonly authServerToken: string | undefined;
  /**
   * Shows another certificate to new connections; those that are open go on.
   *
   * @throws TypeError if it was started without one; what OpenSSL says of a pair that can't be used, and the old one stays
   */
  replaceTls(tls: ListenerTls): void;
  /** What `/metrics` serves, in Prometheus' text format. */
  metrics(): Promise<string>;
  /** Whether the database answers: what `/readyz` says. */
  ready(): Promise<boolean>;
  /** Takes no more calls, answers those under way, ends the change feed's streams, closes the database. Repeatable. */
  close(): Promise<void>;
}

/**
 * Starts a control plane: opens the database, brings its schema up to date, settles the access tokens, and listens.
 * What it opened is closed again if it can't start.
 *
 * @throws TypeError naming the option that makes no sense
 * @throws ControlPlaneStartError whose `code` and one-line message say what to do
 * @example
 * await using controlPlane = await startControlPlane({ dataDir: '.spanpass' });
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const settings = parseOptions(options);
  const given = givenTokens(settings);
  checkGivenTokens(given);
  const logger = withRedaction(settings.logger ?? createLogger());
  const cleanup: (() => Promise<void>)[] = [];
  const closeAll = async () => {
    for (const step of cleanup.splice(0).reverse()) await step();
  };
  try {
    return await assemble(settings, given, logger, cleanup, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function assemble(
  settings: Settings,
  given: TokenSources['given'],
  logger: Logger,
  cleanup: (() => Promise<void>)[],
  closeAll: () => Promise<void>,
): Promise<ControlPlane> {
  const consoleDir = settings.consoleDir ?? builtConsole();
  const consoleFiles = consoleDir ? await readConsoleFiles(consoleDir) : undefined;
  const { store, encryptionKeys } = await openStore(settings, cleanup);
  const sources = { dataDir: settings.dataDir, given, now: settings.now };
  const tokens = await prepare(store, { sources, encryptionKeys, logger });

  const clock = () => performance.now();
  let databaseUp = true;
  const feed = new ChangeFeed({
    ...settings.changeFeed,
    read: readChangesOf(store.db),
    clock,
    onReadable: error => {
      databaseUp = error === undefined;
      if (databaseUp) logger.info('the database answers again');
      else logger.error({ err: error }, 'the database does not answer: followers hear nothing until it does');
    },
  });
  const registry: Registry = {
    store,
    writer: new Writer(store, settings.now),
    settings,
    encryptionKeys,
    now: settings.now,
    onWritten: () => feed.wake(),
  };
  const metrics = createMetrics({
    followers: () => feed.followers,
    revision: () => feed.revision,
    databaseUp: () => databaseUp,
  });
  const lastUse = new LastUse(store, settings.now);
  let closing = false;
  let url = '';
  const context: Context = {
    registry,
    feed,
    tokens: new TokenBook(store, { clock, now: settings.now, onUse: id => lastUse.note(id) }),
    enrollRate: new RateBound({ ...settings.enrollRate, clock }),
    apiRate: new RateBound({ ...settings.apiRate, clock }),
    exchangeRate: new RateBound({ ...settings.exchangeRate, clock }),
    exchangeKeyRate: new RateBound({ ...settings.exchangeKeyRate, clock }),
    metrics,
    signIn:
      settings.oidc &&
      new SignIn({
        settings: settings.oidc,
        provider: new IdentityProvider({ settings: settings.oidc, now: settings.now, clock }),
        registry,
        consoleUrl: () => settings.oidc?.consoleUrl ?? settings.publicUrl ?? url,
      }),
    traces: settings.jaegerUrl === undefined ? undefined : new JaegerQuery(settings.jaegerUrl),
    logger,
    consoleFiles,
    publicUrl: () => settings.publicUrl ?? url,
    issuer: () => settings.issuer ?? settings.publicUrl ?? url,
    isClosing: () => closing,
  };
  const app = await createApp(context, settings.trustedProxies, settings.tls);
  const closeServer = closable(app.server);
  cleanup.push(() => closeServer(() => app.close()));
  const heads = new AuditHeads(registry);
  const announceHead = async () => {
    const head = await heads.next();
    if (head !== undefined) feed.announceAuditHead(head);
  };
  await announceHead();
  feed.start(await currentRevision(store.db));
  cleanup.push(() => feed.close());
  const unlisten = store.listen?.({
    onWritten: () => feed.wake(),
    onLost: error => logger.warn({ err: error }, 'other replicas are not heard at once, and polled until they are'),
  });
  if (unlisten) cleanup.push(unlisten);
  cleanup.push(() => lastUse.flush().catch(error => logger.warn({ err: error }, 'the last use of tokens is lost')));
  cleanup.push(
    nowAndThen(
      COMPACT_EVERY_MS,
      async () => {
        await compactChanges(store.db, settings.changeFeed.keepRows);
        await forgetIdempotentCalls(store.db, settings.now());
        await forgetAssertions(store.db, settings.now());
        await forgetSessions(store.db, settings.now());
      },
      error => logger.warn({ err: error }, 'old changes could not be compacted'),
    ),
    nowAndThen(
      NOTE_USE_EVERY_MS,
      () => lastUse.flush(),
      error => logger.warn({ err: error }, 'the last use of tokens could not be written'),
    ),
    nowAndThen(
      ROTATE_EVERY_MS,
      () => rotateWhenDue(registry),
      error => logger.warn({ err: error }, 'the next key for access tokens could not be made'),
    ),
    nowAndThen(settings.auditHeadEveryMs, announceHead, error =>
      logger.warn({ err: error }, 'followers could not be told where the audit stands'),
    ),
    nowAndThen(
      settings.retireEveryMs,
      () => retireKeys(registry),
      error => logger.warn({ err: error }, 'keys whose overlap has ended could not be retired'),
    ),
  );
  const address = await listen(app, settings);
  url = address.url;
  logger.info({ url, database: store.kind, revision: feed.revision }, 'listening');
  if (!isLoopbackHost(address.host) && settings.tls === undefined)
    logger.warn('listening beyond loopback: let nobody reach this but through TLS');

  let closed: Promise<void> | undefined;
  const close = () => {
    closing = true;
    closed ??= closeAll().finally(() => logger.info('closed'));
    return closed;
  };
  return {
    url,
    address: { host: address.host, port: address.port },
    adminToken: tokens.admin,
    authServerToken: tokens['auth-server'],
    replaceTls: tls => {
      if (!(app.server instanceof HttpsServer)) throw new TypeError('tls: can only be turned on with a restart');
      app.server.setSecureContext({ minVersion: 'TLSv1.2', ...tls });
    },
    metrics: () => metrics.registry.metrics(),
    ready: () =>
      currentRevision(store.db).then(
        () => true,
        () => false,
      ),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function givenTokens({ adminToken, authServerToken, env }: Settings): Partial<Record<SettledToken, string>> {
  const admin = adminToken ?? env.SPANPASS_ADMIN_TOKEN;
  const authServer = authServerToken ?? env.SPANPASS_AUTH_SERVER_TOKEN;
  return { ...(admin !== undefined && { admin }), ...(authServer !== undefined && { 'auth-server': authServer }) };
}

async function openStore(
  settings: Settings,
  cleanup: (() => Promise<void>)[],
): Promise<{ store: Store; encryptionKeys: EncryptionKeys }> {
  const { databaseUrl, dataDir, env } = settings;
  if (databaseUrl === undefined) {
    const lock = await lockDataDir(dataDir);
    cleanup.push(() => lock.release());
  }
  const encryptionKeys = await settleEncryptionKeys({
    given: settings.encryptionKey ?? env.SPANPASS_ENCRYPTION_KEY,
    dataDir,
    production: settings.production || databaseUrl !== undefined,
  });
  const store = databaseUrl === undefined ? await openEmbedded(join(dataDir, 'db')) : await openServed(databaseUrl);
  cleanup.push(() => store.close());
  return { store, encryptionKeys };
}

interface Preparation {
  readonly sources: TokenSources;
  readonly encryptionKeys: EncryptionKeys;
  readonly logger: Logger;
}

async function prepare(
  store: Store,
  { sources, encryptionKeys, logger }: Preparation,
): Promise<Partial<Record<SettledToken, string>>> {
  try {
    return await store.exclusively(async (db, migrate) => {
      await applyMigrations(db, migrate);
      const { plain, older } = await sealSigningKeys(db, encryptionKeys);
      if (plain > 0)
        logger.warn({ keys: plain }, 'signing keys were in the clear: older backups hold them, so replace them');
      if (older > 0) logger.info({ keys: older }, 'signing keys were encrypted with the new encryption key');
      await settleSigningKeys(store, encryptionKeys, sources.now);
      return settleAccessTokens(store, sources);
    });
  } catch (cause) {
    if (cause instanceof ControlPlaneStartError) throw cause;
    throw new ControlPlaneStartError(
      isUnavailable(cause) ? 'database_unreachable' : 'database_failed',
      'the database could not be brought up to date: see the log of the database, and that its user may create tables',
      { cause },
    );
  }
}
