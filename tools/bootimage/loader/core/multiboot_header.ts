// What kernels ask for in their Multiboot headers: Multiboot Specification 0.6.96, 3.1; Multiboot2 Specification 2.0,
// 3.1. The file is in physical memory as a whole. What is required and not known here is refused by its number.

import { BELOW_4_GIB, PAGE } from "./allocator";
import { print, printDecimal, printHex } from "./console";
import { elfEntry, isElf, isInFile, readElf } from "./elf";
import { beginFileError, endError, failFile } from "./failure";
import { firmware } from "./firmware";
import { ImageFile } from "./image_file";
import { isUsable } from "./memory_map";
import { addSegment, kernelEnd, kernelStart, moveSegments } from "./placement";
import { load16, load32 } from "./x86";

const MAGIC1: u64 = 0x1bad_b002;
const MAGIC2: u64 = 0xe852_50d6;
const SEARCH1: u64 = 8192;
const SEARCH2: u64 = 32768;
const ARCHITECTURE_I386: u64 = 0;

/** Flags of the first protocol. */
const FLAG_VIDEO: u64 = 0x4;
const FLAG_ADDRESSES: u64 = 0x1_0000;
/** Those that must be understood, without page alignment, memory information and video. */
const FLAGS_UNKNOWN: u64 = 0xfff8;

const OPTIONAL: u64 = 1;
const TAG_END: u64 = 0;
const TAG_INFORMATION: u64 = 1;
const TAG_ADDRESS: u64 = 2;
const TAG_ENTRY: u64 = 3;
const TAG_CONSOLE: u64 = 4;
const TAG_FRAMEBUFFER: u64 = 5;
const TAG_MODULE_ALIGN: u64 = 6;
const TAG_EFI_SERVICES: u64 = 7;
const TAG_ENTRY_EFI32: u64 = 8;
const TAG_ENTRY_EFI64: u64 = 9;
const TAG_RELOCATABLE: u64 = 10;
/** The last tag of the boot information that the specification knows: image load base. */
const LAST_INFORMATION: u64 = 21;

const CONSOLE_REQUIRED: u64 = 1;
const CONSOLE_TEXT: u64 = 2;
const PREFER_HIGH: u64 = 2;
/** Steps in which low memory is looked for. */
const STEP: u64 = 1 << 20;

/** Offset of the header in the file. */
let header: u64 = 0;

/** What the header asks for. */
export let wantsVideo: bool = false;
/** Whether it accepts text, and whether it must have some console. */
export let acceptsText: bool = false;
export let needsConsole: bool = false;
export let videoWidth: u32 = 0;
export let videoHeight: u32 = 0;
export let videoDepth: u32 = 0;
/** Whether boot services of UEFI stay, and the kernel is entered in 64-bit mode. */
export let keepsServices: bool = false;
export let kernelEntry: u64 = 0;
/** Whether sections of ELF can be told: the segments came from there. */
export let fromElf: bool = false;

/** Whether the file has a header of the first protocol. */
export function hasMultiboot1(at: u64, size: u64): bool {
  for (header = 0; header + 12 <= size && header + 12 <= SEARCH1; header += 4) {
    if (load32(at + header) !== MAGIC1) continue;
    if (<u32>(MAGIC1 + load32(at + header + 4) + load32(at + header + 8)) === 0) return true;
  }
  return false;
}

/** Whether the file has a header of the second protocol for this architecture. */
export function hasMultiboot2(at: u64, size: u64): bool {
  for (header = 0; header + 16 <= size && header + 16 <= SEARCH2; header += 8) {
    const start = at + header;
    if (load32(start) !== MAGIC2 || load32(start + 4) !== ARCHITECTURE_I386) continue;
    const sum = MAGIC2 + load32(start + 4) + load32(start + 8) + load32(start + 12);
    if (<u32>sum === 0) return true;
  }
  return false;
}

function clear(): void {
  wantsVideo = false;
  acceptsText = true;
  needsConsole = false;
  videoWidth = 0;
  videoHeight = 0;
  videoDepth = 0;
  keepsServices = false;
  kernelEntry = 0;
}

/**
 * The segment of a kernel that is no ELF file: loaded from `load` to `loadEnd` (0: to the end of the file), cleared to
 * `bssEnd` (0: nothing), the header being at `headerAddress`.
 */
