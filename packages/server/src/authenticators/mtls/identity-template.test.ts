import { idSchema } from '@spanpass/credential';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityTemplate } from './identity-template.ts';

const SPIFFE = 'spiffe://example.org/project/{project}/piped/{piped}';
const DNS = '{piped}.{project}.pipeds.example.org';
const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).filter(text => text !== '.' && text !== '..');

describe('a SPIFFE id', () => {
  const identify = identityTemplate(SPIFFE);

  it('names project and piped', () => {
    fc.assert(
      fc.property(id, id, (project, piped) => {
        const name = `spiffe://example.org/project/${project}/piped/${piped}`;
        expect(identify(name)).toEqual({ kind: 'piped', project, piped });
      }),
    );
  });

  it.each([
    ['spiffe://example.org/project/shop/piped/', 'misfit'],
    ['spiffe://example.org/project/../piped/edge-1', 'misfit'],
    ['spiffe://example.org/project/shop/piped/.', 'misfit'],
    ['spiffe://example.org/project/shop/piped/edge-1/', 'misfit'],
    ['spiffe://example.org/project/shop/piped/edge-1\n', 'misfit'],
    ['spiffe://example.org/project/shop/piped/edge-1;DNS=x', 'misfit'],
    ['spiffe://example.org/project/shop/piped/edge%2d1', 'misfit'],
    ['spiffe://example.org/project/shop/piped/a/piped/b', 'misfit'],
    [`spiffe://example.org/project/shop/piped/${'a'.repeat(65)}`, 'misfit'],
    [`spiffe://example.org/project/${'a/'.repeat(5000)}`, 'misfit'],
    ['spiffe://example.org/projects/shop/piped/edge-1', 'foreign'],
    ['spiffe://exampleXorg/project/shop/piped/edge-1', 'foreign'],
    ['spiffe://example.org.evil.test/project/shop/piped/edge-1', 'foreign'],
    ['SPIFFE://example.org/project/shop/piped/edge-1', 'foreign'],
    ['xspiffe://example.org/project/shop/piped/edge-1', 'foreign'],
    ['CN=spiffe://example.org/project/shop/piped/edge-1', 'foreign'],
    ['', 'foreign'],
  ])('%j is a %s', (name, kind) => {
    expect(identify(name)).toEqual({ kind });
  });
});

describe('a DNS name', () => {
  const identify = identityTemplate(DNS);

  it('names piped and project, none of which may hold a dot', () => {
    expect(identify('edge-1.shop.pipeds.example.org')).toEqual({ kind: 'piped', project: 'shop', piped: 'edge-1' });
    expect(identify('a.b.c.pipeds.example.org')).toEqual({ kind: 'misfit' });
    expect(identify('*.shop.pipeds.example.org')).toEqual({ kind: 'misfit' });
    expect(identify('edge-1.shop.pipeds.example.com')).toEqual({ kind: 'foreign' });
  });
});

it('reads a name in one way only, whatever stands between the ids', () => {
  const literal = fc.stringMatching(/^[a-z0-9._:/-]{1,4}$/);
  fc.assert(
    fc.property(literal, literal, literal, id, id, (before, between, after, project, piped) => {
      const template = `${before}{project}${between}{piped}${after}`;
      const identity = identityTemplate(template)(`${before}${project}${between}${piped}${after}`);
      const separator = between.slice(0, 1);
      if (project.includes(separator) || piped.includes(separator)) expect(identity).toEqual({ kind: 'misfit' });
      else expect(identity).toEqual({ kind: 'piped', project, piped });
    }),
    { numRuns: 500 },
  );
});

it('gives ids only', () => {
  const identify = identityTemplate('x{project}-{piped}');
  fc.assert(
    fc.property(fc.stringMatching(/^x[.a-]{0,8}$/), name => {
      const identity = identify(name);
      if (identity.kind !== 'piped') return;
      expect(idSchema.safeParse(identity.project).success && idSchema.safeParse(identity.piped).success).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it.each([
  ['spiffe://example.org/{project}', 'once each'],
  ['spiffe://example.org/', 'once each'],
  ['spiffe://example.org/{project}/{project}', 'once each'],
  ['spiffe://example.org/{project}/{piped}/{piped}', 'once each'],
  ['spiffe://example.org/{project}{piped}', 'something between'],
  ['spiffe://example.org/{project}/{piped}/{stage}', 'unknown placeholder'],
  ['{project}/{piped}', 'all names have in common'],
])('refuses the template %s', (template, problem) => {
  expect(() => identityTemplate(template)).toThrow(TypeError);
  expect(() => identityTemplate(template)).toThrow(problem);
});
