// Page walks: 32-bit, PAE, 4-level and 5-level paging. Follows Intel SDM vol. 3A, chapter 4 (faults 4.7). Leaves out
// memory types: all accesses are coherent.

import {
  M_A20,
  S_CPL,
  S_CR0,
  S_CR2,
  S_CR3,
  S_CR4,
  S_EFER,
  S_EFLAGS,
  S_FAULT,
  S_PDPTE,
} from "../../state";
import {
  CR0_PG,
  CR0_WP,
  CR4_LA57,
  CR4_PAE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
  FRAME_MASK,
  NO_ADDRESS,
  NX,
  PHYSICAL_BITS,
  PHYSICAL_MASK,
} from "../processor/control_bits";
import { raiseCode } from "../processor/fault";
import { AC } from "../processor/flags";
import { hostOf, physicalOr, physicalRead32, physicalRead64 } from "./physical";
import { keyForbids, NO_ACCESS } from "./protection_keys";
import { EXEC, SYSTEM, WRITE } from "./rights";
import { flushAllCpus } from "./tlb";

/** Loads the four PDPTEs of PAE paging; false if a reserved bit is set. */
export function loadPdptes(cr3: u64): bool {
  const table = cr3 & 0xffffffe0;
  const reserved: u64 = 0x1e6 | (0xffffffffffffffff << PHYSICAL_BITS);
  for (let i = 0; i < 4; i++) {
    const h = hostOf(table + <u64>(i * 8));
    const v = h != 0 ? load<u64>(h) : 0;
    if ((v & 1) != 0 && (v & reserved) != 0) return false;
  }
  for (let i = 0; i < 4; i++) {
    const h = hostOf(table + <u64>(i * 8));
    store<u64>(S_PDPTE + (i << 3), h != 0 ? load<u64>(h) : 0);
  }
  return true;
}

export let walkReadable: bool = false;
/** The walk found the page writable for this access's mode, and its dirty bit set. */
export let walkWritable: bool = false;
/** Address bits within the page that the last translation was by: 12, 21, 22 or 30. */
export let walkPageBits: u64 = 12;
function a20(): u64 {
  return load<u64>(M_A20);
}

export function setA20(enabled: bool): void {
  store<u64>(M_A20, enabled ? NO_ADDRESS : ~((<u64>1) << 20));
  flushAllCpus();
}

function pageFault(linear: u64, access: i32, user: bool, code: u32): u64 {
  if (load<u32>(S_FAULT) != 0) return NO_ADDRESS;
  const nx =
    ((load<u64>(S_CR4) & CR4_PAE) != 0 && (load<u64>(S_EFER) & EFER_NXE) != 0) ||
    (load<u64>(S_CR4) & CR4_SMEP) != 0;
  let e = code;
  if ((access & WRITE) != 0) e |= 2;
  if (user) e |= 4;
  if ((access & EXEC) != 0 && nx) e |= 16;
  store<u64>(S_CR2, linear);
  raiseCode(14, e);
  return NO_ADDRESS;
}

/**
 * Translates one linear address (already canonical or 32-bit) and sets accessed and dirty bits.
 * Returns the physical address, or NO_ADDRESS with #PF pending.
 */