function addressSegment(
  file: ImageFile,
  at: u64,
  headerAddress: u64,
  load: u64,
  loadEnd: u64,
  bssEnd: u64,
): bool {
  const path = file.path;
  const length = file.pathLength;
  if (load > headerAddress || headerAddress - load > header) {
    return failFile(path, length, "the header's load address is wrong");
  }
  const offset = header - (headerAddress - load);
  if (loadEnd !== 0 && loadEnd < load) {
    return failFile(path, length, "the header's load end address is before the start");
  }
  const bytes = loadEnd === 0 ? file.size - offset : loadEnd - load;
  if (!isInFile(offset, bytes, file.size)) {
    return failFile(path, length, "is cut off before the header's load end address");
  }
  if (bssEnd !== 0 && bssEnd < load + bytes) {
    return failFile(path, length, "the header's bss end address is before the load end address");
  }
  const memory = bssEnd === 0 ? bytes : bssEnd - load;
  if (memory === 0) return failFile(path, length, "the header's addresses have nothing to load");
  if (memory > BELOW_4_GIB - load) return failFile(path, length, "goes beyond 4 GiB");
  fromElf = false;
  return addSegment(load, at + offset, bytes, memory);
}

function elfSegments(file: ImageFile, at: u64): bool {
  fromElf = true;
  if (!isElf(at, file.size)) {
    return failFile(file.path, file.pathLength, "is no ELF file and its header has no addresses");
  }
  if (!readElf(file, at)) return false;
  kernelEntry = elfEntry;
  return true;
}

/** Reads the header that `hasMultiboot1` has found; false after an error has been printed. */
export function readHeader1(file: ImageFile, at: u64): bool {
  clear();
  const start = at + header;
  const flags = load32(start + 4);
  if ((flags & FLAGS_UNKNOWN) !== 0) {
    beginFileError(file.path, file.pathLength);
    print("Multiboot header requires flags that are not known: ");
    printHex(flags & FLAGS_UNKNOWN);
    return endError();
  }
  if ((flags & FLAG_VIDEO) !== 0) {
    if (header + 48 > file.size)
      return failFile(file.path, file.pathLength, "Multiboot header is cut off");
    wantsVideo = load32(start + 32) === 0;
    videoWidth = <u32>load32(start + 36);
    videoHeight = <u32>load32(start + 40);
    videoDepth = <u32>load32(start + 44);
  }
  if ((flags & FLAG_ADDRESSES) === 0) return elfSegments(file, at);
  if (header + 32 > file.size)
    return failFile(file.path, file.pathLength, "Multiboot header is cut off");
  kernelEntry = load32(start + 28);
  return addressSegment(
    file,
    at,
    load32(start + 12),
    load32(start + 16),
    load32(start + 20),
    load32(start + 24),
  );
}

function unknown(file: ImageFile, what: string, number: u64): bool {
  beginFileError(file.path, file.pathLength);
  print(what);
  printDecimal(number);
  print(", which is not known");
  return endError();
}

/** Bytes that each tag has at least, by type; tags without fields have their header alone. */
function leastBytes(type: u64): u64 {
  if (type === TAG_ADDRESS || type === TAG_RELOCATABLE) return 24;
  if (type === TAG_FRAMEBUFFER) return 20;
  if (type === TAG_ENTRY || type === TAG_CONSOLE) return 12;
  return type === TAG_ENTRY_EFI32 || type === TAG_ENTRY_EFI64 ? 12 : 8;
}

/** The tags that matter once all are known; offsets in the file, 0 where they are not there. */
let addressTag: u64 = 0;
let entryTag: u64 = 0;
let entryEfiTag: u64 = 0;
let relocatableTag: u64 = 0;
let services: bool = false;

/** Reads the header that `hasMultiboot2` has found; false after an error has been printed. */
export function readHeader2(file: ImageFile, at: u64): bool {
  clear();
  addressTag = 0;
  entryTag = 0;
  entryEfiTag = 0;
  relocatableTag = 0;
  services = false;
  const bytes = load32(at + header + 8);
  if (!isInFile(header, bytes, file.size)) {
    return failFile(file.path, file.pathLength, "Multiboot2 header is cut off");
  }
  const end = header + bytes;
  for (let tag = header + 16; tag + 8 <= end; ) {
    const type = load16(at + tag);
    const size = load32(at + tag + 4);
    if (type === TAG_END) break;
    if (size < leastBytes(type) || size > end - tag) {
      return failFile(file.path, file.pathLength, "Multiboot2 header has a tag of a wrong size");
    }
    if (!readTag(file, at, tag, type, size)) return false;
    tag += (size + 7) & ~7;
  }
  return applyTags(file, at);
}

