// The seam between the loader and the firmware it runs on: what BIOS and UEFI do for it, as function values. The
// `main.ts` of each firmware assigns all of them to the fields of `firmware`, then calls `runLoader()` (loader.ts).

/** What `readKey` returns beside ASCII. */
export const KEY_UP: i32 = 0x101;
export const KEY_DOWN: i32 = 0x102;
export const KEY_LEFT: i32 = 0x103;
export const KEY_RIGHT: i32 = 0x104;
export const KEY_HOME: i32 = 0x105;
export const KEY_END: i32 = 0x106;
export const KEY_DELETE: i32 = 0x107;
export const NO_KEY: i32 = -1;

/** Types of memory ranges: ACPI Specification 6.5, table 15.1 (address range types of INT 15h, E820). */
export const MEMORY_USABLE: u32 = 1;
export const MEMORY_RESERVED: u32 = 2;
export const MEMORY_ACPI: u32 = 3;
export const MEMORY_NVS: u32 = 4;
export const MEMORY_BAD: u32 = 5;
export const MEMORY_PERSISTENT: u32 = 7;

/** `Framebuffer.type`: Multiboot2 Specification 2.0, 3.6.12. */
export const FRAMEBUFFER_INDEXED: u8 = 0;
export const FRAMEBUFFER_RGB: u8 = 1;
export const FRAMEBUFFER_TEXT: u8 = 2;

/** Bytes of a block: what the image is addressed by, whatever the sectors of the medium. */
export const BLOCK: u32 = 2048;

/** A video mode that has been set. */
@unmanaged
export class Framebuffer {
  /** Physical address of the first pixel; of the first character cell in text mode. */
  address: u64;
  /** Bytes from one line to the next. */
  pitch: u32;
  /** Pixels; characters in text mode. */
  width: u32;
  height: u32;
  /** Bits of a pixel, 16 of a character cell. */
  depth: u8;
  /** FRAMEBUFFER_… */
  type: u8;
  /** Lowest bit and number of bits of each colour (RGB only). */
  redPosition: u8;
  redBits: u8;
  greenPosition: u8;
  greenBits: u8;
  bluePosition: u8;
  blueBits: u8;
  /** VBE mode number, 0 where there is no VBE; VbeInfoBlock (512 bytes) and ModeInfoBlock (256): VBE Core 3.0, 4.3 and 4.4. */
  vbeMode: u16;
  vbeControl: u64;
  vbeModeInfo: u64;
  /** The protected-mode interface as function 4F0Ah gives it, 0 where there is none. */
  vbeInterfaceSegment: u16;
  vbeInterfaceOffset: u16;
  vbeInterfaceBytes: u16;
}

/** What kernels are told about UEFI. The map is the final one once `leave` has returned. */
@unmanaged
export class EfiInfo {
  imageHandle: u64;
  systemTable: u64;
  /** Physical address and bytes of the memory map, the bytes and version of one descriptor. */
  map: u64;
  mapBytes: u64;
  descriptorBytes: u32;
  descriptorVersion: u32;
}

/** APM BIOS, connected to its 32-bit interface: Multiboot2 Specification 2.0, 3.6.11; APM 1.2, 4.6.5. */
@unmanaged
export class ApmInfo {
  version: u16;
  codeSegment: u16;
  offset: u32;
  codeSegment16: u16;
  dataSegment: u16;
  flags: u16;
  codeSegmentBytes: u16;
  codeSegment16Bytes: u16;
  dataSegmentBytes: u16;
}

@unmanaged
export class Firmware {
  /**
   * Reads `count` blocks of the image from `block` on to physical memory at `to`; 0, or the firmware's status (BIOS: AH;
   * UEFI: EFI_STATUS). The firmware's side retries.
   */
  readBlocks: (block: u32, count: u32, to: u64) => u64;
  /** The name of a status, "" where it has none; null where the firmware has no names at all. */
  statusName: ((status: u64) => string) | null;

  /** The firmware's text screen. */
  screenColumns: () => u32;
  screenRows: () => u32;
  screenClear: () => void;
  screenAt: (x: u32, y: u32) => void;
  /** `attribute` is that of VGA text: background in bits 4 to 6, foreground in bits 0 to 3. */
  screenColor: (attribute: u8) => void;
  /** ASCII; \n goes to the start of the next line and scrolls at the bottom. */
  screenPut: (code: u32) => void;
  /**
   * Whether the firmware's console has COM1 too, as where it is redirected to the serial line: then the loader leaves the
   * line alone until the firmware's services have ended, lest every character is there twice.
   */
  consoleOnSerialLine: bool;
  /** ASCII, KEY_…, or NO_KEY where none waits. */
  readKey: () => i32;
  /** Since some moment before the start; never goes back. */
  milliseconds: () => u64;

  /** Calls `addRange` (memory_map.ts) for each range; false where the firmware gives no map. */
  readMemoryMap: () => bool;
  /** Physical memory on a page boundary that ends at or below `below`; 0 where there is none. */
  allocate: (bytes: u64, below: u64) => u64;
  /** The memory exactly there (whole pages); false, and nothing taken, where part of it is in use or is no memory. */
  claim: (address: u64, bytes: u64) => bool;

  /** Sets the mode nearest to the wish, where 0 means any; false leaves the text screen as it is. */
  setVideo: (width: u32, height: u32, depth: u32, out: Framebuffer) => bool;
  /** Physical addresses of the ACPI RSDP and the SMBIOS entry point, or 0. */
  rsdp: () => u64;
  smbios: () => u64;
  /** Connects to APM and fills in what it is; false where there is none. */
  apm: (out: ApmInfo) => bool;
  /** INT 13h number of the drive started from, or -1. */
  bootDrive: () => i32;
  /** Null with BIOS. */
  efi: EfiInfo | null;

  /**
   * Ends the firmware's services; 0 or its status. After success only `readMemoryMap`, which then gives the final map,
   * `rsdp`, `smbios` and `bootDrive` are called, which therefore use no service.
   */
  leave: () => u64;
  /** There is nothing to start: waits for a key, then restarts or returns to the firmware. */
  stop: () => void;
}

/** The one firmware, all null until `main.ts` has filled it in. */
export const firmware = changetype<Firmware>(memory.data(offsetof<Firmware>(), 8));
