import { describe, expect, it } from 'vitest';
import { authenticatorsSettings, shadowSettings } from './index.ts';
import { openShadow } from './open-shadow.ts';

const issuer = 'https://login.example.org';
const deciding = authenticatorsSettings.parse([{ kind: 'piped-jwt' }, { kind: 'oidc', issuer, audience: 'gateway' }]);
const open = (settings: unknown) => openShadow(shadowSettings.parse(settings), deciding, () => {});

describe('a rule to try, in settings', () => {
  it('has a chain of its own', async () => {
    await using opened = await open({ rule: 'signed', authenticators: [{ kind: 'piped-jwt' }] });
    expect(opened.shadow).toEqual({ rule: 'signed', authenticators: ['piped-jwt'] });
  });

  it('has the deciding one, made anew, where only another audience is tried', async () => {
    await using opened = await open({ rule: 'renamed', gatewayAudience: 'new', maxRunning: 8 });
    const { authenticators, ...rest } = opened.shadow;
    expect(rest).toEqual({ rule: 'renamed', gatewayAudience: 'new', maxRunning: 8 });
    expect(authenticators?.map(one => (typeof one === 'string' ? one : one.name))).toEqual(['piped-jwt', 'oidc']);
  });

  it('has none where only scopes are tried', async () => {
    await using opened = await open({ rule: 'traces-only', scopes: ['traces'] });
    expect(opened.shadow).toEqual({ rule: 'traces-only', scopes: ['traces'] });
  });

  it.each([
    ['no name', { scopes: ['traces'] }],
    ['a name that is none', { rule: 'A b', scopes: ['traces'] }],
    ['nothing to try', { rule: 'a' }],
    ['an unknown member', { rule: 'a', scopes: ['traces'], audience: 'b' }],
    ['an empty chain', { rule: 'a', authenticators: [] }],
    ['an unknown signal', { rule: 'a', scopes: ['dreams'] }],
  ])('is refused with %s', (_, settings) => {
    expect(shadowSettings.safeParse(settings).success).toBe(false);
  });

  it('names the member that can not be made', async () => {
    const missing = { kind: 'pipecd-key', file: '/nowhere/pipeds.json' };
    await expect(open({ rule: 'a', authenticators: [{ kind: 'piped-jwt' }, missing] })).rejects.toThrow(
      /^shadow\.authenticators\.1: /,
    );
  });
});
