// Starting Linux and whatever looks like it (memtest86+): the x86 boot protocol from version 2.06 on, by the 32-bit
// entry, or the 64-bit one where the kernel has it ("The Linux/x86 Boot Protocol" and "Zero Page" of the kernel's
// documentation). With UEFI the services have ended, and the kernel gets what it needs of them.

import { BELOW_4_GIB } from "./allocator";
import {
  hasScreen,
  mapBase,
  mapBytes,
  mapCount,
  prepareScreen,
  screen,
  soundRsdp,
  upperMemory,
} from "./boot_data";
import { commandLine, commandLineLength } from "./command_line";
import { Entry, moduleAt } from "./configuration";
import { print, printDecimal } from "./console";
import { beginFileError, endError, fail, failFile } from "./failure";
import { EfiInfo, FRAMEBUFFER_RGB, FRAMEBUFFER_TEXT, firmware } from "./firmware";
import { enterKernel, prepareHandOff } from "./hand_off";
import { ENTER_32, ENTER_64 } from "./hand_off_layout";
import { findFile, ImageFile, loadFile, roomFor } from "./image_file";
import { leaveFirmware } from "./leave";
import { isUsable, rangeType } from "./memory_map";
import {
  addSegment,
  allocateNear,
  allocateOutside,
  claimSegments,
  fillSegments,
  moveSegments,
} from "./placement";
import { copy_physical, zero_physical } from "./stub";
import { load8, load16, load32, load64, store8, store16, store32, store64, window } from "./x86";

/** Offsets of the setup header, in the file and in the boot parameters alike. */
const SETUP_SECTS: u64 = 0x1f1;
const VID_MODE: u64 = 0x1fa;
const BOOT_FLAG: u64 = 0x1fe;
const JUMP_LENGTH: u64 = 0x201;
const HEADER: u64 = 0x202;
const VERSION: u64 = 0x206;
const TYPE_OF_LOADER: u64 = 0x210;
const LOADFLAGS: u64 = 0x211;
const CODE32_START: u64 = 0x214;
const RAMDISK_IMAGE: u64 = 0x218;
const RAMDISK_SIZE: u64 = 0x21c;
const CMD_LINE_PTR: u64 = 0x228;
const INITRD_ADDR_MAX: u64 = 0x22c;
const KERNEL_ALIGNMENT: u64 = 0x230;
const RELOCATABLE_KERNEL: u64 = 0x234;
const XLOADFLAGS: u64 = 0x236;
const CMDLINE_SIZE: u64 = 0x238;
const SETUP_DATA: u64 = 0x250;
const PREF_ADDRESS: u64 = 0x258;
const INIT_SIZE: u64 = 0x260;
/** The header ends at the latest here. */
const HEADER_LIMIT: u64 = 0x290;

/** Offsets of the rest of the boot parameters. */
const ORIG_Y: u64 = 0x001;
const EXT_MEM_K: u64 = 0x002;
const ORIG_VIDEO_MODE: u64 = 0x006;
const ORIG_VIDEO_COLS: u64 = 0x007;
const ORIG_VIDEO_LINES: u64 = 0x00e;
const ORIG_VIDEO_IS_VGA: u64 = 0x00f;
const ORIG_VIDEO_POINTS: u64 = 0x010;
const LFB_WIDTH: u64 = 0x012;
const LFB_HEIGHT: u64 = 0x014;
const LFB_DEPTH: u64 = 0x016;
const LFB_BASE: u64 = 0x018;
const LFB_SIZE: u64 = 0x01c;
const LFB_LINELENGTH: u64 = 0x024;
const RED_SIZE: u64 = 0x026;
const CAPABILITIES: u64 = 0x036;
const EXT_LFB_BASE: u64 = 0x03a;
const ACPI_RSDP_ADDR: u64 = 0x070;
const EFI_INFO: u64 = 0x1c0;
const ALT_MEM_K: u64 = 0x1e0;
const E820_ENTRIES: u64 = 0x1e8;
const E820_TABLE: u64 = 0x2d0;