export function translate(linear: u64, access: i32): u64 {
  const user = load<u32>(S_CPL) == 3 && (access & SYSTEM) == 0;
  const cr0 = load<u64>(S_CR0);
  walkPageBits = 12;
  if ((cr0 & CR0_PG) == 0) {
    walkReadable = true;
    walkWritable = true;
    return linear & a20();
  }
  const cr4 = load<u64>(S_CR4);
  const efer = load<u64>(S_EFER);
  const writing = (access & WRITE) != 0;
  let rights: u32 = 6; // U/S and R/W, combined over the levels
  let noExecute: bool = false;
  let entryAddress: u64 = 0;
  let entry: u64 = 0;
  let physical: u64 = 0;
  const nxe = (efer & EFER_NXE) != 0;

  if ((cr4 & CR4_PAE) == 0) {
    // 32-bit paging.
    entryAddress = (load<u64>(S_CR3) & 0xfffff000) + ((linear >> 22) << 2);
    entry = <u64>physicalRead32(entryAddress & a20());
    if ((entry & 1) == 0) return pageFault(linear, access, user, 0);
    if ((entry & 0x80) != 0 && (cr4 & CR4_PSE) != 0) {
      // 4 MiB page; bits 20:13 are address bits 39:32 (PSE-36), bit 21 is reserved.
      if ((entry & 0x200000) != 0 || (((entry >> 13) & 0xff) << 32) >> PHYSICAL_BITS != 0)
        return pageFault(linear, access, user, 9);
      rights &= <u32>entry;
      walkPageBits = 22;
      physical = (entry & 0xffc00000) | (((entry >> 13) & 0xff) << 32) | (linear & 0x3fffff);
    } else {
      rights &= <u32>entry;
      const upper = entryAddress;
      const upperEntry = entry;
      entryAddress = (entry & 0xfffff000) + (((linear >> 12) & 0x3ff) << 2);
      entry = <u64>physicalRead32(entryAddress & a20());
      if ((upperEntry & 0x20) == 0 && !physicalOr(upper & a20(), 0x20, access)) return NO_ADDRESS;
      if ((entry & 1) == 0) return pageFault(linear, access, user, 0);
      rights &= <u32>entry;
      physical = (entry & 0xfffff000) | (linear & 0xfff);
    }
  } else {
    let level: i32;
    let table: u64;
    const long = (efer & EFER_LMA) != 0;
    const reserved: u64 = ~PHYSICAL_MASK & (nxe ? ~NX : NO_ADDRESS);
    if (long) {
      level = (cr4 & CR4_LA57) != 0 ? 5 : 4;
      table = load<u64>(S_CR3) & FRAME_MASK;
    } else {
      level = 2;
      const pdpte = load<u64>(S_PDPTE + ((<u32>(linear >> 30)) << 3));
      if ((pdpte & 1) == 0) return pageFault(linear, access, user, 0);
      table = pdpte & FRAME_MASK;
    }
    // Bits 51:39 must be 0 everywhere; bits 62:52 are ignored in 4-level and 5-level, reserved in PAE paging.
    const mustBeZero: u64 = long ? reserved & 0x800fffffffffffff : reserved;
    for (;;) {
      const shift = <u64>(level * 9 + 3);
      entryAddress = table + (((linear >> shift) & 0x1ff) << 3);
      entry = physicalRead64(entryAddress & a20());
      if ((entry & 1) == 0) return pageFault(linear, access, user, 0);
      if ((entry & mustBeZero) != 0) return pageFault(linear, access, user, 9);
      rights &= <u32>entry;
      if (entry >> 63 != 0) noExecute = true;
      if (level == 1) {
        physical = (entry & FRAME_MASK) | (linear & 0xfff);
        break;
      }
      if ((entry & 0x80) != 0) {
        if (level >= 4) return pageFault(linear, access, user, 9);
        const low = ((<u64>1) << shift) - 1;
        if ((entry & low & 0x7fffffe000) != 0) return pageFault(linear, access, user, 9);
        walkPageBits = shift;
        physical = (entry & FRAME_MASK & ~low) | (linear & low);
        break;
      }
      if ((entry & 0x20) == 0 && !physicalOr(entryAddress & a20(), 0x20, access)) return NO_ADDRESS;
      table = entry & FRAME_MASK;
      level--;
    }
  }

  const userPage = (rights & 4) != 0;
  let writable = (rights & 2) != 0;
  let readable = true;
  // The error code tells of the key, whatever else forbids the access.
  let denied: u32 = 1;
  const forbidden = (access & EXEC) != 0 ? 0 : keyForbids(entry, userPage, user);
  if ((forbidden & NO_ACCESS) != 0 || (writing && forbidden != 0)) denied = 0x21;
  if (user) {
    if (!userPage) return pageFault(linear, access, user, 1);
  } else {
    if ((cr0 & CR0_WP) == 0) writable = true;
    if (userPage) {
      if ((access & EXEC) != 0) {
        if ((cr4 & CR4_SMEP) != 0) return pageFault(linear, access, user, 1);
      } else if ((cr4 & CR4_SMAP) != 0) {
        const explicitAllowed =
          (access & SYSTEM) == 0 && (load<u32>(S_EFLAGS) & AC) != 0 && load<u32>(S_CPL) != 3;
        if (!explicitAllowed) return pageFault(linear, access, user, denied);
      }
      if ((cr4 & CR4_SMAP) != 0 && (load<u32>(S_EFLAGS) & AC) == 0) readable = false;
    }
  }
  if (denied != 1 || (writing && !writable)) return pageFault(linear, access, user, denied);
  if (forbidden != 0) writable = false;
  if ((access & EXEC) != 0 && noExecute) return pageFault(linear, access, user, 1);
  const bits: u32 = writing ? 0x60 : 0x20;
  if ((<u32>entry & bits) != bits && !physicalOr(entryAddress & a20(), bits, access))
    return NO_ADDRESS;
  walkReadable = readable;
  walkWritable = writable && (writing || (entry & 0x40) != 0) && readable;
  return physical & a20();
}
