import type { SecureContextOptions } from 'node:tls';
import { type FollowedFiles, followFiles } from '../files/follow-files.ts';
import { readMaterial, type TlsMaterial } from './material.ts';
import { TlsError, type TlsOptions } from './options.ts';

export interface TlsSourceOptions {
  /** Told of each change of the files: what holds from now on, or why the old one stays. */
  readonly onChange?: (change: TlsChange) => void;
  /** Wall clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

export type TlsChange = { readonly expiresAt: number } | { readonly refused: TlsError };

/** The certificate that listeners show, which changes while they listen. Connections keep what they began with. */
export interface TlsSource extends AsyncDisposable {
  readonly context: SecureContextOptions;
  readonly demandsCertificate: boolean;
  /** When the certificate ends, NumericDate seconds. */
  readonly expiresAt: number;
  /** Calls the listener with each context that is to be used for new connections. */
  follow(listener: (context: SecureContextOptions) => void): void;
  /**
   * Reads the files again, or takes others, and judges them. What it resolves to takes them into use.
   *
   * @throws TlsError and the old ones stay; whether clients must show a certificate can't change
   */
  prepare(options?: TlsOptions): Promise<() => Promise<void>>;
}

/**
 * Reads a listener's certificate and follows its files.
 *
 * @throws TlsError
 */
export async function openTls(
  first: TlsOptions,
  { onChange, now = Date.now }: TlsSourceOptions = {},
): Promise<TlsSource> {
  const listeners: ((context: SecureContextOptions) => void)[] = [];
  let options = first;
  let files = await followed(options);
  let material: TlsMaterial;
  try {
    material = await readMaterial(options, now);
  } catch (error) {
    await files?.[Symbol.asyncDispose]();
    throw error;
  }
  /** The newest reading counts: a slower one that began before it must not overwrite it. */
  let readings = 0;
  let used = 0;

  async function read(from: TlsOptions): Promise<() => void> {
    const reading = ++readings;
    const found = await readMaterial(from, now);
    if (found.demandsCertificate !== material.demandsCertificate) {
      throw new TlsError('client_ca_fixed', 'whether clients must show a certificate can only change with a restart');
    }
    return () => {
      if (reading < used) return;
      used = reading;
      material = found;
      for (const listener of listeners) listener(found.context);
    };
  }

  async function reread(): Promise<void> {
    try {
      const use = await read(options);
      use();
      onChange?.({ expiresAt: material.expiresAt });
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      onChange?.({ refused: error });
    }
  }

  async function followed(what: TlsOptions): Promise<FollowedFiles | undefined> {
    if (!('certFile' in what)) return undefined;
    const { certFile, keyFile, clientCaFile, pollMs = 1000 } = what;
    const paths = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
    return followFiles({ paths, pollMs }, reread);
  }

  return {
    get context() {
      return material.context;
    },
    get demandsCertificate() {
      return material.demandsCertificate;
    },
    get expiresAt() {
      return material.expiresAt;
    },
    follow: listener => void listeners.push(listener),
    async prepare(others = options) {
      const use = await read(others);
      return async () => {
        use();
        if (JSON.stringify(options) === JSON.stringify(others)) return;
        options = others;
        await files?.[Symbol.asyncDispose]();
        files = await followed(others);
        // They may have changed between the reading and the following.
        await reread();
      };
    },
    [Symbol.asyncDispose]: async () => {
      listeners.length = 0;
      await files?.[Symbol.asyncDispose]();
    },
  };
}
