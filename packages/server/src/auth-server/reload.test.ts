import { request as httpsRequest } from 'node:https';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Authenticator } from '../contract.ts';
import { encodeCheckRequest } from '../ext-authz/check-request.test.support.ts';
import { connectRaw } from '../ext-authz/raw-client.test.support.ts';
import { deferred } from '../fixture.test.support.ts';
import { CheckResponse } from '../generated/ext_authz.ts';
import { AuthenticationError } from '../refusals.ts';
import { createAuthority } from '../tls/certificates.test.support.ts';
import type { AuthServerOptions } from './options.ts';
import { startWithPiped } from './with-piped.test.support.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const disposable of open.splice(0).reverse()) await disposable[Symbol.asyncDispose]();
});

const start = (options?: Partial<AuthServerOptions>) => startWithPiped(open, options);

function clientOf(address: string, channel = credentials.createInsecure()) {
  const client = connectRaw(address, channel);
  open.push(client);
  return async (authorization: string) => {
    const answer = await client.check(encodeCheckRequest({ headers: { authorization } }));
    if (typeof answer === 'number') return `status ${answer}`;
    const { status, dynamicMetadata } = CheckResponse.decode(answer);
    const of = (name: string) => dynamicMetadata?.fields[name]?.stringValue ?? '';
    return status?.code === 0 ? of('piped') : of('reason');
  };
}

const principal = (piped: string) => ({
  project: 'shop',
  piped,
  credentialId: piped,
  authenticator: 'generation',
  scopes: ['traces'] as const,
  expiresAt: Number.MAX_SAFE_INTEGER,
});

/** Takes any credential for one of a piped that is named after the generation, and lets its decisions be remembered. */
function generation(number: number, wait: () => Promise<unknown> | undefined = () => undefined): Authenticator {
  const facts = { principal: principal(`generation-${number}`), stillHolds: () => true };
  const outcome = { kind: 'authenticated', facts } as const;
  return {
    name: 'generation',
    restsOn: 'authorization',
    authenticate: () => wait()?.then(() => outcome) ?? outcome,
  };
}

describe('a reload of the rules', () => {
  it('drops no check, and none is answered by former rules once it is acknowledged', async () => {
    const { auth } = await start({ authenticators: [generation(0)] });
    const check = clientOf(auth.grpcAddress);
    let acknowledged = 0;
    let isDone = false;
    const wrong: string[] = [];
    let answered = 0;
    const ask = async () => {
      while (!isDone) {
        const atLeast = acknowledged;
        const piped = await check(`Bearer same-${answered++ % 3}`);
        const match = /^generation-(\d+)$/.exec(piped);
        if (match === null || Number(match[1]) < atLeast) wrong.push(`${piped} after ${atLeast}`);
      }
    };
    const asking = Array.from({ length: 16 }, ask);
    for (let number = 1; number <= 40; number++) {
      // Every second chain makes checks wait, so that some are under way when the next one comes.
      const wait = () => (number % 2 ? new Promise(resolve => setImmediate(resolve)) : undefined);
      await auth.reload({ authenticators: [generation(number, wait)] });
      acknowledged = number;
      const seen = answered;
      await vi.waitFor(() => expect(answered).toBeGreaterThan(seen + 20), { interval: 1 });
    }
    isDone = true;
    await Promise.all(asking);
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(800);
  });

  it('waits for what the former rules still decide', async () => {
    const [asked, gate] = [deferred<void>(), deferred<void>()];
    const wait = () => {
      asked.resolve();
      return gate.promise;
    };
    const { auth } = await start({ authenticators: [generation(0, wait)] });
    const check = clientOf(auth.grpcAddress);
    const former = check('Bearer x');
    await asked.promise;
    let isAcknowledged = false;
    const reloaded = auth.reload({ authenticators: [generation(1)] }).then(() => {
      isAcknowledged = true;
    });
    await vi.waitFor(async () => expect(await check('Bearer y')).toBe('generation-1'));
    expect(isAcknowledged).toBe(false);
    gate.resolve();
    await reloaded;
    expect(await former).toBe('generation-0');
  });

  it('forgets what the former rules remembered: another audience counts at once', async () => {
    const { auth, piped } = await start();
    const check = clientOf(auth.grpcAddress);
    const bearer = `Bearer ${await piped.sign({ now: Date.now })}`;
    await vi.waitFor(async () => expect(await check(bearer)).toBe('edge-1'));
    await auth.reload({ gatewayAudience: 'other-gateway' });
    expect(await check(bearer)).toBe('audience_mismatch');
    await auth.reload({});
    expect(await check(bearer)).toBe('edge-1');
  });

  it('refuses rules that can not be meant, and goes on by the old ones', async () => {
    const { auth } = await start({ authenticators: [generation(0)] });
    const check = clientOf(auth.grpcAddress);
    const hops = { trustedHops: ['nowhere'] };
    for (const bad of [{ authenticators: [] }, { forwardedCertificates: hops }, { gatewayAudience: '' }]) {
      await expect(auth.reload(bad)).rejects.toThrow(TypeError);
    }
    await expect(auth.reload({ tls: { cert: '', key: '' } })).rejects.toThrow('tls: TLS can only be turned on');
    expect(await check('Bearer x')).toBe('generation-0');
    const metrics = await (await fetch(`http://${auth.metricsAddress}/metrics`)).text();
    expect(metrics).toContain('spanpass_config_reloads_total{part="settings",result="refused"} 4');
    expect(metrics).toContain('spanpass_config_reloads_total{part="settings",result="applied"} 0');
  });
});