function readTag(file: ImageFile, at: u64, tag: u64, type: u64, size: u64): bool {
  const fields = at + tag + 8;
  const optional = (load16(at + tag + 2) & OPTIONAL) !== 0;
  if (type === TAG_INFORMATION) return optional || readRequests(file, fields, (size - 8) >> 2);
  if (type === TAG_ADDRESS) addressTag = tag;
  else if (type === TAG_ENTRY) entryTag = tag;
  else if (type === TAG_CONSOLE) {
    const flags = load32(fields);
    needsConsole = (flags & CONSOLE_REQUIRED) !== 0;
    acceptsText = (flags & CONSOLE_TEXT) !== 0;
  } else if (type === TAG_FRAMEBUFFER) {
    videoWidth = <u32>load32(fields);
    videoHeight = <u32>load32(fields + 4);
    videoDepth = <u32>load32(fields + 8);
    // A kernel that does not mind which, and that there may be none, gets one where there is one anyway.
    wantsVideo = !optional || videoWidth !== 0 || videoHeight !== 0 || videoDepth !== 0;
  } else if (type === TAG_EFI_SERVICES) services = true;
  else if (type === TAG_ENTRY_EFI64) entryEfiTag = tag;
  else if (type === TAG_RELOCATABLE) relocatableTag = tag;
  else if (type !== TAG_MODULE_ALIGN && type !== TAG_ENTRY_EFI32 && !optional) {
    return unknown(file, "Multiboot2 header requires tag ", type);
  }
  return true;
}

function readRequests(file: ImageFile, at: u64, count: u64): bool {
  for (let i: u64 = 0; i < count; i++) {
    const type = load32(at + 4 * i);
    if (type > LAST_INFORMATION) {
      return unknown(file, "Multiboot2 header requires information ", type);
    }
  }
  return true;
}

function applyTags(file: ImageFile, at: u64): bool {
  if (addressTag !== 0) {
    const fields = at + addressTag + 8;
    const made = addressSegment(
      file,
      at,
      load32(fields),
      load32(fields + 4),
      load32(fields + 8),
      load32(fields + 12),
    );
    if (!made) return false;
    if (entryTag === 0 && entryEfiTag === 0) {
      return failFile(file.path, file.pathLength, "Multiboot2 header has addresses but no entry");
    }
  } else if (!elfSegments(file, at)) {
    return false;
  }
  if (entryTag !== 0) kernelEntry = load32(at + entryTag + 8);
  // Specification, 3.1.12: the entry for UEFI counts where boot services stay, and goes before the others.
  if (firmware.efi !== null && services && entryEfiTag !== 0) {
    keepsServices = true;
    kernelEntry = load32(at + entryEfiTag + 8);
  }
  return relocatableTag === 0 || relocate(file, at + relocatableTag + 8);
}

/**
 * Finds a place within the limits that the relocatable tag states (3.1.13): where it is linked to if that will do, else
 * as low or as high as it prefers.
 */
function relocate(file: ImageFile, fields: u64): bool {
  const lowest = load32(fields);
  const highest = load32(fields + 4);
  const alignment = max<u64>(PAGE, load32(fields + 8));
  const high = load32(fields + 12) === PREFER_HIGH;
  const start = kernelStart();
  const bytes = kernelEnd() - start;
  const fits = start >= lowest && start + bytes - 1 <= highest && (start & (alignment - 1)) === 0;
  if (fits && !high && isUsable(start, start + bytes)) return true;
  const place =
    (alignment & (alignment - 1)) === 0 ? placeWithin(lowest, highest, bytes, alignment, high) : 0;
  if (place === 0) {
    return failFile(
      file.path,
      file.pathLength,
      "there is no memory where its relocatable tag allows it",
    );
  }
  moveSegments(place - start);
  kernelEntry += place - start;
  return true;
}

/** Memory whose bytes lie from `lowest` to `highest`, or 0. */
function placeWithin(lowest: u64, highest: u64, bytes: u64, alignment: u64, high: bool): u64 {
  const size = bytes + alignment - PAGE;
  let limit = high ? highest + 1 : lowest + size;
  for (; limit <= highest + 1; limit += max(alignment, STEP)) {
    const found = firmware.allocate(size, limit);
    const place = (found + alignment - 1) & ~(alignment - 1);
    if (found !== 0 && place >= lowest && place + bytes - 1 <= highest) return place;
  }
  return 0;
}
