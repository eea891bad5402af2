// What both Multiboot protocols say about the machine: amounts of memory, ACPI and SMBIOS tables, the screen.

import {
  FRAMEBUFFER_TEXT,
  Framebuffer,
  firmware,
  MEMORY_ACPI,
  MEMORY_BAD,
  MEMORY_NVS,
  MEMORY_USABLE,
} from "./firmware";
import { rangeBase, rangeCount, rangeEnd, rangeType, usableEnd } from "./memory_map";
import { put8 } from "./writer";
import { load8, load32, load64 } from "./x86";

/** Physical address of VGA's text memory. */
const VGA_TEXT: u64 = 0xb_8000;
const MIB: u64 = 1 << 20;
const LOW_MEMORY: u64 = 0xa_0000;
/** "RSD PTR " */
const RSDP_SIGNATURE: u64 = 0x2052_5450_2044_5352;
const RSDP_OLD_BYTES: u64 = 20;
const RSDP_NEW_BYTES: u64 = 36;

/** What is on the screen when the kernel starts; `hasScreen` tells whether anything is known about it. */
export const screen = changetype<Framebuffer>(memory.data(offsetof<Framebuffer>(), 8));
export let hasScreen: bool = false;

/**
 * The loader's name, as kernels get it. Some look in it for a GRUB that is not of version 0 (Xen: `strstr` of "GRUB ")
 * to know that command lines do not begin with the file's name.
 */
export const LOADER_NAME: string = "Trihedron boot loader (command lines as by GRUB 2)";

/**
 * Sets the video mode that is asked for, or nearest to it. Without a wish, a BIOS' text screen stays, and what UEFI has
 * is told: there is no text there.
 */
export function prepareScreen(wanted: bool, width: u32, height: u32, depth: u32): void {
  hasScreen = (wanted || firmware.efi !== null) && firmware.setVideo(width, height, depth, screen);
  if (hasScreen || firmware.efi !== null) return;
  memory.fill(changetype<usize>(screen), 0, offsetof<Framebuffer>());
  screen.address = VGA_TEXT;
  screen.width = firmware.screenColumns();
  screen.height = firmware.screenRows();
  screen.pitch = 2 * screen.width;
  screen.depth = 16;
  screen.type = FRAMEBUFFER_TEXT;
  hasScreen = true;
}

export const PALETTE_COLOURS: u32 = 16;

/** The colours that indexed modes begin with, red, green and blue of each: EGA's sixteen. */
export function putPalette(): void {
  for (let i: u32 = 0; i < PALETTE_COLOURS; i++) {
    const high: u32 = (i & 8) !== 0 ? 0x55 : 0;
    // Number 6 is brown, not dark yellow.
    const brown = i === 6;
    put8(((i & 4) !== 0 ? 0xaa : 0) + high);
    put8(brown ? 0x55 : ((i & 2) !== 0 ? 0xaa : 0) + high);
    put8(((i & 1) !== 0 ? 0xaa : 0) + high);
  }
}

/** KiB of memory from 0 on, at most 640. */
export function lowerMemory(): u32 {
  return <u32>(min(usableEnd(0), LOW_MEMORY) >> 10);
}

/** KiB of memory from 1 MiB on up to the first hole. */
export function upperMemory(): u32 {
  const end = usableEnd(MIB);
  return end <= MIB ? 0 : <u32>min<u64>((end - MIB) >> 10, u32.MAX_VALUE);
}

/** Ranges of the map that a kernel is told. */
export function mapCount(): i32 {
  return rangeCount();
}

export function mapBase(index: i32): u64 {
  return rangeBase(index);
}

export function mapBytes(index: i32): u64 {
  return rangeEnd(index) - rangeBase(index);
}

/** The type in both protocols: what is neither memory nor ACPI's nor defective is reserved. */
export function mapType(index: i32): u32 {
  const type = rangeType(index);
  const told =
    type === MEMORY_USABLE || type === MEMORY_ACPI || type === MEMORY_NVS || type === MEMORY_BAD;
  return told ? type : 2;
}

function sum(at: u64, bytes: u64): u32 {
  let total: u32 = 0;
  for (let i: u64 = 0; i < bytes; i++) total += <u32>load8(at + i);
  return total & 0xff;
}

/** The ACPI RSDP where there is a sound one, or 0: ACPI Specification 6.5, 5.2.5.3. */
export function soundRsdp(): u64 {
  const at = firmware.rsdp();
  if (at === 0 || load64(at) !== RSDP_SIGNATURE || sum(at, RSDP_OLD_BYTES) !== 0) return 0;
  return at;
}

/** Bytes of the RSDP in its extended form, 0 where it is the old one. */
export function extendedRsdpBytes(at: u64): u64 {
  if (load8(at + 15) < 2) return 0;
  const bytes = load32(at + 20);
  return bytes >= RSDP_NEW_BYTES && bytes <= 4096 && sum(at, bytes) === 0 ? bytes : 0;
}
