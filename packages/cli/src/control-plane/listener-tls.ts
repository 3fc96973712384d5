import type { ControlPlane, ListenerTls } from '@spanpass/control-plane';
import { openTls, type TlsFiles, type TlsVersion } from '@spanpass/server';
import type { Logger } from 'pino';

/** A control plane's certificate, from files that change. */
export interface ListenerTlsFiles extends AsyncDisposable {
  readonly current: ListenerTls;
  /** Shows what the files hold from now on. */
  follow(controlPlane: Pick<ControlPlane, 'replaceTls'>): void;
  /** Reads the files now. Resolves whatever comes of it: the log says. */
  reread(): Promise<void>;
}

/** @throws TlsError */
export async function openListenerTls(
  { minVersion, ...files }: TlsFiles & { readonly minVersion: TlsVersion },
  logger: Logger,
): Promise<ListenerTlsFiles> {
  const refused = (error: unknown) =>
    logger.error({ problem: String(error) }, 'a certificate is refused, the old one stays in use');
  const replaced = (expiresAt: number) =>
    logger.info({ expiresAt: new Date(expiresAt * 1000).toISOString() }, 'a certificate was replaced');
  const source = await openTls(
    { ...files, minVersion },
    { onChange: change => ('refused' in change ? refused(change.refused) : replaced(change.expiresAt)) },
  );
  const current = () => ({ cert: String(source.context.cert), key: String(source.context.key), minVersion });
  return {
    get current() {
      return current();
    },
    follow(controlPlane) {
      source.follow(() => controlPlane.replaceTls(current()));
      // They may have changed while it started.
      controlPlane.replaceTls(current());
    },
    async reread() {
      try {
        const take = await source.prepare();
        await take();
        replaced(source.expiresAt);
      } catch (error) {
        refused(error);
      }
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}
