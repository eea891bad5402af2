// The boot information of a Multiboot 1 loader. Multiboot Specification 0.6.96, 3.3.

const FLAG_CMDLINE: u32 = 1 << 2;
const FLAG_MODULES: u32 = 1 << 3;
const FLAG_MMAP: u32 = 1 << 6;
const FLAG_FRAMEBUFFER: u32 = 1 << 12;
export const MULTIBOOT1_MAGIC: u32 = 0x2badb002;
const MODULE_BYTES: u32 = 16;
/** Base, length and type behind the size of a memory map entry. */
const MAP_FIELDS: u32 = 20;
const FRAMEBUFFER: usize = 88;
export const INFORMATION1_BYTES: u32 = 120;
/** Where the specification's C structure has it, and GRUB; its table says 110. */
const COLOR_INFO: usize = 112;

let info: usize = 0;

/** Remembers where the information is; it stays there. */
export function setInfo1(address: usize): void {
  info = address;
}

function has(flag: u32): bool {
  return (load<u32>(info) & flag) !== 0;
}

export function commandLine1(): usize {
  return has(FLAG_CMDLINE) ? <usize>load<u32>(info, 16) : 0;
}

/** Where the information itself is. */
export function information1(): usize {
  return info;
}

/** The list of modules, and its size, which is 0 where there is none or one that does not fit into memory. */
export function modules1(): usize {
  return <usize>load<u32>(info, 24);
}

export function modulesBytes1(): u32 {
  const bytes = <u64>load<u32>(info, 20) * MODULE_BYTES;
  return has(FLAG_MODULES) && <u64>modules1() + bytes <= 0xffff_ffff ? <u32>bytes : 0;
}

/** Address of the first module's start and end, two u32, and of its string's address behind them; 0 for none. */
export function firstModule1(): usize {
  return modulesBytes1() === 0 ? 0 : modules1();
}

export function nextModule1(module: usize): usize {
  const next = module + MODULE_BYTES;
  return next < modules1() + modulesBytes1() ? next : 0;
}

/** The memory map, and its size, 0 where there is none. */
export function map1(): usize {
  return <usize>load<u32>(info, 48);
}

export function mapBytes1(): u32 {
  return has(FLAG_MMAP) ? load<u32>(info, 44) : 0;
}

/** Base, length and type of the memory map's first entry, or 0 where there is none. */
export function firstMapEntry1(): usize {
  return mapBytes1() < MAP_FIELDS + 4 ? 0 : map1() + 4;
}

/** The entry behind `entry`, or 0 after the last. */
export function nextMapEntry1(entry: usize): usize {
  const next = entry + <usize>load<u32>(entry - 4) + 4;
  const end = map1() + mapBytes1();
  return next + MAP_FIELDS <= end && next > entry ? next : 0;
}

/** The framebuffer's address, pitch, width, height, depth and kind, or 0 where there is none. */
export function framebuffer1(): usize {
  return has(FLAG_FRAMEBUFFER) ? info + FRAMEBUFFER : 0;
}

export function colorInfo1(): usize {
  return info + COLOR_INFO;
}