describe('certificates', () => {
  const [servers, clients, strangers] = ['servers', 'clients', 'strangers'].map(createAuthority);
  if (!servers || !clients || !strangers) throw new Error('no authorities');
  const [first, second] = [servers.issue('first'), servers.issue('second')];
  const [client, stranger] = [clients.issue('client'), strangers.issue('stranger')];
  const roots = Buffer.from(servers.ca);
  const channel = (own?: { cert: string; key: string }) =>
    own
      ? credentials.createSsl(roots, Buffer.from(own.key), Buffer.from(own.cert))
      : credentials.createSsl(roots, null, null);

  const refusing: Authenticator = {
    name: 'refusing',
    restsOn: 'request',
    authenticate: () => ({ kind: 'refused', error: new AuthenticationError('key_unknown') }),
  };

  async function shownAt(address: string, version?: SecureVersion): Promise<string> {
    const [host = '', port] = address.split(':');
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const versions = version && { minVersion: version, maxVersion: version };
      const opening = connect(
        { host, port: Number(port), ca: roots, ALPNProtocols: ['h2', 'http/1.1'], ...versions },
        () => resolve(opening),
      );
      opening.once('error', reject);
    });
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return String(CN);
  }

  it('guard the port of checks: no clear text, no TLS 1.1', async () => {
    const { auth } = await start({ authenticators: [refusing], tls: first });
    expect(await clientOf(auth.grpcAddress, channel())('Bearer x')).toBe('key_unknown');
    expect(await clientOf(auth.grpcAddress)('Bearer x')).toBe('status 14');
    expect(await shownAt(auth.grpcAddress, 'TLSv1.2')).toBe('first');
    await expect(shownAt(auth.grpcAddress, 'TLSv1.1')).rejects.toThrow();
  });

  it('are demanded of clients where there is a client CA', async () => {
    const { auth } = await start({ authenticators: [refusing], tls: { ...first, clientCa: clients.ca } });
    expect(await clientOf(auth.grpcAddress, channel(client))('Bearer x')).toBe('key_unknown');
    expect(await clientOf(auth.grpcAddress, channel(stranger))('Bearer x')).toBe('status 14');
    expect(await clientOf(auth.grpcAddress, channel())('Bearer x')).toBe('status 14');
  });

  it('change for new connections, and those that are open go on', async () => {
    const { auth } = await start({ authenticators: [refusing], tls: { ...first, clientCa: clients.ca } });
    const check = clientOf(auth.grpcAddress, channel(client));
    expect(await check('Bearer x')).toBe('key_unknown');
    const authenticators = [refusing];
    await auth.reload({ authenticators, tls: { ...second, clientCa: strangers.ca } });
    expect(await check('Bearer x')).toBe('key_unknown');
    expect(await clientOf(auth.grpcAddress, channel(client))('Bearer x')).toBe('status 14');
    expect(await clientOf(auth.grpcAddress, channel(stranger))('Bearer x')).toBe('key_unknown');
  });

  it('stay with the rules when one of them can not be used', async () => {
    const { auth } = await start({ authenticators: [generation(0)], tls: first });
    const bad = { cert: second.cert, key: first.key };
    await expect(auth.reload({ authenticators: [generation(1)], tls: bad })).rejects.toMatchObject({
      name: 'TlsError',
      code: 'mismatch',
    });
    expect(await shownAt(auth.grpcAddress)).toBe('first');
    expect(await clientOf(auth.grpcAddress, channel())('Bearer x')).toBe('generation-0');
  });

  it('guard metrics and probes too, apart from those of checks', async () => {
    const metrics = { port: 0, tls: { ...first, clientCa: clients.ca } };
    const { auth } = await start({ authenticators: [refusing], metrics });
    const get = (own: object) =>
      new Promise<string>((resolve, reject) => {
        const [host, port] = (auth.metricsAddress ?? '').split(':');
        const request = httpsRequest({ host, port, path: '/metrics', ca: roots, agent: false, ...own }, response => {
          let body = '';
          response.setEncoding('utf8').on('data', text => (body += text));
          response.on('end', () => resolve(body));
        });
        request.on('error', reject).end();
      });
    expect(await get(client)).toMatch(/spanpass_tls_certificate_expiry_timestamp_seconds{listener="metrics"} \d{10}\n/);
    await expect(get({})).rejects.toThrow();
    await auth.reload({ authenticators: [refusing], metricsTls: { ...second, clientCa: clients.ca } });
    expect(await shownAt(auth.metricsAddress ?? '')).toBe('second');
  });

  it('do not let it start when they can not be used, and nothing is left open', async () => {
    await expect(start({ tls: { ...first, key: second.key } })).rejects.toMatchObject({ code: 'mismatch' });
    const metrics = { port: 0, tls: { ...first, clientCa: 'x' } };
    await expect(start({ tls: first, metrics })).rejects.toMatchObject({ code: 'malformed' });
  });
});
