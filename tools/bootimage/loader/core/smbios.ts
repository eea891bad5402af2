// The SMBIOS entry point, in both of its forms: SMBIOS Reference Specification 3.6, 5.2.

import { firmware } from "./firmware";
import { load8, load16, load32, load64 } from "./x86";

/** "_SM_", and "_SM3_" in five bytes. */
const ANCHOR_32: u64 = 0x5f4d_535f;
const ANCHOR_64: u64 = 0x334d_535f;
/** More than tables of any machine take; what says more is not believed. */
const MOST_BYTES: u64 = 0x4_0000;

function isLong(at: u64): bool {
  return load32(at) === ANCHOR_64 && load8(at + 4) === 0x5f;
}

function isKnown(at: u64): bool {
  return at !== 0 && (load32(at) === ANCHOR_32 || isLong(at));
}

/** Bytes of all structures; 0 where there is no SMBIOS. */
export function smbiosBytes(): u64 {
  const at = firmware.smbios();
  if (!isKnown(at)) return 0;
  const bytes = isLong(at) ? load32(at + 12) : load16(at + 22);
  return bytes <= MOST_BYTES ? bytes : 0;
}

/** Physical address of the structures. */
export function smbiosTables(): u64 {
  const at = firmware.smbios();
  return isLong(at) ? load64(at + 16) : load32(at + 24);
}

export function smbiosMajor(): u32 {
  const at = firmware.smbios();
  return <u32>load8(at + (isLong(at) ? 7 : 6));
}

export function smbiosMinor(): u32 {
  const at = firmware.smbios();
  return <u32>load8(at + (isLong(at) ? 8 : 7));
}