const BOOT_SIGNATURE: u64 = 0xaa55;
/** "HdrS" */
const HEADER_MAGIC: u64 = 0x5372_6448;
const LOADED_HIGH: u64 = 1;
const KERNEL_64: u64 = 1;
/** A loader without a number of its own. */
const UNKNOWN_LOADER: u64 = 0xff;
const NORMAL_MODE: u64 = 0xffff;
const VIDEO_VGA: u64 = 0x01;
const VIDEO_VESA: u64 = 0x23;
const VIDEO_EFI: u64 = 0x70;
const CAPABILITY_64BIT_BASE: u64 = 2;
/** "EL64" */
const EFI64_SIGNATURE: u64 = 0x3436_4c45;
const E820_BYTES: u64 = 20;
const E820_MOST: i32 = 128;
const SETUP_E820_EXT: u64 = 1;
const SETUP_DATA_BYTES: u64 = 16;

const SECTOR: u64 = 512;
const PARAMETERS_BYTES: u64 = 4096;
const OLD_LOAD_ADDRESS: u64 = 1 << 20;
const OLD_ALIGNMENT: u64 = 1 << 20;
/** Text screens have characters of this many lines. */
const CHARACTER_LINES: u64 = 16;
const ENTRY_64: u64 = 0x200;
/** Ranges by which the map may grow when the firmware is left. */
const MORE_RANGES: i32 = 128;

/** Whether the file has a setup header of a kernel with boot protocol 2.00 or later. */
export function isLinux(at: u64, size: u64): bool {
  if (size < 0x400) return false;
  return load16(at + BOOT_FLAG) === BOOT_SIGNATURE && load32(at + HEADER) === HEADER_MAGIC;
}

let version: u64 = 0;

/** Where the kernel is, and bytes and address of the RAM disk. */
let kernel: u64 = 0;
let ramdisk: u64 = 0;
let ramdiskBytes: u64 = 0;

/** Starts the kernel `file`, which lies at `at`. Returns only after an error has been printed. */
export function startLinux(file: ImageFile, at: u64, entry: Entry): bool {
  if (!isLinux(at, file.size)) {
    return failFile(file.path, file.pathLength, "is no Linux kernel (bzImage)");
  }
  version = load16(at + VERSION);
  if (version < 0x206) {
    return failFile(file.path, file.pathLength, "has a boot protocol older than 2.06");
  }
  if ((load8(at + LOADFLAGS) & LOADED_HIGH) === 0) {
    return failFile(
      file.path,
      file.pathLength,
      "is a zImage, which goes to low memory; a bzImage is needed",
    );
  }
  const most = load32(at + CMDLINE_SIZE);
  if (<u64>commandLineLength() > most) {
    beginFileError(file.path, file.pathLength);
    print("takes a command line of ");
    printDecimal(most);
    print(" bytes, this one has ");
    printDecimal(commandLineLength());
    return endError();
  }
  return placeKernel(file, at) && loadRamdisk(file, at, entry) && enter(at, entry);
}

/** The protected-mode part to its preferred place, or if that is no memory and it can be moved, to another. */
function placeKernel(file: ImageFile, at: u64): bool {
  const path = file.path;
  const length = file.pathLength;
  const sectors = load8(at + SETUP_SECTS);
  const offset = ((sectors === 0 ? 4 : sectors) + 1) * SECTOR;
  if (offset >= file.size) return failFile(path, length, "is cut off in its real-mode part");
  const bytes = file.size - offset;
  const modern = version >= 0x20a;
  const memory = modern ? max(bytes, load32(at + INIT_SIZE)) : bytes;
  kernel = modern ? load64(at + PREF_ADDRESS) : OLD_LOAD_ADDRESS;
  if (kernel > BELOW_4_GIB || memory > BELOW_4_GIB - kernel) {
    return failFile(path, length, "wants to be loaded beyond 4 GiB");
  }
  if (!addSegment(kernel, at + offset, bytes, memory)) return false;
  if (!isUsable(kernel, kernel + memory) && load8(at + RELOCATABLE_KERNEL) !== 0) {
    const wish = max<u64>(load32(at + KERNEL_ALIGNMENT), 4096);
    const alignment = (wish & (wish - 1)) === 0 ? wish : OLD_ALIGNMENT;
    const found = firmware.allocate(memory + alignment, BELOW_4_GIB);
    if (found === 0) return failFile(path, length, "there is no memory for it below 4 GiB");
    const moved = (found + alignment - 1) & ~(alignment - 1);
    moveSegments(moved - kernel);
    kernel = moved;
  }
  if (!claimSegments(file, false)) return false;
  return fillSegments(at, file.size) || failFile(path, length, "there is no memory for it");
}

