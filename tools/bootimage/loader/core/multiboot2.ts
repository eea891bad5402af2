// Boot information of the second protocol: Multiboot2 Specification 2.0, 3.6. Tags stand one behind the other, each on
// a multiple of 8.

import {
  extendedRsdpBytes,
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
  soundRsdp,
  upperMemory,
} from "./boot_data";
import { commandLine, commandLineLength } from "./command_line";
import { Entry, moduleAt } from "./configuration";
import { ApmInfo, EfiInfo, FRAMEBUFFER_INDEXED, FRAMEBUFFER_RGB, firmware } from "./firmware";
import { moduleSize, moduleStart } from "./modules";
import { keepsServices } from "./multiboot_header";
import { kernelStart } from "./placement";
import { headerBytes, headerCount, headerNames, headersAt } from "./sections";
import { smbiosBytes, smbiosMajor, smbiosMinor, smbiosTables } from "./smbios";
import {
  align,
  beginWriting,
  isFull,
  position,
  put8,
  put16,
  put32,
  put64,
  putCopy,
  putName,
  putText,
  putZeros,
} from "./writer";
import { store32 } from "./x86";

/** What the kernel finds in EAX. */
export const MULTIBOOT2_MAGIC: u64 = 0x36d7_6289;

const TAG_END: u32 = 0;
const TAG_COMMAND_LINE: u32 = 1;
const TAG_LOADER_NAME: u32 = 2;
const TAG_MODULE: u32 = 3;
const TAG_MEMORY: u32 = 4;
const TAG_BOOT_DEVICE: u32 = 5;
const TAG_MAP: u32 = 6;
const TAG_VBE: u32 = 7;
const TAG_FRAMEBUFFER: u32 = 8;
const TAG_ELF_SECTIONS: u32 = 9;
const TAG_APM: u32 = 10;
const TAG_EFI64: u32 = 12;
const TAG_SMBIOS: u32 = 13;
const TAG_ACPI_OLD: u32 = 14;
const TAG_ACPI_NEW: u32 = 15;
const TAG_EFI_MAP: u32 = 17;
const TAG_EFI_SERVICES: u32 = 18;
const TAG_EFI64_IMAGE: u32 = 20;
const TAG_LOAD_BASE: u32 = 21;

const MAP_ENTRY_BYTES: u32 = 24;
const RSDP_OLD_BYTES: u64 = 20;
const VBE_CONTROL_BYTES: u64 = 512;
const VBE_MODE_INFO_BYTES: u64 = 256;
/** All tags without text, maps, sections and SMBIOS tables. */
const FIXED_BYTES: u64 = 2048;
const NO_PARTITION: u32 = 0xffff_ffff;

const apm = changetype<ApmInfo>(memory.data(offsetof<ApmInfo>(), 8));
let hasApm: bool = false;

/** Asks the firmware what cannot be asked once it has been left. */
export function askFirmware(): void {
  hasApm = firmware.apm(apm);
}

/** Room that the information takes, with a map of at most `ranges` ranges and `efiMap` bytes of UEFI's. */
export function informationBytes2(entry: Entry, ranges: i32, efiMap: u64): u64 {
  let bytes = FIXED_BYTES + <u64>commandLineLength() + <u64>ranges * MAP_ENTRY_BYTES + efiMap;
  bytes += <u64>headerCount * headerBytes + smbiosBytes();
  for (let i = 0; i < entry.modules; i++) bytes += <u64>moduleAt(entry, i).textLength + 24;
  return bytes;
}

/** Start of the tag that is being written. */
let tag: u64 = 0;

function beginTag(type: u32): void {
  align(8);
  tag = position();
  put32(type);
  put32(0);
}

function endTag(): void {
  if (!isFull()) store32(tag + 4, position() - tag);
}

/** Writes it at `at`; false where `room` bytes are too few. */
export function writeInformation2(entry: Entry, at: u64, room: u64): bool {
  beginWriting(at, room);
  put64(0);
  beginTag(TAG_COMMAND_LINE);
  putText(commandLine(), commandLineLength());
  endTag();
  beginTag(TAG_LOADER_NAME);
  putName(LOADER_NAME);
  endTag();
  writeModules(entry);
  beginTag(TAG_LOAD_BASE);
  put32(<u32>kernelStart());
  endTag();
  if (headerCount > 0) writeSections();
  if (firmware.bootDrive() >= 0) {
    beginTag(TAG_BOOT_DEVICE);
    put32(firmware.bootDrive());
    put32(NO_PARTITION);
    put32(NO_PARTITION);
    endTag();
  }
  if (hasScreen) writeScreen();
  if (hasApm) writeApm();
  writeTables();
  const efi = firmware.efi;
  if (efi !== null) writeEfi(efi);
  if (!keepsServices) writeMap();
  beginTag(TAG_END);
  endTag();
  if (isFull()) return false;
  store32(at, position() - at);
  return true;
}

