// Numbers of PE/COFF files that UEFI applications for x64 use. Source: PE Format (Microsoft, "PE/COFF specification"),
// sections named below.

/** "MS-DOS Stub (Image Only)", "Signature (Image Only)". */
export const DOS_MAGIC = 0x5a4d;
export const PE_SIGNATURE = 0x0000_4550;
/** "Machine Types". */
export const MACHINE_AMD64 = 0x8664;
/** "Optional Header Standard Fields": PE32+. */
export const PE32_PLUS = 0x20b;
/** "Windows Subsystem": EFI application. */
export const SUBSYSTEM_EFI_APPLICATION = 10;

/** "Characteristics". */
export const FileFlag = { ExecutableImage: 0x0002, LargeAddressAware: 0x0020 } as const;

/** "DLL Characteristics". */
export const DllFlag = { HighEntropyVa: 0x0020, DynamicBase: 0x0040, NxCompat: 0x0100 } as const;

/** "Section Flags". */
export const SectionFlag = {
  Code: 0x0000_0020,
  InitializedData: 0x0000_0040,
  Discardable: 0x0200_0000,
  Execute: 0x2000_0000,
  Read: 0x4000_0000,
  Write: 0x8000_0000,
} as const;

/** "Optional Header Data Directories": index of the base relocation table, and how many there are. */
export const BASE_RELOCATION_DIRECTORY = 5;
export const DIRECTORIES = 16;

/** "Base Relocation Types": a field of 64 bits; one that only fills up a block. */
export const RELOCATION_DIR64 = 10;
export const RELOCATION_ABSOLUTE = 0;

/** Bytes of the headers. */
export const Size = {
  dosHeader: 64,
  signature: 4,
  fileHeader: 20,
  /** PE32+ with all directories. */
  optionalHeader: 112 + DIRECTORIES * 8,
  sectionHeader: 40,
} as const;

/** Alignments in memory (a page) and in the file; "Optional Header Windows-Specific Fields" has their ranges. */
export const SECTION_ALIGNMENT = 4096;
export const FILE_ALIGNMENT = 512;
