import type { EnvoySettings } from './options.ts';

/** What the auth server says of each check, besides its answer. */
export type MetadataKey = 'project' | 'piped' | 'kid' | 'reason';

/** The headers that say it where it is asked over HTTP. */
export const metadataHeaders: Readonly<Record<MetadataKey, string>> = {
  project: 'x-spanpass-project',
  piped: 'x-spanpass-piped',
  kid: 'x-spanpass-kid',
  reason: 'x-spanpass-reason',
};

/** The key under which Envoy keeps it in the dynamic metadata of ext_authz. */
export function metadataKey({ auth }: EnvoySettings, key: MetadataKey): string {
  return auth.mode === 'http' ? metadataHeaders[key] : key;
}
