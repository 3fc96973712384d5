/**
 * `fleet COUNT`: prints so many pipeds, one a line: the record of its key as JSON, a tab, and a credential. They all sign with the
 * same key under names of their own, since a million pairs would take longer to make than all the rest; each record and each
 * credential is text of its own, as long as any.
 */
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';

const LINES_AT_ONCE = 100;
const count = Number(process.argv[2]);
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function newPiped(at: number): string {
  const kid = createHash('sha256').update(String(at)).digest('base64url');
  const now = Math.floor(Date.now() / 1000);
  const owner = { project: `project-${at % 100}`, piped: `piped-${at}` };
  const record = {
    ...{ v: 1, kid, alg: 'ES256', ...owner, publicJwk: { crv, kty, x, y }, scopes: ['traces', 'metrics', 'logs'] },
    ...{ keyStatus: 'active', pipedStatus: 'active', projectStatus: 'active' },
    ...{ notBefore: now - 60, notAfter: now + 86_400, revision: 1 },
  };
  const { project, piped } = owner;
  // As long as it takes to show a million.
  const times = { iat: now, exp: now + 900 };
  const claims = { iss: piped, sub: piped, aud: 'spanpass-gateway', project, ...times, jti: randomUUID() };
  const signed = `${base64url({ alg: 'ES256', kid, typ: 'piped+jwt' })}.${base64url(claims)}`;
  return `${JSON.stringify(record)}\t${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}\n`;
}

for (let at = 0; at < count; ) {
  let lines = '';
  for (const end = Math.min(count, at + LINES_AT_ONCE); at < end; at++) lines += newPiped(at);
  if (!process.stdout.write(lines)) await once(process.stdout, 'drain');
}
