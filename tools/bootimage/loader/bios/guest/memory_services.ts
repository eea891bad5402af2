// The memory map by INT 15h: E820h (ACPI Specification 6.5, 15.1), where it says nothing of use E801h, then 88h, with
// INT 12h for conventional memory (IBM PC/AT Technical Reference). What the answers are worth, overlapping, empty and
// too many ranges among them, core's memory map sees to.

import { MEMORY_USABLE } from "../../core/firmware";
import { addRange } from "../../core/memory_map";
import { bios } from "./bios";
import { clear, offsetOf, registers, segmentOf } from "./registers";

const MEMORY_SIZE: i32 = 0x12;
const SERVICES: i32 = 0x15;
const QUERY_MAP: u32 = 0xe820;
const QUERY_SIZES: u32 = 0xe801;
const QUERY_EXTENDED: u32 = 0x8800;

/** "SMAP". */
const SIGNATURE: u32 = 0x534d4150;
/** Base, length, type: 20 bytes; with attributes, as of ACPI 3.0, 24. */
const RANGE_BYTES: u32 = 20;
const EXTENDED_RANGE_BYTES: u32 = 24;
/** Attribute bit 0: 0 means that the range is to be ignored (ACPI 3.0 to 4.0). */
const ENABLED: u32 = 1;
/** No BIOS has as many ranges: one whose list has no end is left. */
const MAX_RANGES: i32 = 1024;
const range: usize = memory.data(24, 8);

const KIB: u64 = 1024;
const MIB: u64 = 0x10_0000;
/** What AX or CX of E801h count from 1 MiB on ends here, what BX or DX count begins: units of 64 KiB. */
const SIXTEEN_MIB: u64 = 0x100_0000;
const LOW_LIMIT: u32 = 15 * 1024;
const UNIT: u64 = 0x1_0000;

/** Whether a range with usable memory above 1 MiB was there. */
function byMap(): bool {
  let useful = false;
  let next: u32 = 0;
  for (let i = 0; i < MAX_RANGES; i++) {
    memory.fill(range, 0, EXTENDED_RANGE_BYTES);
    store<u32>(range, ENABLED, 20);
    clear();
    registers.eax = QUERY_MAP;
    registers.ebx = next;
    registers.ecx = EXTENDED_RANGE_BYTES;
    registers.edx = SIGNATURE;
    registers.es = segmentOf(range);
    registers.edi = offsetOf(range);
    // Carry says that the range before was the last one, or that there is no such service.
    if (!bios(SERVICES) || registers.eax !== SIGNATURE) break;
    const bytes = registers.ecx;
    next = registers.ebx;
    const ignored =
      bytes < RANGE_BYTES ||
      (bytes >= EXTENDED_RANGE_BYTES && (load<u32>(range, 20) & ENABLED) === 0);
    if (!ignored) {
      const base = load<u64>(range);
      const length = load<u64>(range, 8);
      const type = load<u32>(range, 16);
      addRange(base, length, type);
      if (type === MEMORY_USABLE && length > 0 && (base >= MIB || length > MIB - base)) {
        useful = true;
      }
    }
    if (next === 0) break;
  }
  return useful;
}

/** Usable memory from 1 MiB on in two parts: between them may be a hole for old cards. */
function bySizes(): bool {
  clear();
  registers.eax = QUERY_SIZES;
  if (!bios(SERVICES)) return false;
  let low = registers.eax & 0xffff;
  let high = registers.ebx & 0xffff;
  // The same is in CX and DX, and with some BIOSes there only.
  if (low === 0 && high === 0) {
    low = registers.ecx & 0xffff;
    high = registers.edx & 0xffff;
  }
  if (low > LOW_LIMIT || (low === 0 && high === 0)) return false;
  addRange(MIB, <u64>low * KIB, MEMORY_USABLE);
  addRange(SIXTEEN_MIB, <u64>high * UNIT, MEMORY_USABLE);
  return true;
}

/** AX: KiB from 1 MiB on, 63 MiB at most. */
function byExtendedSize(): bool {
  clear();
  registers.eax = QUERY_EXTENDED;
  if (!bios(SERVICES)) return false;
  const kib = registers.eax & 0xffff;
  if (kib === 0) return false;
  addRange(MIB, <u64>kib * KIB, MEMORY_USABLE);
  return true;
}

/** Bytes of conventional memory, without what the BIOS keeps at its end. */
export function conventionalBytes(): u64 {
  clear();
  bios(MEMORY_SIZE);
  return <u64>(registers.eax & 0xffff) * KIB;
}

/** Tells core every range; false where the BIOS names no memory above 1 MiB. */
export function readMemoryMap(): bool {
  if (byMap()) return true;
  addRange(0, conventionalBytes(), MEMORY_USABLE);
  return bySizes() || byExtendedSize();
}
