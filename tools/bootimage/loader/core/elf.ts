// ELF executables, 32 and 64 bits wide, as kernels: their segments by physical address, the entry point, the section
// headers that Multiboot passes on. System V ABI, chapters 4 and 5; the file is in physical memory as a whole. Numbers in
// it can be anything: each is checked before it is used.

import { BELOW_4_GIB } from "./allocator";
import { failFile } from "./failure";
import { ImageFile } from "./image_file";
import { addSegment } from "./placement";
import { load8, load16, load32, load64 } from "./x86";

const ELF_MAGIC: u64 = 0x464c_457f;
const CLASS_32: u64 = 1;
const CLASS_64: u64 = 2;
const LITTLE_ENDIAN: u64 = 1;
const MACHINE_386: u64 = 3;
const MACHINE_X86_64: u64 = 62;
const PT_LOAD: u64 = 1;

/** Where the file is. */
let at: u64 = 0;
let size: u64 = 0;
let wide: bool = false;

/** Entry point, a physical address. */
export let elfEntry: u64 = 0;
/** Section headers: offset in the file, number, bytes of one, index of the one with their names. */
export let sectionOffset: u64 = 0;
export let sectionCount: u32 = 0;
export let sectionBytes: u32 = 0;
export let sectionNames: u32 = 0;

/** Whether the file begins as ELF does. */
export function isElf(start: u64, bytes: u64): bool {
  return bytes >= 52 && load32(start) === ELF_MAGIC;
}

/** Whether the section headers are those of 64-bit files. */
export function isWide(): bool {
  return wide;
}

/** A number of the file's class at one of two offsets. */
function word(base: u64, offset32: u64, offset64: u64): u64 {
  return wide ? load64(base + offset64) : load32(base + offset32);
}

/** Whether `bytes` from `offset` on are in the file. */
export function isInFile(offset: u64, bytes: u64, fileSize: u64): bool {
  return offset <= fileSize && bytes <= fileSize - offset;
}

/** Adds the segments of the executable at `start` (placement.ts); false after an error has been printed. */
export function readElf(file: ImageFile, start: u64): bool {
  at = start;
  size = file.size;
  const path = file.path;
  const length = file.pathLength;
  const elfClass = load8(at + 4);
  wide = elfClass === CLASS_64;
  if (elfClass !== CLASS_32 && elfClass !== CLASS_64)
    return failFile(path, length, "ELF of no known class");
  if (load8(at + 5) !== LITTLE_ENDIAN) return failFile(path, length, "ELF of another byte order");
  const machine = load16(at + 18);
  if (machine !== MACHINE_386 && machine !== MACHINE_X86_64) {
    return failFile(path, length, "ELF for another processor");
  }
  if (wide && size < 64) return failFile(path, length, "ELF is cut off in its header");
  const headers = word(at, 28, 32);
  const headerBytes = load16(at + (wide ? 54 : 42));
  const count = load16(at + (wide ? 56 : 44));
  if (count === 0) return failFile(path, length, "ELF has no segments");
  const least: u64 = wide ? 56 : 32;
  if (least > headerBytes || !isInFile(headers, headerBytes * count, size)) {
    return failFile(path, length, "ELF is cut off in its program headers");
  }
  return readSegments(file, headers, headerBytes, count) && readSections();
}

function readSegments(file: ImageFile, headers: u64, headerBytes: u64, count: u64): bool {
  const path = file.path;
  const length = file.pathLength;
  const entry = word(at, 24, 24);
  let entered = false;
  let loaded = false;
  for (let i: u64 = 0; i < count; i++) {
    const header = at + headers + i * headerBytes;
    if (load32(header) !== PT_LOAD) continue;
    const offset = word(header, 4, 8);
    const virtual = word(header, 8, 16);
    const physical = word(header, 12, 24);
    const bytes = word(header, 16, 32);
    const memory = word(header, 20, 40);
    if (memory === 0) continue;
    if (bytes > memory) return failFile(path, length, "ELF segment has more bytes than memory");
    if (!isInFile(offset, bytes, size))
      return failFile(path, length, "ELF is cut off in a segment");
    if (physical > BELOW_4_GIB || memory > BELOW_4_GIB - physical) {
      return failFile(path, length, "ELF segment goes beyond 4 GiB");
    }
    if (!addSegment(physical, at + offset, bytes, memory)) {
      return failFile(path, length, "ELF has more than 64 segments");
    }
    loaded = true;
    if (!entered && entry - virtual < memory) {
      elfEntry = physical + (entry - virtual);
      entered = true;
    }
  }
  if (!loaded) return failFile(path, length, "ELF has nothing to load");
  return entered || failFile(path, length, "ELF entry point is in no segment");
}

/** Section headers are only passed on: where they are not whole there are none. */
function readSections(): bool {
  sectionOffset = word(at, 32, 40);
  sectionBytes = <u32>load16(at + (wide ? 58 : 46));
  sectionCount = <u32>load16(at + (wide ? 60 : 48));
  sectionNames = <u32>load16(at + (wide ? 62 : 50));
  const whole =
    sectionOffset > 0 &&
    sectionBytes >= (wide ? 64 : 40) &&
    isInFile(sectionOffset, <u64>sectionCount * sectionBytes, size);
  if (!whole) sectionCount = 0;
  return true;
}
