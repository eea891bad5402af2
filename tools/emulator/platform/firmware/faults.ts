// What a BIOS can lack or get wrong: options for tests of boot loaders. Nothing here happens unless it is asked for,
// and what has happened so far is part of the machine's state.

/** Sectors that cannot be read by INT 13h, AH=02h or 42h. */
export interface ReadFault {
  /** BIOS drive number; any drive by default. */
  drive?: number;
  /** First sector, in sectors of the drive (512 bytes, 2048 on CDs). */
  first: number;
  /** Sectors, 1 by default. */
  count?: number;
  /**
   * The status in AH, 1–255 (Ralf Brown's interrupt list, table 00234: 04h sector not found, 10h uncorrectable,
   * 20h controller failure, 80h timeout). 0: the BIOS says that all is well.
   */
  status: number;
  /** How many reads fail before one succeeds; all of them by default. */
  times?: number;
  /** Sectors before the faulty one are moved and counted; otherwise none is. */
  partial?: boolean;
}

export interface DiskFaults {
  /** INT 13h, AH=41h to 49h and 4Eh do not exist: status 01h. */
  noExtensions?: boolean;
  reads?: readonly ReadFault[];
  /** Most sectors of one transfer; more give status 01h. */
  maxSectors?: number;
  /** Transfers across a multiple of 64 KiB give status 09h, as DMA of the ISA bus has it. */
  dmaBoundary?: boolean;
}

/** Services that tell the size of memory: INT 15h, AX=E820h, AX=E801h (and E881h), AH=88h. */
export type MemoryService = "e820" | "e801" | "88";

export interface MemoryFaults {
  /** Those that there are; the others set CF with AH=86h. All by default. */
  services?: readonly MemoryService[];
  /** What E820 reports instead of the machine's map, whatever sense it makes. Bytes; types of ACPI 6.4, table 15.2. */
  ranges?: readonly { start: number; length: number; type: number }[];
  /** Conventional memory, KiB, by INT 12h, data area and map; 639 by default. */
  conventionalKib?: number;
}

/** Ways to switch A20: INT 15h, AX=2400h and 2401h; port 92h; the keyboard controller's output port. */
export type A20Method = "bios" | "port92" | "keyboard";

export interface A20Faults {
  /** The BIOS leaves A20 on. True by default. */
  on?: boolean;
  /** Ways that say they have switched it, and have not. */
  stuck?: readonly A20Method[];
}

export interface BiosFaults {
  disk?: DiskFaults;
  memory?: MemoryFaults;
  a20?: A20Faults;
}