const ramdiskFile = changetype<ImageFile>(memory.data(offsetof<ImageFile>(), 8));

/** All modules one behind the other, as the kernel takes archives: zeros between them do not matter to it. */
function loadRamdisk(file: ImageFile, at: u64, entry: Entry): bool {
  ramdisk = 0;
  ramdiskBytes = 0;
  let room: u64 = 0;
  for (let i = 0; i < entry.modules; i++) {
    const line = moduleAt(entry, i);
    if (!findFile(line.path, line.pathLength, ramdiskFile)) return false;
    ramdiskBytes = room + ramdiskFile.size;
    room += roomFor(ramdiskFile.size);
  }
  if (ramdiskBytes === 0) return true;
  ramdisk = allocateOutside(room, min(load32(at + INITRD_ADDR_MAX) + 1, BELOW_4_GIB));
  if (ramdisk === 0) {
    return failFile(file.path, file.pathLength, "there is no memory where it takes RAM disks");
  }
  let to = ramdisk;
  for (let i = 0; i < entry.modules; i++) {
    const line = moduleAt(entry, i);
    if (!findFile(line.path, line.pathLength, ramdiskFile)) return false;
    if (!loadFile(ramdiskFile, to)) return false;
    to += roomFor(ramdiskFile.size);
  }
  return true;
}

function enter(at: u64, entry: Entry): bool {
  // A BIOS' text screen stays unless another is wished for.
  prepareScreen(entry.hasVideo, entry.width, entry.height, entry.depth);
  const line = <u64>commandLineLength() + 1;
  const more = SETUP_DATA_BYTES + <u64>(mapCount() + MORE_RANGES) * E820_BYTES;
  const parameters = allocateNear(PARAMETERS_BYTES + roomFor(line) + more);
  if (parameters === 0) return fail("there is no memory for the boot parameters");
  const text = parameters + PARAMETERS_BYTES;
  copy_physical(text, window() + <u64>commandLine(), line);
  zero_physical(parameters, PARAMETERS_BYTES);
  writeHeader(parameters, at);
  store32(parameters + CMD_LINE_PTR, text);
  const wide = version >= 0x20c && (load16(at + XLOADFLAGS) & KERNEL_64) !== 0;
  if (!prepareHandOff() || !leaveFirmware()) return false;
  writeScreen(parameters);
  const efi = firmware.efi;
  if (efi !== null && wide) writeEfi(parameters, efi);
  if (version >= 0x20e) store64(parameters + ACPI_RSDP_ADDR, soundRsdp());
  if (!writeMap(parameters, text + roomFor(line), more)) {
    return fail("the memory map is longer than it was");
  }
  if (wide) enterKernel(ENTER_64, kernel + ENTRY_64, 0, 0, parameters);
  else enterKernel(ENTER_32, kernel, 0, 0, parameters);
  return false;
}

/** The setup header of the file, with what the loader says in it. */
function writeHeader(parameters: u64, at: u64): void {
  const end = min(HEADER + load8(at + JUMP_LENGTH), HEADER_LIMIT);
  copy_physical(parameters + SETUP_SECTS, at + SETUP_SECTS, end - SETUP_SECTS);
  store8(parameters + TYPE_OF_LOADER, UNKNOWN_LOADER);
  store16(parameters + VID_MODE, NORMAL_MODE);
  store32(parameters + CODE32_START, kernel);
  store32(parameters + RAMDISK_IMAGE, ramdisk);
  store32(parameters + RAMDISK_SIZE, ramdiskBytes);
}

