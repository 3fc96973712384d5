import { describe, expect, it } from 'vitest';
import { base64, statusBytes } from './status.ts';

describe('google.rpc.Status as bytes', () => {
  it('holds code and message', () => {
    expect(Buffer.from(statusBytes(16, 'unauthenticated')).toString('latin1')).toBe('\x08\x10\x12\x0funauthenticated');
  });

  it('holds RetryInfo as an Any', () => {
    // Status{14, "authorization unavailable", [RetryInfo{retry_delay: 1s}]}, as protoc encodes it.
    expect(base64(statusBytes(14, 'authorization unavailable', 1))).toBe(
      'CA4SGWF1dGhvcml6YXRpb24gdW5hdmFpbGFibGUaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAQ==',
    );
  });
});
