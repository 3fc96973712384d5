/**
 * Stands in for a control plane and for all the pipeds that it knows: `/fill?port=PORT&count=N` has so many new ones show a credential
 * each to the auth server at PORT, which asks here for their keys. None is kept longer than that, so that there can be a million.
 */
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHECK_PATH, framedCheckRequest } from '../check-request.ts';
import { call, checkStatus, openSession } from '../drive/http2-calls.ts';
import { endWhenTold, sayPort } from '../peers/until-told.ts';

const IN_FLIGHT = 64;
const heartbeat = `event: heartbeat\ndata: {"revision":1}\n\n`;
const records = new Map<string, string>();
const followers = new Set<ServerResponse>();
let made = 0;

interface NewPiped {
  readonly kid: string;
  readonly authorization: string;
}

function newPiped(): NewPiped {
  const { d, x, y } = generateKey();
  const publicJwk = { crv: 'P-256', kty: 'EC', x, y };
  // RFC 7638: members in this order, and no others.
  const kid = createHash('sha256').update(JSON.stringify(publicJwk)).digest('base64url');
  const now = Math.floor(Date.now() / 1000);
  const owner = { project: `project-${made % 100}`, piped: `piped-${made}` };
  made++;
  const status = { keyStatus: 'active', pipedStatus: 'active', projectStatus: 'active' };
  const times = { notBefore: now - 60, notAfter: now + 86_400, revision: 1 };
  const record = {
    v: 1,
    kid,
    alg: 'ES256',
    ...owner,
    publicJwk,
    scopes: ['traces', 'metrics', 'logs'],
    ...status,
    ...times,
  };
  records.set(kid, JSON.stringify(record));
  const header = { alg: 'ES256', kid, typ: 'piped+jwt' };
  const { project, piped } = owner;
  // As long as it takes to fill a million.
  const claims = {
    iss: piped,
    sub: piped,
    aud: 'spanpass-gateway',
    project,
    iat: now,
    exp: now + 900,
    jti: randomUUID(),
  };
  const signed = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const key = createPrivateKey({ key: { ...publicJwk, d }, format: 'jwk' });
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return { kid, authorization: `Bearer ${signed}.${signature.toString('base64url')}` };
}

/** As text, since Node.js 20 can lock itself up when it collects one half of a pair while it writes the other. */
function generateKey(): { readonly d: string; readonly x: string; readonly y: string } {
  const encoding = { format: 'jwk' };
  const options = { namedCurve: 'P-256', privateKeyEncoding: encoding, publicKeyEncoding: encoding };
  return generateKeyPairSync('ec', options as never).privateKey as never;
}

async function fill(port: number, count: number): Promise<{ readonly refused: number }> {
  const session = await openSession(port);
  let left = count;
  let refused = 0;
  const lane = async () => {
    while (left-- > 0) {
      const { kid, authorization } = newPiped();
      if (!(await isAllowed(session, authorization))) refused++;
      records.delete(kid);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  session.close();
  return { refused };
}

/** A busy machine makes servers give up on checks: those are shown again. */
async function isAllowed(session: Awaited<ReturnType<typeof openSession>>, authorization: string): Promise<boolean> {
  for (let tries = 0; tries < 10; tries++) {
    if (checkStatus(await call(session, CHECK_PATH, framedCheckRequest(authorization))) === 0) return true;
    await sleep(200);
  }
  return false;
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const body = records.get(pathname.slice('/v1/keys/'.length));
  if (body !== undefined) {
    response.writeHead(200, { 'content-type': 'application/json', 'x-spanpass-revision': '1' }).end(body);
  } else if (pathname === '/v1/changes') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(heartbeat);
    followers.add(response);
    response.once('close', () => followers.delete(response));
  } else if (pathname === '/v1/reports/usage') {
    request.resume().once('end', () => response.end('{}'));
  } else if (pathname === '/fill') {
    response.end(JSON.stringify(await fill(Number(searchParams.get('port')), Number(searchParams.get('count')))));
  } else {
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"code":"key_unknown"}');
  }
});
setInterval(() => {
  for (const follower of followers) follower.write(heartbeat);
}, 500).unref();
endWhenTold();
// The longest of these takes as long as a million pipeds do.
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => sayPort((server.address() as AddressInfo).port));
