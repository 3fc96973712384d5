const utf8 = new TextEncoder();
const MASK_64 = (1n << 64n) - 1n;
const OFFSET_64 = 0xcbf29ce484222325n;
const PRIME_64 = 0x100000001b3n;

/**
 * The trace id of a deployment: FNV-1a/128 over the UTF-8 bytes of its id, as 32 lower case hex digits.
 *
 * Go's `fnv.New128a` makes the same 16 bytes (big-endian), so pipeds written in either language, and one piped before
 * and after its restart, put a deployment's spans into one trace.
 */
export function traceIdOf(deploymentId: string): string {
  return neverZero(fnv1a128(utf8.encode(deploymentId)));
}

/**
 * The span id of a deployment's one root span: FNV-1a/64 over the UTF-8 bytes of its id, as 16 lower case hex digits.
 *
 * Every process that works on the deployment knows it without asking, and so can hang its spans below a root that
 * another process holds. An id that hashes to zero, which OpenTelemetry calls invalid, becomes `0000000000000001`.
 */
export function rootSpanIdOf(deploymentId: string): string {
  let hash = OFFSET_64;
  for (const byte of utf8.encode(deploymentId)) hash = ((hash ^ BigInt(byte)) * PRIME_64) & MASK_64;
  return neverZero(hash.toString(16).padStart(16, '0'));
}

/**
 * The prime is 2^88 + 0x13b, so a multiplication is a small one plus a shift by 88 bits. Limbs of 32 bits, least
 * significant first: limb × 0x13b plus a shifted limb stays below 2^53, where numbers are exact.
 */
function fnv1a128(bytes: Uint8Array): string {
  let [a, b, c, d] = [0x6295c58d, 0x62b82175, 0x07bb0142, 0x6c62272e];
  for (const byte of bytes) {
    a = (a ^ byte) >>> 0;
    const low = a * 0x13b;
    const second = b * 0x13b + carry(low);
    const third = c * 0x13b + carry(second) + ((a << 24) >>> 0);
    const fourth = d * 0x13b + carry(third) + ((b << 24) >>> 0) + (a >>> 8);
    [a, b, c, d] = [low >>> 0, second >>> 0, third >>> 0, fourth >>> 0];
  }
  return [d, c, b, a].map(limb => limb.toString(16).padStart(8, '0')).join('');
}

function carry(limb: number): number {
  return Math.floor(limb / 0x1_0000_0000);
}

function neverZero(hex: string): string {
  return /[^0]/.test(hex) ? hex : `${hex.slice(1)}1`;
}