function writeScreen(parameters: u64): void {
  if (!hasScreen) return;
  if (screen.type === FRAMEBUFFER_TEXT) {
    store8(parameters + ORIG_VIDEO_MODE, 3);
    store8(parameters + ORIG_VIDEO_COLS, screen.width);
    store8(parameters + ORIG_VIDEO_LINES, screen.height);
    store8(parameters + ORIG_VIDEO_IS_VGA, VIDEO_VGA);
    store16(parameters + ORIG_VIDEO_POINTS, CHARACTER_LINES);
    store8(parameters + ORIG_Y, screen.height - 1);
    return;
  }
  const bytes = <u64>screen.pitch * screen.height;
  const efi = firmware.efi !== null;
  store8(parameters + ORIG_VIDEO_IS_VGA, efi ? VIDEO_EFI : VIDEO_VESA);
  store16(parameters + LFB_WIDTH, screen.width);
  store16(parameters + LFB_HEIGHT, screen.height);
  store16(parameters + LFB_DEPTH, screen.depth);
  store32(parameters + LFB_BASE, screen.address);
  // VESA's counts 64 KiB, UEFI's bytes.
  store32(parameters + LFB_SIZE, efi ? bytes : (bytes + 0xffff) >> 16);
  store16(parameters + LFB_LINELENGTH, screen.pitch);
  if (screen.address >> 32 !== 0) {
    store32(parameters + CAPABILITIES, CAPABILITY_64BIT_BASE);
    store32(parameters + EXT_LFB_BASE, screen.address >> 32);
  }
  if (screen.type !== FRAMEBUFFER_RGB) return;
  store8(parameters + RED_SIZE, screen.redBits);
  store8(parameters + RED_SIZE + 1, screen.redPosition);
  store8(parameters + RED_SIZE + 2, screen.greenBits);
  store8(parameters + RED_SIZE + 3, screen.greenPosition);
  store8(parameters + RED_SIZE + 4, screen.blueBits);
  store8(parameters + RED_SIZE + 5, screen.bluePosition);
  // What is left of a pixel, above the colours.
  const used = screen.redBits + screen.greenBits + screen.blueBits;
  store8(parameters + RED_SIZE + 6, screen.depth > used ? screen.depth - used : 0);
  store8(parameters + RED_SIZE + 7, screen.depth > used ? used : 0);
}

function writeEfi(parameters: u64, efi: EfiInfo): void {
  const info = parameters + EFI_INFO;
  store32(info, EFI64_SIGNATURE);
  store32(info + 4, efi.systemTable);
  store32(info + 8, efi.descriptorBytes);
  store32(info + 12, efi.descriptorVersion);
  store32(info + 16, efi.map);
  store32(info + 20, efi.mapBytes);
  store32(info + 24, efi.systemTable >> 32);
  store32(info + 28, efi.map >> 32);
}

/** The map: 128 ranges in the parameters, what is more in a piece of setup data (since 2.09) with `room` bytes at `more`. */
function writeMap(parameters: u64, more: u64, room: u64): bool {
  const count = mapCount();
  const first = min(count, E820_MOST);
  store8(parameters + E820_ENTRIES, first);
  for (let i = 0; i < first; i++) writeRange(parameters + E820_TABLE + <u64>i * E820_BYTES, i);
  // Kernels that knew nothing of maps yet count KiB above 1 MiB.
  store16(parameters + EXT_MEM_K, min(upperMemory(), 0xfc00));
  store32(parameters + ALT_MEM_K, upperMemory());
  if (count === first || version < 0x209) return true;
  const bytes = <u64>(count - first) * E820_BYTES;
  if (SETUP_DATA_BYTES + bytes > room) return false;
  store64(more, load64(parameters + SETUP_DATA));
  store32(more + 8, SETUP_E820_EXT);
  store32(more + 12, bytes);
  for (let i = first; i < count; i++) {
    writeRange(more + SETUP_DATA_BYTES + <u64>(i - first) * E820_BYTES, i);
  }
  store64(parameters + SETUP_DATA, more);
  return true;
}

function writeRange(at: u64, index: i32): void {
  store64(at, mapBase(index));
  store64(at + 8, mapBytes(index));
  store32(at + 16, rangeType(index));
}
