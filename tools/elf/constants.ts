// Numbers of the ELF format used here. Source: System V ABI (gABI) chapters 4 and 5, AMD64 psABI 0.99
// section 4.1. Only what a statically linked x86 executable contains.

export const ELF_MAGIC = 0x464c457f;

export const ElfClass = { Class32: 1, Class64: 2 } as const;
export const DATA_LITTLE_ENDIAN = 1;
export const EV_CURRENT = 1;

export const FileType = { Rel: 1, Exec: 2, Dyn: 3, Core: 4 } as const;

export const Machine = { I386: 3, X86_64: 62 } as const;

export const SegmentType = {
  Null: 0,
  Load: 1,
  Dynamic: 2,
  Interp: 3,
  Note: 4,
  Phdr: 6,
  Tls: 7,
} as const;

export const SegmentFlag = { Execute: 1, Write: 2, Read: 4 } as const;

export const SectionType = {
  Null: 0,
  Progbits: 1,
  Symtab: 2,
  Strtab: 3,
  Note: 7,
  Nobits: 8,
  Dynsym: 11,
} as const;

export const SectionFlag = { Write: 1, Alloc: 2, Execute: 4 } as const;

export const SymbolBinding = { Local: 0, Global: 1, Weak: 2 } as const;

export const SymbolType = { None: 0, Object: 1, Function: 2, Section: 3, File: 4 } as const;

export const SHN_ABS = 0xfff1;

/** Sizes in bytes of the file, program, section header and symbol of each class. */
export const RecordSize = {
  32: { header: 52, program: 32, section: 40, symbol: 16 },
  64: { header: 64, program: 56, section: 64, symbol: 24 },
} as const;

/** Page size the file offsets and addresses of loadable segments agree modulo, in bytes. */
export const PAGE_SIZE = 4096;
