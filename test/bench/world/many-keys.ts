import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeyFile, type KeyRecord, type PublicJwk, thumbprint } from '@spanpass/credential';
import type { World } from './world.ts';

export interface ManyKeys {
  /** JSON lists: of key files, and of the records of the same keys. */
  readonly keyFilesPath: string;
  readonly recordsPath: string;
}

/** The keys of so many pipeds, known to nobody yet. */
export async function manyKeys(world: World, count: number): Promise<ManyKeys> {
  const keyFiles: KeyFile[] = [];
  const records: KeyRecord[] = [];
  const now = Math.floor(Date.now() / 1000);
  for (let at = 0; at < count; at++) {
    const privateJwk = generateKey();
    const { x, y } = privateJwk;
    const publicJwk: PublicJwk = { kty: 'EC', crv: 'P-256', x, y };
    const owner = { kid: await thumbprint(publicJwk), alg: 'ES256', project: 'shop', piped: `edge-${at}` } as const;
    const notAfter = now + 86_400;
    const audience = 'spanpass-gateway';
    const controlPlane = 'http://127.0.0.1:9085';
    keyFiles.push({
      v: 1,
      ...owner,
      audience,
      controlPlane,
      notAfter,
      privateJwk: privateJwk as KeyFile['privateJwk'],
    });
    records.push({
      v: 1,
      ...owner,
      publicJwk,
      scopes: ['traces'],
      keyStatus: 'active',
      pipedStatus: 'active',
      projectStatus: 'active',
      notBefore: now - 60,
      notAfter,
      revision: 1,
    });
  }
  const keyFilesPath = join(world.folder, 'many-key-files.json');
  const recordsPath = join(world.folder, 'many-records.json');
  await writeFile(keyFilesPath, JSON.stringify(keyFiles));
  await writeFile(recordsPath, JSON.stringify(records));
  return { keyFilesPath, recordsPath };
}

/** Node.js 20 can lock itself up when it collects one half of a pair while it writes the other: neither becomes an object. */
function generateKey(): KeyFile['privateJwk'] & { readonly x: string; readonly y: string } {
  const encoding = { format: 'jwk' } as unknown as { readonly format: 'der'; readonly type: 'pkcs8' };
  const options = { namedCurve: 'P-256', privateKeyEncoding: encoding, publicKeyEncoding: encoding };
  return generateKeyPairSync('ec', options as never).privateKey as never;
}
