// Compressed clusters (docs/interop/qcow2, "Compressed Clusters Descriptor"): raw deflate streams at any byte of the
// file, which share clusters of it.

import { Inflate } from "fflate";

/** Where a compressed cluster is. */
export interface CompressedPlace {
  offset: number;
  /** As the sectors say that it touches; the stream ends somewhere in the last one. */
  bytes: number;
}

/** The place that the two halves of an L2 entry describe. */
export function compressedPlace(high: number, low: number, clusterBits: number): CompressedPlace {
  // Bits of the offset: 62 - (clusterBits - 8); the number of further sectors is above them, below bit 62.
  const offsetBits = 62 - (clusterBits - 8);
  const highBits = offsetBits - 32;
  const offset = (high & (2 ** highBits - 1)) * 2 ** 32 + low;
  const sectors = ((high & 0x3fffffff) >>> highBits) + 1;
  return { offset, bytes: sectors * 512 - (offset % 512) };
}

/** So much is given to the decompressor at once: a hostile stream becomes at most a thousand times as long. */
const STEP = 4096;

/** A cluster of `bytes`. Throws `Error` where the stream is none, or shorter than that. */
export function inflateCluster(stream: Uint8Array, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  let filled = 0;
  const inflate = new Inflate((chunk) => {
    const part = chunk.subarray(0, bytes - filled);
    out.set(part, filled);
    filled += part.length;
  });
  try {
    for (let at = 0; at < stream.length && filled < bytes; at += STEP) {
      inflate.push(stream.subarray(at, at + STEP), at + STEP >= stream.length);
    }
  } catch (error) {
    throw new Error(`a compressed cluster is damaged: ${(error as Error).message}`);
  }
  if (filled < bytes) throw new Error(`a compressed cluster ends after ${filled} bytes`);
  return out;
}
