import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKeyPair, type KeyPair } from '@spanpass/credential';
import { forge } from '../attacks/forge.ts';
import type { Stage } from './stage.ts';

/** An OpenID Connect issuer on loopback: its discovery document, its keys, and tokens that it signs. */
export interface Issuer {
  readonly url: string;
  /** While true it answers nobody. */
  down: boolean;
  /** Makes a new key, with which it signs from now on; the last `keep` of the old ones stay in its set. */
  rotate(keep: number): Promise<void>;
  /** A token for the gateway with these claims changed. */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string;
  /** A token as this issuer would write it, under a key that is not its own but goes by the same name. */
  forgedToken(): string;
}

export async function startIssuer(stage: Stage, audience: string): Promise<Issuer> {
  const keys: KeyPair[] = [];
  let made = 0;
  const state = { down: false };
  const server = createServer((request, response) => {
    if (state.down) {
      request.socket.destroy();
      return;
    }
    response.setHeader('content-type', 'application/json');
    if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
    } else if (request.url === '/keys') {
      const set = keys.map(({ publicJwk, kid, alg }) => ({ ...publicJwk, kid, alg, use: 'sig' }));
      response.end(JSON.stringify({ keys: set }));
    } else {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stage.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stranger = await createKeyPair();
  const newest = () => {
    const key = keys.at(-1);
    if (key === undefined) throw new Error('the issuer has no key yet');
    return key;
  };
  const sign = (key: KeyPair, claims: object = {}, header: object = {}) => {
    const iat = Math.floor(Date.now() / 1000);
    const usual = { iss: url, sub: 'edge-1', aud: audience, project: 'shop', iat, exp: iat + 300 };
    return forge(key, { alg: key.alg, kid: key.kid, typ: 'JWT', ...header }, { ...usual, ...claims });
  };
  const issuer: Issuer = {
    url,
    get down() {
      return state.down;
    },
    set down(value) {
      state.down = value;
    },
    async rotate(keep) {
      const pair = await createKeyPair();
      keys.splice(0, Math.max(0, keys.length - keep));
      keys.push({ ...pair, kid: `key-${++made}` });
    },
    token: (claims, header) => sign(newest(), claims, header),
    forgedToken: () => sign({ ...stranger, kid: newest().kid }),
  };
  await issuer.rotate(0);
  return issuer;
}