function writeModules(entry: Entry): void {
  for (let i = 0; i < entry.modules; i++) {
    const line = moduleAt(entry, i);
    beginTag(TAG_MODULE);
    put32(<u32>moduleStart(i));
    put32(<u32>(moduleStart(i) + moduleSize(i)));
    putText(line.text, line.textLength);
    endTag();
  }
}

function writeSections(): void {
  beginTag(TAG_ELF_SECTIONS);
  put32(headerCount);
  put32(headerBytes);
  put32(headerNames);
  putCopy(headersAt, <u64>headerCount * headerBytes);
  endTag();
}

function writeScreen(): void {
  if (screen.vbeControl !== 0 && screen.vbeModeInfo !== 0) {
    beginTag(TAG_VBE);
    put16(screen.vbeMode);
    put16(screen.vbeInterfaceSegment);
    put16(screen.vbeInterfaceOffset);
    put16(screen.vbeInterfaceBytes);
    putCopy(screen.vbeControl, VBE_CONTROL_BYTES);
    putCopy(screen.vbeModeInfo, VBE_MODE_INFO_BYTES);
    endTag();
  }
  beginTag(TAG_FRAMEBUFFER);
  put64(screen.address);
  put32(screen.pitch);
  put32(screen.width);
  put32(screen.height);
  put8(screen.depth);
  put8(screen.type);
  put16(0);
  if (screen.type === FRAMEBUFFER_RGB) {
    put8(screen.redPosition);
    put8(screen.redBits);
    put8(screen.greenPosition);
    put8(screen.greenBits);
    put8(screen.bluePosition);
    put8(screen.blueBits);
  } else if (screen.type === FRAMEBUFFER_INDEXED) {
    put32(PALETTE_COLOURS);
    putPalette();
  }
  endTag();
}

function writeApm(): void {
  beginTag(TAG_APM);
  put16(apm.version);
  put16(apm.codeSegment);
  put32(apm.offset);
  put16(apm.codeSegment16);
  put16(apm.dataSegment);
  put16(apm.flags);
  put16(apm.codeSegmentBytes);
  put16(apm.codeSegment16Bytes);
  put16(apm.dataSegmentBytes);
  endTag();
}

function writeTables(): void {
  const rsdp = soundRsdp();
  if (rsdp !== 0) {
    beginTag(TAG_ACPI_OLD);
    putCopy(rsdp, RSDP_OLD_BYTES);
    endTag();
    const bytes = extendedRsdpBytes(rsdp);
    if (bytes !== 0) {
      beginTag(TAG_ACPI_NEW);
      putCopy(rsdp, bytes);
      endTag();
    }
  }
  if (smbiosBytes() === 0) return;
  beginTag(TAG_SMBIOS);
  put8(smbiosMajor());
  put8(smbiosMinor());
  putZeros(6);
  putCopy(smbiosTables(), smbiosBytes());
  endTag();
}

function writeEfi(efi: EfiInfo): void {
  beginTag(TAG_EFI64);
  put64(efi.systemTable);
  endTag();
  if (keepsServices) {
    beginTag(TAG_EFI_SERVICES);
    endTag();
    beginTag(TAG_EFI64_IMAGE);
    put64(efi.imageHandle);
    endTag();
    return;
  }
  beginTag(TAG_EFI_MAP);
  put32(efi.descriptorBytes);
  put32(efi.descriptorVersion);
  putCopy(efi.map, efi.mapBytes);
  endTag();
  beginTag(TAG_EFI64_IMAGE);
  put64(efi.imageHandle);
  endTag();
}

function writeMap(): void {
  beginTag(TAG_MEMORY);
  put32(lowerMemory());
  put32(upperMemory());
  endTag();
  beginTag(TAG_MAP);
  put32(MAP_ENTRY_BYTES);
  put32(0);
  for (let i = 0; i < mapCount(); i++) {
    put64(mapBase(i));
    put64(mapBytes(i));
    put32(mapType(i));
    put32(0);
  }
  endTag();
}
