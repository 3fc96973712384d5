const SLAB_BYTES = 65_536;

let slab = Buffer.alloc(0);
let used = 0;

/**
 * A copy of these bytes, side by side with others that are kept for as long. In the pool that Node.js has for all small
 * buffers, each would keep 8 KiB alive, of which the rest was read and forgotten long ago.
 */
export function packed(bytes: Uint8Array): Buffer {
  if (bytes.length > SLAB_BYTES / 8) return Buffer.from(bytes);
  if (used + bytes.length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const copy = slab.subarray(used, used + bytes.length);
  copy.set(bytes);
  used += bytes.length;
  return copy;
}
