// Boot information of the first protocol: Multiboot Specification 0.6.96, 3.3. One block holds the structure and all
// that it points to.

import {
  hasScreen,
  LOADER_NAME,
  lowerMemory,
  mapBase,
  mapBytes,
  mapCount,
  mapType,
  PALETTE_COLOURS,
  putPalette,
  screen,
  upperMemory,
} from "./boot_data";
import { commandLine, commandLineLength } from "./command_line";
import { Entry, moduleAt } from "./configuration";
import { FRAMEBUFFER_INDEXED, FRAMEBUFFER_RGB, firmware } from "./firmware";
import { moduleSize, moduleStart } from "./modules";
import { headerBytes, headerCount, headerNames, headersAt } from "./sections";
import {
  align,
  beginWriting,
  isFull,
  position,
  put32,
  put64,
  putName,
  putText,
  putZeros,
} from "./writer";
import { store8, store16, store32, store64 } from "./x86";

/** What the kernel finds in EAX. */
export const MULTIBOOT1_MAGIC: u64 = 0x2bad_b002;

const STRUCTURE_BYTES: u64 = 120;
const MAP_ENTRY_BYTES: u32 = 24;

const HAS_MEMORY: u32 = 1 << 0;
const HAS_BOOT_DEVICE: u32 = 1 << 1;
const HAS_COMMAND_LINE: u32 = 1 << 2;
const HAS_MODULES: u32 = 1 << 3;
const HAS_ELF_SECTIONS: u32 = 1 << 5;
const HAS_MAP: u32 = 1 << 6;
const HAS_LOADER_NAME: u32 = 1 << 9;
const HAS_VBE: u32 = 1 << 11;
const HAS_FRAMEBUFFER: u32 = 1 << 12;

/** Offsets in the structure. */
const FLAGS: u64 = 0;
const MEM_LOWER: u64 = 4;
const MEM_UPPER: u64 = 8;
const BOOT_DEVICE: u64 = 12;
const CMDLINE: u64 = 16;
const MODS_COUNT: u64 = 20;
const MODS_ADDR: u64 = 24;
const ELF_NUM: u64 = 28;
const ELF_SIZE: u64 = 32;
const ELF_ADDR: u64 = 36;
const ELF_SHNDX: u64 = 40;
const MMAP_LENGTH: u64 = 44;
const MMAP_ADDR: u64 = 48;
const LOADER: u64 = 64;
const VBE_CONTROL: u64 = 72;
const VBE_MODE_INFO: u64 = 76;
const VBE_MODE: u64 = 80;
const FRAMEBUFFER: u64 = 88;
/** The specification's table says 110; its C structure, GRUB and all kernels that use that have it here. */
const COLOURS: u64 = 112;

/** Room that the information takes, with a map of at most `ranges` ranges. */
export function informationBytes1(entry: Entry, ranges: i32): u64 {
  let bytes = STRUCTURE_BYTES + <u64>commandLineLength() + 256 + <u64>ranges * MAP_ENTRY_BYTES;
  for (let i = 0; i < entry.modules; i++) bytes += <u64>moduleAt(entry, i).textLength + 17;
  return bytes;
}

/** Writes it at `at`; false where `room` bytes are too few. */
export function writeInformation1(entry: Entry, at: u64, room: u64): bool {
  let flags = HAS_MEMORY | HAS_COMMAND_LINE | HAS_MAP | HAS_LOADER_NAME;
  beginWriting(at, room);
  putZeros(STRUCTURE_BYTES);
  if (isFull()) return false;
  store32(at + MEM_LOWER, lowerMemory());
  store32(at + MEM_UPPER, upperMemory());
  if (firmware.bootDrive() >= 0) {
    flags |= HAS_BOOT_DEVICE;
    // No partition: the image is the whole drive's.
    store32(at + BOOT_DEVICE, ((<u32>firmware.bootDrive() & 0xff) << 24) | 0xff_ffff);
  }
  store32(at + CMDLINE, position());
  putText(commandLine(), commandLineLength());
  store32(at + LOADER, position());
  putName(LOADER_NAME);
  if (entry.modules > 0) {
    flags |= HAS_MODULES;
    writeModules(entry, at);
  }
  if (headerCount > 0) {
    flags |= HAS_ELF_SECTIONS;
    store32(at + ELF_NUM, headerCount);
    store32(at + ELF_SIZE, headerBytes);
    store32(at + ELF_ADDR, headersAt);
    store32(at + ELF_SHNDX, headerNames);
  }
  writeMap(at);
  if (hasScreen) flags |= writeScreen(at);
  store32(at + FLAGS, flags);
  return !isFull();
}

function writeModules(entry: Entry, at: u64): void {
  align(4);
  const list = position();
  putZeros((<u64>entry.modules) << 4);
  if (isFull()) return;
  store32(at + MODS_COUNT, entry.modules);
  store32(at + MODS_ADDR, list);
  for (let i = 0; i < entry.modules; i++) {
    const module = list + ((<u64>i) << 4);
    const line = moduleAt(entry, i);
    store32(module, moduleStart(i));
    store32(module + 4, moduleStart(i) + moduleSize(i));
    store32(module + 8, position());
    putText(line.text, line.textLength);
  }
}

function writeMap(at: u64): void {
  align(8);
  store32(at + MMAP_ADDR, position());
  store32(at + MMAP_LENGTH, mapCount() * MAP_ENTRY_BYTES);
  for (let i = 0; i < mapCount(); i++) {
    // Bytes of the entry behind this field: ACPI's attributes are there too, as firmware gives them.
    put32(MAP_ENTRY_BYTES - 4);
    put64(mapBase(i));
    put64(mapBytes(i));
    put32(mapType(i));
  }
}

/** The framebuffer, and VBE's view of it; the flags that say so. */
function writeScreen(at: u64): u32 {
  store64(at + FRAMEBUFFER, screen.address);
  store32(at + FRAMEBUFFER + 8, screen.pitch);
  store32(at + FRAMEBUFFER + 12, screen.width);
  store32(at + FRAMEBUFFER + 16, screen.height);
  store8(at + FRAMEBUFFER + 20, screen.depth);
  store8(at + FRAMEBUFFER + 21, screen.type);
  if (screen.type === FRAMEBUFFER_RGB) {
    store8(at + COLOURS, screen.redPosition);
    store8(at + COLOURS + 1, screen.redBits);
    store8(at + COLOURS + 2, screen.greenPosition);
    store8(at + COLOURS + 3, screen.greenBits);
    store8(at + COLOURS + 4, screen.bluePosition);
    store8(at + COLOURS + 5, screen.blueBits);
  } else if (screen.type === FRAMEBUFFER_INDEXED) {
    store32(at + COLOURS, position());
    store16(at + COLOURS + 4, PALETTE_COLOURS);
    putPalette();
  }
  if (screen.vbeControl === 0 || screen.vbeModeInfo === 0) return HAS_FRAMEBUFFER;
  store32(at + VBE_CONTROL, screen.vbeControl);
  store32(at + VBE_MODE_INFO, screen.vbeModeInfo);
  store16(at + VBE_MODE, screen.vbeMode);
  store16(at + VBE_MODE + 2, screen.vbeInterfaceSegment);
  store16(at + VBE_MODE + 4, screen.vbeInterfaceOffset);
  store16(at + VBE_MODE + 6, screen.vbeInterfaceBytes);
  return HAS_FRAMEBUFFER | HAS_VBE;
}
