import { describe, expect, it } from 'vitest';
import { type ClaimMapping, claimMapper } from './claim-mapping.ts';

const map = (claims: object, mapping: ClaimMapping = {}) => claimMapper(mapping)(claims as Record<string, unknown>);

describe('claims', () => {
  it('name project and piped by themselves', () => {
    expect(map({ project: 'shop', sub: 'edge-1' })).toEqual({ project: 'shop', piped: 'edge-1', scopes: undefined });
  });

  it('may be anywhere: dots are part of a name, lists lead into objects', () => {
    const claims = {
      'https://example.org/project': 'shop',
      'kubernetes.io': { namespace: 'pipeds', serviceaccount: { name: 'edge-1' } },
    };
    const mapping = { project: 'https://example.org/project', piped: ['kubernetes.io', 'serviceaccount', 'name'] };
    expect(map(claims, mapping)).toMatchObject({ project: 'shop', piped: 'edge-1' });
    expect(map(claims, { ...mapping, piped: 'kubernetes.io.serviceaccount.name' })).toBeUndefined();
  });

  it('need not name the project of an issuer that has one only', () => {
    expect(map({ sub: 'edge-1', project: 'bank' }, { project: { fixed: 'shop' } })).toMatchObject({ project: 'shop' });
  });

  it.each([
    ['no project', { sub: 'edge-1' }],
    ['no piped', { project: 'shop' }],
    ['a number', { project: 7, sub: 'edge-1' }],
    ['a list', { project: ['shop'], sub: 'edge-1' }],
    ['no id', { project: 'shop/x', sub: 'edge-1' }],
    ['a line end', { project: 'shop\n', sub: 'edge-1' }],
    ['an empty text', { project: '', sub: 'edge-1' }],
    ['two dots', { project: '..', sub: 'edge-1' }],
  ])('with %s name nobody', (_, claims) => {
    expect(map(claims)).toBeUndefined();
  });

  it.each([['constructor', 'name'], ['__proto__', 'x'], ['toString'], ['list', '0'], ['text', 'length']])(
    'are their own members only: %s',
    (...path) => {
      expect(map({ project: 'shop', list: ['edge-1'], text: 'a' }, { piped: path })).toBeUndefined();
    },
  );
});

describe('scopes', () => {
  const scopes = (value: unknown, prefix?: string) =>
    map(
      { project: 'shop', sub: 'edge-1', scope: value },
      { scopes: { claim: 'scope', ...(prefix !== undefined && { prefix }) } },
    )?.scopes;

  it.each([
    ['a text', 'openid logs traces', ['traces', 'logs']],
    ['a list', ['metrics', 'openid', 7, null], ['metrics']],
    ['the same twice', 'traces traces', ['traces']],
    ['none', undefined, []],
    ['another type', { traces: true }, []],
    ['what looks alike', 'Traces traces, xtraces', []],
  ])('are read from %s', (_, value, expected) => {
    expect(scopes(value)).toEqual(expected);
  });

  it('may have a prefix', () => {
    expect(scopes('otlp:traces logs otlp:profiles', 'otlp:')).toEqual(['traces', 'profiles']);
  });
});

it.each<ClaimMapping>([
  { project: '' },
  { project: [] },
  { piped: ['a', ''] },
  { piped: 7 as never },
  { project: { fixed: '../x' } },
  { scopes: { claim: '' } },
])('refuses the mapping %j', mapping => {
  expect(() => claimMapper(mapping)).toThrow(TypeError);
});
