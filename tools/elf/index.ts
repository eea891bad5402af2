// The ELF room's public face: relocatable objects in memory, the linker, and the reader for ELF files.

export {
  FileType,
  Machine,
  SectionFlag,
  SectionType,
  SegmentFlag,
  SegmentType,
  SymbolType,
} from "./constants.ts";
export * from "./dwarf/expression.ts";
export {
  LinkError,
  type LinkOptions,
  type LinkSegment,
  linkElf,
  linkMovable,
  type MovableImage,
} from "./link.ts";
export type {
  AddressTable,
  CallFrame,
  CfaRule,
  DebugFunction,
  DebugType,
  DebugVariable,
  FrameRow,
  InlinedCall,
  LineRow,
  ObjectFile,
  ObjectSection,
  ObjectSymbol,
  RegisterRule,
  Relocation,
  RelocationKind,
} from "./object.ts";
export { NO_ADDRESS } from "./object.ts";
export {
  ElfError,
  type ElfFile,
  type ElfSection,
  type ElfSegment,
  type ElfSymbol,
  readElf,
} from "./read.ts";
export { readRelocatable, writeRelocatable } from "./relocatable.ts";
export type { Image, ImageSegment } from "./write.ts";
