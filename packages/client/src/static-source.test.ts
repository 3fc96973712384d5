import { describe, expect, it } from 'vitest';
import { staticSource } from './static-source.ts';
import { expectFailure } from './testing/fixture.ts';

describe('staticSource', () => {
  it('hands the same credential out for ever', async () => {
    const source = staticSource('shop,edge-1,abcdefghijklmnop');
    source.invalidate('shop,edge-1,abcdefghijklmnop');
    expect(await source.credential()).toBe('shop,edge-1,abcdefghijklmnop');
    expect(source.state()).toEqual({ kind: 'fresh', expiresAtMs: Number.POSITIVE_INFINITY });
    await expect(source.credential(AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
  });

  it('hands nothing out after it was closed', async () => {
    const source = staticSource('token');
    await source[Symbol.asyncDispose]();
    await expectFailure(source.credential(), 'source_closed', /closed/);
    expect(source.state()).toEqual({ kind: 'failed', error: expect.objectContaining({ code: 'source_closed' }) });
  });

  it.each([undefined, '', ' ', 'two words', 'line\nbreak', 'ümlaut', 'x'.repeat(8_193)])('refuses %j', token => {
    expect(() => staticSource(token)).toThrow(TypeError);
  });
});
