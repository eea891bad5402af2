// The boot information of a Multiboot 2 loader: a list of tags. Multiboot2 Specification 2.0, 3.6.

export const MULTIBOOT2_MAGIC: u32 = 0x36d76289;

// Types of tags.
const TAG_END: u32 = 0;
const TAG_CMDLINE: u32 = 1;
const TAG_MODULE: u32 = 3;
const TAG_MMAP: u32 = 6;
const TAG_FRAMEBUFFER: u32 = 8;
const TAG_EFI32: u32 = 11;
const TAG_EFI64: u32 = 12;
const TAG_ACPI_OLD: u32 = 14;
const TAG_ACPI_NEW: u32 = 15;

const TAG_HEADER: u32 = 8;
/** Base, length and type of a memory map entry; the entry may be larger. */
const MAP_FIELDS: u32 = 20;
/** More than any loader's: a size beyond is taken for garbage. */
const MAX_BYTES: u32 = 0x1000000;

let info: usize = 0;
let end: usize = 0;

/** Remembers where the information is; it stays there. False if its size cannot be right. */
export function setInfo2(address: usize): bool {
  const bytes = load<u32>(address);
  if (bytes < TAG_HEADER || bytes > MAX_BYTES || address + bytes < address) return false;
  info = address;
  end = address + bytes;
  return true;
}

/** The tag at `at` or the first one behind it that has this type, at least `bytes` in all; 0 where there is none. */
function tagFrom(at: usize, type: u32, bytes: u32): usize {
  while (at + TAG_HEADER <= end) {
    const size = load<u32>(at, 4);
    if (load<u32>(at) === TAG_END || size < TAG_HEADER || size > <u32>(end - at)) return 0;
    if (load<u32>(at) === type && size >= bytes) return at;
    at += (size + 7) & ~7;
  }
  return 0;
}

function tag(type: u32, bytes: u32): usize {
  return tagFrom(info + 8, type, bytes);
}

/** The next tag of the same type. */
function nextTag(at: usize, bytes: u32): usize {
  return tagFrom(at + ((load<u32>(at, 4) + 7) & ~7), load<u32>(at), bytes);
}

/** Whether the string at the end of a tag ends in it. */
function isTerminated(at: usize): bool {
  return load<u8>(at + load<u32>(at, 4) - 1) === 0;
}

export function commandLine2(): usize {
  const at = tag(TAG_CMDLINE, TAG_HEADER + 1);
  return at !== 0 && isTerminated(at) ? at + TAG_HEADER : 0;
}

const MODULE_BYTES: u32 = 17;

/** Where the information is, and its size in bytes. */
export function information2(): usize {
  return info;
}

export function informationBytes2(): u32 {
  return <u32>(end - info);
}

/** Address of the first module's start and end, two u32; 0 for none. */
export function firstModule2(): usize {
  const at = tag(TAG_MODULE, MODULE_BYTES);
  return at === 0 ? 0 : at + TAG_HEADER;
}

export function nextModule2(module: usize): usize {
  const at = nextTag(module - TAG_HEADER, MODULE_BYTES);
  return at === 0 ? 0 : at + TAG_HEADER;
}

/** Physical address of the string of the module whose start and end are at `module`, or 0. */
export function moduleString2(module: usize): u32 {
  return isTerminated(module - TAG_HEADER) ? <u32>module + 8 : 0;
}

function mapTag(): usize {
  const at = tag(TAG_MMAP, 16);
  return at !== 0 && load<u32>(at, 8) >= MAP_FIELDS ? at : 0;
}

/** Base, length and type of the memory map's first entry, or 0 where there is none. */
export function firstMapEntry2(): usize {
  const at = mapTag();
  return at !== 0 && load<u32>(at, 4) >= 16 + MAP_FIELDS ? at + 16 : 0;
}

/** The entry behind `entry`, or 0 after the last. */
export function nextMapEntry2(entry: usize): usize {
  const at = mapTag();
  const next = entry + <usize>load<u32>(at, 8);
  return next > entry && next + MAP_FIELDS <= at + <usize>load<u32>(at, 4) ? next : 0;
}

/** The framebuffer's address, pitch, width, height, depth and kind, or 0 where there is none. */
export function framebuffer2(): usize {
  const at = tag(TAG_FRAMEBUFFER, 32);
  return at === 0 ? 0 : at + TAG_HEADER;
}

/** The colour information of that framebuffer, six bytes; 0 where it has none. */
export function colorInfo2(): usize {
  const at = tag(TAG_FRAMEBUFFER, 38);
  return at === 0 ? 0 : at + 32;
}

/** The loader's copy of the RSDP, the newer one if there are two; 0 where there is none. */
export function rsdp2(): usize {
  const newer = tag(TAG_ACPI_NEW, TAG_HEADER + 36);
  if (newer !== 0) return newer + TAG_HEADER;
  const older = tag(TAG_ACPI_OLD, TAG_HEADER + 20);
  return older === 0 ? 0 : older + TAG_HEADER;
}

/** Whether the firmware is EFI. */
export function isEfi2(): bool {
  return tag(TAG_EFI64, TAG_HEADER) !== 0 || tag(TAG_EFI32, TAG_HEADER) !== 0;
}
