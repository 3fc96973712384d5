import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSnapshotKeys } from '@spanpass/credential';
import type { AuthServerChanges, AuthServerOptions } from '@spanpass/server';
import { readSecretFile } from '../config/secret.ts';
import { Failure, oneLine, wrongUsage } from '../failure.ts';
import type { AuthServerSettings } from '../settings/auth-server.ts';
import type { OpenRules } from './open-rules.ts';

/** By which rules and with which certificates an auth server runs, of those that can change. */
export function changesOf(settings: AuthServerSettings, { authenticators, shadow }: OpenRules): AuthServerChanges {
  const { gatewayAudience, trustedHops, tls, metricsTls } = settings;
  return {
    authenticators,
    gatewayAudience,
    ...(shadow && { shadow }),
    ...(trustedHops && { forwardedCertificates: { trustedHops } }),
    ...(tls && { tls: defined(tls) }),
    ...(metricsTls && { metricsTls: defined(metricsTls) }),
  };
}

/** How it reaches the control plane: for as long as it runs. */
export async function controlPlaneOf(settings: AuthServerSettings): Promise<AuthServerOptions['controlPlane']> {
  const { controlPlane: url, controlPlaneCaFile, controlPlaneCertFile, controlPlaneKeyFile } = settings;
  const { maxStaleMs, maxKeys, auditHeadFile } = settings;
  const tls = {
    ...(controlPlaneCaFile !== undefined && { ca: await textOf(controlPlaneCaFile) }),
    ...(controlPlaneCertFile !== undefined && { cert: await textOf(controlPlaneCertFile) }),
    ...(controlPlaneKeyFile !== undefined && { key: await textOf(controlPlaneKeyFile) }),
  };
  return {
    url,
    token: await tokenOf(settings),
    tls,
    ...(maxStaleMs !== undefined && { maxStaleMs }),
    ...(maxKeys !== undefined && { maxRecords: maxKeys }),
    ...(auditHeadFile !== undefined && { auditHeadFile }),
    ...(await snapshotsOf(settings)),
  };
}

/** Where a snapshot of the keys is kept, and who may sign it. */
async function snapshotsOf({ snapshotFile, snapshotKeys, snapshotKeysFile, snapshotEveryMs }: AuthServerSettings) {
  const jwks = snapshotKeysFile === undefined ? snapshotKeys : await jsonOf(snapshotKeysFile);
  if (snapshotFile === undefined && jwks === undefined) return {};
  const at = snapshotKeysFile ?? 'snapshotKeys';
  if (snapshotFile === undefined) throw wrongUsage(`${at}: of no use without snapshotFile`);
  if (jwks === undefined) throw wrongUsage('snapshotFile: needs snapshotKeys or snapshotKeysFile, for who may sign it');
  const pinned = await parseSnapshotKeys(jwks).catch(error => {
    throw wrongUsage(`${at}: ${oneLine(error)}`);
  });
  return { snapshotFile, snapshotKeys: pinned, ...(snapshotEveryMs !== undefined && { snapshotEveryMs }) };
}

async function jsonOf(file: string): Promise<unknown> {
  const text = await textOf(file);
  try {
    return JSON.parse(text);
  } catch {
    throw wrongUsage(`${file}: is not JSON`);
  }
}

async function tokenOf({ authServerToken, authServerTokenFile, dataDir }: AuthServerSettings): Promise<string> {
  if (authServerToken !== undefined) return authServerToken;
  return readSecretFile(
    authServerTokenFile ?? join(dataDir, 'auth-server-token'),
    'set SPANPASS_AUTH_SERVER_TOKEN to the token that the control plane knows',
  );
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(error => {
    throw new Failure(`can't read ${file}: ${oneLine(error)}`);
  });
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** A setting that is absent and one that is undefined are the same. */
export function defined<T extends object>(settings: T): Defined<T> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Defined<T>;
}
