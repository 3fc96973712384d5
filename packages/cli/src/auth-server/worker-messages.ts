import type { AuthServerSettings } from '../settings/auth-server.ts';

/** What a worker is started with. Over the channel between the processes, since it holds the token. */
export interface StartWorker extends Readonly<Record<string, unknown>> {
  /** What holds now. */
  readonly settings: AuthServerSettings;
  /** What the first workers were started with: of that which only changes with a restart, this holds. */
  readonly first: AuthServerSettings;
}

/** What came of reading the settings again. */
export type ReloadWorker =
  | { readonly reason: 'signal' | 'file'; readonly settings: AuthServerSettings }
  | { readonly reason: 'signal' | 'file'; readonly problem: string };
