import { describe, expect, it } from 'vitest';
import { assertConfidential } from './loopback.ts';
import { expectFailure } from './testing/fixture.ts';

describe('assertConfidential', () => {
  it.each([
    'https://evil.com',
    'http://localhost:4318/v1/traces',
    'HTTP://LOCALHOST',
    'http://127.0.0.1:4318',
    'http://127.1',
    'http://0x7f000001/',
    'http://2130706433',
    'http://[::1]:4318',
    'http://[::ffff:127.0.0.1]/',
    'http://user:password@127.0.0.1/',
  ])('lets %s pass', url => {
    expect(assertConfidential(url).href).toBe(new URL(url).href);
  });

  it.each([
    'http://127.0.0.1.evil.com',
    'http://127.0.0.1@evil.com/',
    'http://127.0.0.1:80@evil.com/',
    'http://evil.com#@127.0.0.1',
    'http://evil.com?@127.0.0.1',
    'http://evil.com\\@127.0.0.1',
    'http:evil.com',
    'http:/evil.com',
    'http://localhost.',
    'http://localhost%2eevil.com',
    'http://0.0.0.0:4318',
    'http://0/',
    'http://[::]:4318',
    'http://[::ffff:10.0.0.1]',
  ])('refuses %s', async url => {
    const attempt = async () => assertConfidential(url);
    await expectFailure(attempt(), 'plaintext_refused', /^no secret is sent to .+ over plaintext, .+ use https/);
    expect(assertConfidential(url, true)).toBeInstanceOf(URL);
  });

  it.each(['', 'ftp://127.0.0.1', 'file:///etc/passwd', 'javascript:0', '/v1/traces', '127.0.0.1:4317', 'http://'])(
    'takes %j for a mistake',
    url => {
      expect(() => assertConfidential(url, true)).toThrow(new TypeError('not an http or https URL'));
    },
  );
});
