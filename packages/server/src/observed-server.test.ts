import { describe, expect, it } from 'vitest';
import type { CheckedRequest, Principal } from './contract.ts';
import { observedServer } from './observed-server.ts';
import type { Decision } from './observer.ts';
import { AuthenticationError } from './refusals.ts';

const principal = { project: 'shop', piped: 'edge-1', credentialId: 'k', authenticator: 'piped-jwt' } as Principal;
const request = (path: string) => ({ headers: {}, method: 'POST', path }) as unknown as CheckedRequest;

describe('an observed server', () => {
  it('tells of what passes and of what is refused, and answers the same', async () => {
    const told: Decision[] = [];
    const observer = { decided: (decision: Decision) => void told.push(decision) };
    const allows = observedServer({ authenticate: () => principal }, observer);
    expect(await allows.authenticate(request('/v1/traces'))).toBe(principal);
    const refusal = new AuthenticationError('key_revoked');
    const refuses = observedServer({ authenticate: () => Promise.reject(refusal) }, observer);
    await expect(refuses.authenticate(request('/a.Service/Export'))).rejects.toBe(refusal);
    expect(told).toMatchObject([
      { protocol: 'http', authenticator: 'piped-jwt', owner: { piped: 'edge-1' }, refused: undefined },
      { protocol: 'grpc', refused: { code: 'key_revoked' } },
    ]);
  });

  it('counts what broke as a refusal, and passes it on', async () => {
    const told: Decision[] = [];
    const broken = new Error('broken');
    const server = observedServer(
      { authenticate: () => Promise.reject(broken) },
      { decided: decision => void told.push(decision) },
    );
    await expect(server.authenticate(request('/v1/traces'))).rejects.toBe(broken);
    expect(told).toMatchObject([{ refused: { code: 'internal_error' } }]);
  });
});
