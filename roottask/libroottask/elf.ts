// Validation of ELF64 executables and interpreters: System V ABI, "Object files" and the AMD64 supplement. Only what a
// loader needs: header, PT_LOAD, PT_INTERP; PT_TLS is the program's own business. Nothing is trusted.

import { PAGE_SIZE } from "../libhedron/abi";
import { PATH_MAX } from "./tree";

export const ELF_OK: u32 = 0;
export const ELF_TRUNCATED: u32 = 1;
export const ELF_MAGIC: u32 = 2;
export const ELF_CLASS: u32 = 3;
export const ELF_MACHINE: u32 = 4;
export const ELF_TYPE: u32 = 5;
export const ELF_HEADERS: u32 = 6;
export const ELF_SEGMENT_FILE: u32 = 7;
export const ELF_SEGMENT_ADDRESS: u32 = 8;
export const ELF_EMPTY: u32 = 9;
export const ELF_DYNAMIC: u32 = 10;
export const ELF_ENTRY: u32 = 11;
export const ELF_MEMORY: u32 = 12;
export const ELF_INTERPRETER_NAME: u32 = 13;
/** The interpreter is not there, may not be executed, or is none. */
export const ELF_INTERPRETER_MISSING: u32 = 14;
export const ELF_INTERPRETER_RIGHTS: u32 = 15;
export const ELF_INTERPRETER_FILE: u32 = 16;

/** Bytes of a record `Elf`. */
export const ELF_BYTES: u32 = 96;

export const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
export const EM_X86_64: u16 = 62;
const HEADER_SIZE: u32 = 64;
export const SEGMENT_SIZE: u32 = 56;
/** Where a position independent executable goes, as Linux does without randomisation. */
const PIE_BASE: u64 = 0x5555_5555_4000;
/** Below it lie the pages nobody may map, above it stack and UTCB. */
const LOWEST: u64 = 0x1000;
const HIGHEST: u64 = 0x7000_0000_0000;

export const PF_X: u32 = 1;
export const PF_W: u32 = 2;
export const PF_R: u32 = 4;

/** What `checkElf` found. */
@unmanaged
export class Elf {
  file: usize;
  size: u32;
  /** Bytes at `file` that were copied there for it, 0 where they are the archive's. */
  copied: u32;
  /** Added to every address of the file. */
  bias: u64;
  entry: u64;
  segmentOffset: u64;
  segmentCount: u32;
  /** Address of the program headers in memory, 0 where no segment covers them. */
  headers: u64;
  /** First page of the first segment, and first address behind the last one. */
  start: u64;
  end: u64;
  /** Where the name of its interpreter is in the file, and its bytes without the NUL: 0 where it needs none. */
  interpreter: u32;
  interpreterLength: u32;
  /** What is added to addresses of the interpreter that has been loaded, and where that begins; 0 without one. */
  interpreterBase: u64;
  interpreterEntry: u64;
}

/** Where a program begins: in its interpreter, if it has one. */
export function firstInstruction(elf: Elf): u64 {
  return elf.interpreterEntry !== 0 ? elf.interpreterEntry : elf.entry;
}

/** The file may lie anywhere. */
export function movable(elf: Elf): bool {
  return load<u16>(elf.file + 16) === ET_DYN;
}

/** Changes what is added to the addresses of a file that has been checked. */
export function moveElf(elf: Elf, bias: u64): void {
  const by = bias - elf.bias;
  elf.bias = bias;
  elf.entry += by;
  elf.start += by;
  elf.end += by;
  if (elf.headers !== 0) elf.headers += by;
}

/** One program header, as it is in the file. */
@unmanaged
export class Segment {
  type: u32;
  flags: u32;
  offset: u64;
  address: u64;
  physical: u64;
  fileSize: u64;
  memorySize: u64;
  align: u64;
}

/** Offset in the file of what the last `checkElf` complained about. */
export let elfOffset: u32 = 0;

export function elfMessage(error: u32): string {
  switch (error) {
    case ELF_TRUNCATED:
      return "the file is shorter than an ELF header";
    case ELF_MAGIC:
      return "not an ELF file";
    case ELF_CLASS:
      return "not a little-endian 64-bit ELF file";
    case ELF_MACHINE:
      return "not for x86-64";
    case ELF_TYPE:
      return "not an executable";
    case ELF_HEADERS:
      return "the program headers reach beyond the end of the file";
    case ELF_SEGMENT_FILE:
      return "a segment reaches beyond the end of the file";
    case ELF_SEGMENT_ADDRESS:
      return "a segment's addresses are not usable";
    case ELF_EMPTY:
      return "no loadable segment";
    case ELF_DYNAMIC:
      return "dynamically linked, which native programs cannot be; link it statically";
    case ELF_ENTRY:
      return "the entry point is in no executable segment";
    case ELF_INTERPRETER_NAME:
      return "the name of its interpreter is broken";
    case ELF_INTERPRETER_MISSING:
      return "its interpreter, the dynamic linker, is not there; put it and the libraries into the archive";
    case ELF_INTERPRETER_RIGHTS:
      return "its interpreter, the dynamic linker, may not be executed";
    case ELF_INTERPRETER_FILE:
      return "its interpreter, the dynamic linker, is no ELF file for x86-64";
    default:
      return "out of memory";
  }
}

