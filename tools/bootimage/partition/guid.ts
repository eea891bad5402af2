// GUIDs as GPT stores them (UEFI specification 2.10, appendix A): the first three groups little-endian.

import { createHash } from "node:crypto";

/** The 16 bytes of a GUID in its usual spelling, `C12A7328-F81F-11D2-BA4B-00A0C93EC93B`. */
export function guidBytes(text: string): Uint8Array {
  const hex = text.replaceAll("-", "");
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

/** A GUID made of a hash instead of chance or time, the same for the same input: version 8 of RFC 9562, 5.8. */
export function derivedGuid(seed: Uint8Array, name: string): Uint8Array {
  const bytes = new Uint8Array(createHash("sha256").update(seed).update(name).digest()).slice(
    0,
    16,
  );
  // The version is in the highest bits of the third group, whose bytes are swapped.
  bytes[7] = ((bytes[7] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes;
}
