// What the boot loader says, whichever of the two Multiboot protocols it speaks: command line, modules, memory
// map, framebuffer, firmware.

import { KERNEL_END, KERNEL_START } from "./layout";
import {
  colorInfo1,
  commandLine1,
  firstMapEntry1,
  framebuffer1,
  MULTIBOOT1_MAGIC,
  module1,
  moduleCount1,
  nextMapEntry1,
  setInfo1,
} from "./multiboot1";
import {
  colorInfo2,
  commandLine2,
  firstMapEntry2,
  framebuffer2,
  isEfi2,
  MULTIBOOT2_MAGIC,
  module2,
  moduleCount2,
  moduleString2,
  nextMapEntry2,
  rsdp2,
  setInfo2,
} from "./multiboot2";

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

export function moduleCount(): u32 {
  return isSecond ? moduleCount2() : moduleCount1();
}

function module(index: u32): usize {
  return isSecond ? module2(index) : module1(index);
}

export function moduleStart(index: u32): u32 {
  return load<u32>(module(index));
}

export function moduleEnd(index: u32): u32 {
  return load<u32>(module(index), 4);
}

/** Physical address of the module's command line, or 0. */
export function moduleString(index: u32): u32 {
  const at = module(index);
  return isSecond ? moduleString2(at) : load<u32>(at, 8);
}

/** Whether every module ends behind its start and lies outside the kernel's memory, which nobody can get. */
export function modulesAreUsable(): bool {
  const count = moduleCount();
  for (let i: u32 = 0; i < count; i++) {
    const start = <u64>moduleStart(i);
    const end = <u64>moduleEnd(i);
    if (start > end || (start < <u64>KERNEL_END && end > <u64>KERNEL_START)) return false;
  }
  return true;
}

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