export function segmentOf(elf: Elf, index: u32): Segment {
  return changetype<Segment>(elf.file + (elf.segmentOffset as usize) + index * SEGMENT_SIZE);
}

/** The segment is one to load. */
export function loadable(segment: Segment): bool {
  return segment.type === PT_LOAD && segment.memorySize !== 0;
}

/** Checks the file at [file, file + size) and fills `elf`. Returns one of ELF_…. */
export function checkElf(elf: Elf, file: usize, size: u32): u32 {
  elfOffset = 0;
  elf.file = file;
  elf.size = size;
  if (size >= 4 && load<u32>(file) !== 0x464c_457f) return ELF_MAGIC;
  if (size < HEADER_SIZE) return ELF_TRUNCATED;
  elfOffset = 4;
  if (load<u8>(file + 4) !== 2 || load<u8>(file + 5) !== 1) return ELF_CLASS;
  elfOffset = 18;
  if (load<u16>(file + 18) !== EM_X86_64) return ELF_MACHINE;
  elfOffset = 16;
  const type = load<u16>(file + 16);
  if (type !== ET_EXEC && type !== ET_DYN) return ELF_TYPE;
  const bias = type === ET_DYN ? PIE_BASE : 0;
  elfOffset = 32;
  const offset = load<u64>(file + 32);
  const count = load<u16>(file + 56) as u32;
  if (load<u16>(file + 54) !== SEGMENT_SIZE && count !== 0) return ELF_HEADERS;
  if (offset > (size as u64) || ((count * SEGMENT_SIZE) as u64) > (size as u64) - offset) {
    return ELF_HEADERS;
  }
  elf.bias = bias;
  elf.entry = load<u64>(file + 24) + bias;
  elf.segmentOffset = offset;
  elf.segmentCount = count;
  elf.headers = 0;
  elf.start = 0;
  elf.end = 0;
  elf.interpreter = 0;
  elf.interpreterLength = 0;
  elf.interpreterBase = 0;
  elf.interpreterEntry = 0;
  return checkSegments(elf);
}

/** Takes the name of the interpreter from its segment. False where it is none: NUL-terminated, of a path's length. */
function takeInterpreter(elf: Elf, segment: Segment): bool {
  const size = elf.size as u64;
  if (segment.offset > size || segment.fileSize > size - segment.offset) return false;
  if (segment.fileSize < 2 || segment.fileSize > (PATH_MAX as u64)) return false;
  const name = elf.file + (segment.offset as usize);
  if (load<u8>(name + (segment.fileSize as usize) - 1) !== 0) return false;
  elf.interpreter = segment.offset as u32;
  while (load<u8>(name + elf.interpreterLength) !== 0) elf.interpreterLength++;
  return elf.interpreterLength !== 0;
}

function checkSegments(elf: Elf): u32 {
  const size = elf.size as u64;
  let entryFound = false;
  let previousEnd: u64 = LOWEST;
  for (let i: u32 = 0; i < elf.segmentCount; i++) {
    const segment = segmentOf(elf, i);
    elfOffset = (elf.segmentOffset as u32) + i * SEGMENT_SIZE;
    // As on Linux, the first one counts.
    if (segment.type === PT_INTERP && elf.interpreter === 0 && !takeInterpreter(elf, segment)) {
      return ELF_INTERPRETER_NAME;
    }
    if (!loadable(segment)) continue;
    if (segment.offset > size || segment.fileSize > size - segment.offset) return ELF_SEGMENT_FILE;
    if (segment.fileSize > segment.memorySize) return ELF_SEGMENT_FILE;
    if (segment.address > HIGHEST || segment.memorySize > HIGHEST) return ELF_SEGMENT_ADDRESS;
    const start = segment.address + elf.bias;
    const end = start + segment.memorySize;
    if (start < previousEnd || end > HIGHEST) return ELF_SEGMENT_ADDRESS;
    if (((segment.address ^ segment.offset) & ((PAGE_SIZE - 1) as u64)) !== 0) {
      return ELF_SEGMENT_ADDRESS;
    }
    previousEnd = end;
    if (elf.end === 0) elf.start = start & ~((PAGE_SIZE - 1) as u64);
    elf.end = end;
    if ((segment.flags & PF_X) !== 0 && elf.entry >= start && elf.entry < end) entryFound = true;
    const covered = elf.segmentOffset - segment.offset;
    if (
      elf.segmentOffset >= segment.offset &&
      covered + ((elf.segmentCount * SEGMENT_SIZE) as u64) <= segment.fileSize
    ) {
      elf.headers = start + covered;
    }
  }
  if (elf.end === 0) return ELF_EMPTY;
  elfOffset = 24;
  return entryFound ? ELF_OK : ELF_ENTRY;
}
