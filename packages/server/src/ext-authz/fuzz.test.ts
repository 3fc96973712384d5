import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { pipedJwt } from '../authenticators/piped-jwt.ts';
import type { Server } from '../contract.ts';
import { createServer } from '../create-server.ts';
import { createPiped, memoryKeys, now, type TestPiped, TRACES } from '../fixture.test.support.ts';
import { AuthenticationError } from '../refusals.ts';
import { encodeCheckRequest, rawHeader } from './check-request.test.support.ts';
import { readCheckRequest } from './read-request.ts';

let piped: TestPiped;
let token: string;
let server: Server;
beforeAll(async () => {
  piped = await createPiped();
  token = await piped.sign();
  const keys = memoryKeys(new Map([[piped.kid, piped.record]]));
  server = createServer({ authenticators: [pipedJwt({ keys, now })], now });
  await server.authenticate(readCheckRequest(encodeCheckRequest({ headers: { authorization: `Bearer ${token}` } })));
});

/** Whether it is allowed; anything but a refusal with a code is a failure of the test. */
async function isAllowed(bytes: Buffer): Promise<boolean> {
  try {
    await server.authenticate(readCheckRequest(bytes));
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(AuthenticationError);
    expect((error as AuthenticationError).code).not.toBe('internal_error');
    return false;
  }
}

type Mutation = { kind: 'set' | 'insert' | 'remove'; at: number; bytes: Uint8Array };

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('set', 'insert', 'remove'),
  at: fc.nat(4096),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
});

function mutate(original: Buffer, mutations: readonly Mutation[], from = 0, length = original.length): Buffer {
  let bytes = Buffer.from(original);
  for (const { kind, at, bytes: change } of mutations) {
    const position = from + (at % Math.min(length, bytes.length));
    const behind = kind === 'insert' ? position : position + change.length;
    const middle = kind === 'remove' ? [] : [change];
    bytes = Buffer.concat([bytes.subarray(0, position), ...middle, bytes.subarray(behind)]);
  }
  return bytes;
}

/**
 * Knows nothing of protobuf or JWT: what is let in must hold the issued credential, byte by byte, behind the scheme and
 * under the header's name, and the path of a signal that the piped may send.
 */
function mayBeAllowed(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  const atToken = text.indexOf(token);
  return (
    atToken > 0 &&
    /bearer +$/i.test(text.slice(0, atToken)) &&
    text.includes('authorization') &&
    /traces|Trace/.test(text)
  );
}

const originals = () => [
  encodeCheckRequest({ headers: { authorization: `Bearer ${token}`, 'content-type': 'application/grpc' } }),
  encodeCheckRequest({ rawHeaders: [rawHeader(':path', TRACES), rawHeader('authorization', `Bearer ${token}`)] }),
  encodeCheckRequest({ headers: { authorization: `Bearer ${token}` }, path: '/v1/traces?x=1' }),
];

describe('a CheckRequest that was changed at random', () => {
  it('is let in only if it still holds the issued credential', { timeout: 120_000 }, async () => {
    let allowed = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.array(mutation, { minLength: 1, maxLength: 3 }), async (which, mutations) => {
        const bytes = mutate(originals()[which] ?? Buffer.alloc(0), mutations);
        if (!(await isAllowed(bytes))) return;
        allowed++;
        expect(mayBeAllowed(bytes)).toBe(true);
      }),
      { numRuns: 10_000, seed: 20_260_102 },
    );
    // Otherwise the mutations were so coarse that nothing was tested.
    expect(allowed).toBeGreaterThan(50);
  });

  it('is never let in if the credential itself was changed', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.array(mutation, { minLength: 1, maxLength: 2 }), async (which, mutations) => {
        const original = originals()[which] ?? Buffer.alloc(0);
        const bytes = mutate(original, mutations, original.indexOf(token), token.length);
        if (bytes.includes(token)) return;
        expect(await isAllowed(bytes)).toBe(false);
      }),
      { numRuns: 10_000, seed: 20_260_103 },
    );
  });

  it('is answered by a refusal whatever the bytes', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async bytes => {
        expect(await isAllowed(Buffer.from(bytes))).toBe(false);
      }),
      { numRuns: 10_000, seed: 20_260_104 },
    );
  });
});
