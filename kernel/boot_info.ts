// What the boot loader says, whichever of the two Multiboot protocols it speaks: command line, modules, memory
// map, framebuffer, firmware.

import {
  colorInfo1,
  commandLine1,
  firstMapEntry1,
  firstModule1,
  framebuffer1,
  INFORMATION1_BYTES,
  information1,
  MULTIBOOT1_MAGIC,
  map1,
  mapBytes1,
  modules1,
  modulesBytes1,
  nextMapEntry1,
  nextModule1,
  setInfo1,
} from "./multiboot1";
import {
  colorInfo2,
  commandLine2,
  firstMapEntry2,
  firstModule2,
  framebuffer2,
  information2,
  informationBytes2,
  isEfi2,
  MULTIBOOT2_MAGIC,
  moduleString2,
  nextMapEntry2,
  nextModule2,
  rsdp2,
  setInfo2,
} from "./multiboot2";

/** The first protocol's information lies in this many places. */
const INFO_PARTS: u32 = 4;
/** A longer command line's rest may be overwritten. */
const MAX_STRING: u32 = 0x10000;

/** Kinds of framebuffers: EGA text is a text mode, not a framebuffer. */
const FRAMEBUFFER_EGA_TEXT: u8 = 2;

let isSecond: bool = false;

/** Takes what the loader left in EAX and EBX; false if it spoke neither protocol. */
export function setBootInfo(magic: u32, address: usize): bool {
  isSecond = magic === MULTIBOOT2_MAGIC;
  if (isSecond) return setInfo2(address);
  setInfo1(address);
  return magic === MULTIBOOT1_MAGIC;
}

/** The kernel's options, zero-terminated; 0 for none. */
export function commandLine(): usize {
  return isSecond ? commandLine2() : commandLine1();
}

/** The first boot module, for `moduleStart` and so on; 0 where there is none. */
export function firstModule(): usize {
  return isSecond ? firstModule2() : firstModule1();
}

/** The module behind `module`, or 0 after the last. */
export function nextModule(module: usize): usize {
  return isSecond ? nextModule2(module) : nextModule1(module);
}

export function moduleStart(module: usize): u32 {
  return load<u32>(module);
}

export function moduleEnd(module: usize): u32 {
  return load<u32>(module, 4);
}

/** Physical address of the module's command line, or 0. */
export function moduleString(module: usize): u32 {
  return isSecond ? moduleString2(module) : load<u32>(module, 8);
}

/** Bytes of a zero-terminated string, its end included; of one that does not end, as many as are looked at. */
function stringBytes(at: usize): u32 {
  let bytes: u32 = 1;
  while (bytes < MAX_STRING && load<u8>(at + bytes - 1) !== 0) bytes++;
  return bytes;
}

/** Results of `findInfo`. */
export let infoStart: u64 = 0;
export let infoEnd: u64 = 0;

function foundInfo(start: usize, bytes: u32): bool {
  infoStart = <u64>start;
  infoEnd = infoStart + <u64>bytes;
  return true;
}

/**
 * The memory that part number `part` of the information lies in, but for modules' strings, from 0 on: `infoStart` and
 * `infoEnd`. False where there is no such part any more.
 */
export function findInfo(part: u32): bool {
  if (part >= INFO_PARTS) return false;
  if (isSecond) return foundInfo(information2(), informationBytes2());
  if (part === 0) return foundInfo(information1(), INFORMATION1_BYTES);
  if (part === 1) return foundInfo(map1(), mapBytes1());
  if (part === 2) return foundInfo(modules1(), modulesBytes1());
  const line = commandLine1();
  return foundInfo(line, line === 0 ? 0 : stringBytes(line));
}

/** The same of a module's string, which is part of other information with the second protocol. */
export function findModuleString(module: usize): void {
  const at = moduleString(module);
  foundInfo(at, at === 0 ? 0 : stringBytes(at));
}

/** Types of entries of the memory map: what can be used, and what could be were it not for ACPI tables. */
export const MEMORY_AVAILABLE: u32 = 1;
export const MEMORY_ACPI_TABLES: u32 = 3;

/** The memory map's first entry, base and length as u64 and type as u32, or 0 where there is none. */
export function firstMapEntry(): usize {
  return isSecond ? firstMapEntry2() : firstMapEntry1();
}

/** The entry behind `entry`, or 0 after the last. */
export function nextMapEntry(entry: usize): usize {
  return isSecond ? nextMapEntry2(entry) : nextMapEntry1(entry);
}

/**
 * Address of a description of the framebuffer: address as u64, bytes per line, width and height in pixels as u32,
 * bits per pixel and kind (0 indexed, 1 RGB) as u8. 0 where the screen is in text mode or there is none.
 */
export function framebuffer(): usize {
  const at = isSecond ? framebuffer2() : framebuffer1();
  return at !== 0 && load<u8>(at, 21) !== FRAMEBUFFER_EGA_TEXT ? at : 0;
}

/** Position and size of red, green and blue in a pixel, six bytes; 0 where that is not known. */
export function framebufferColors(): usize {
  return isSecond ? colorInfo2() : colorInfo1();
}

/** A copy of the RSDP from the loader, 0 where it has none: BIOS machines keep one where it can be found. */
export function loaderRsdp(): usize {
  return isSecond ? rsdp2() : 0;
}

/** Whether the machine has EFI firmware, as far as the loader says. */
export function isEfi(): bool {
  return isSecond && isEfi2();
}
