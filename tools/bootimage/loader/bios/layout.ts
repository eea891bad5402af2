// Where the BIOS loader lies in conventional memory. Everything below START is free on a PC once the boot sector
// has been left, the BIOS data area up to 0x500 aside; what lies from START on must end below what INT 12h answers.

/** PML4, page-directory-pointer table and four page directories: the low 4 GiB at their own addresses. */
export const PAGE_TABLES = 0x1000;
/** Where the BIOS puts boot sectors; that of a CD has 2048 bytes. The first stage's stack grows down from here. */
export const BOOT_SECTOR = 0x7c00;
/** The stack of BIOS calls, 7 KiB down to the end of the boot sector: there are BIOSes that take some of them. */
export const REAL_STACK = 0xa000;
/** The stack of the loader itself, 24 KiB. */
export const LONG_STACK = 0x10000;
/** What the BIOS reads from media: 64 KiB that begin on such a boundary, for old DMA. */
export const BOUNCE = 0x10000;
/** The loader: stubs, code, constants. */
export const START = 0x20000;
/** Static data of the compiled module. */
export const DATA = 0x38000;

/** First bytes of the loader, by which a first stage knows that it has read the right sectors: "TLDR". */
export const START_MAGIC = 0x52444c54;
/** Bytes from START to the loader's entry, which is in real mode with CS = START / 16 and the BIOS drive in DL. */
export const ENTRY = 8;

/** Exceptions that have an entry each, and bytes from one entry to the next. */
export const EXCEPTIONS = 32;
export const FAULT_ENTRY_BYTES = 16;
/** Selector of 64-bit code. */
export const CODE64 = 0x08;

/** Bytes of a block of the image. */
export const BLOCK_BYTES = 2048;
/**
 * What a first stage is told, 12 bytes at its end: u32 first block of the loader, u32 blocks of it, u32 checksum
 * (from 0, each u32 of these blocks: rotated left by one, then added).
 */
export const PATCH_BYTES = 12;
/** Code area of a master boot record: disk signature and partition table follow. */
export const MBR_BYTES = 440;
