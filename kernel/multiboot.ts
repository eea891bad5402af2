// The boot information of a Multiboot 1 loader. Multiboot Specification 0.6.96, 3.3.

import { KERNEL_END, KERNEL_START } from "./layout";

const FLAG_MODULES: u32 = 1 << 3;
const FLAG_MMAP: u32 = 1 << 6;
export const MULTIBOOT_MAGIC: u32 = 0x2badb002;
const MODULE_BYTES: u32 = 16;

let info: usize = 0;

/** Remembers where the information is; it stays there. */
export function setBootInfo(address: usize): void {
  info = address;
}

export function moduleCount(): u32 {
  return load<u32>(info) & FLAG_MODULES ? load<u32>(info, 20) : 0;
}

function module(index: u32): usize {
  return <usize>load<u32>(info, 24) + index * MODULE_BYTES;
}

export function moduleStart(index: u32): u32 {
  return load<u32>(module(index));
}

export function moduleEnd(index: u32): u32 {
  return load<u32>(module(index), 4);
}

/** Physical address of the module's command line, or 0. */
export function moduleString(index: u32): u32 {
  return load<u32>(module(index), 8);
}

/** Whether every module ends behind its start and lies outside the kernel's memory, which nobody can get. */
export function modulesAreUsable(): bool {
  for (let i: u32 = 0; i < moduleCount(); i++) {
    const start = <u64>moduleStart(i);
    const end = <u64>moduleEnd(i);
    if (start > end || (start < <u64>KERNEL_END && end > <u64>KERNEL_START)) return false;
  }
  return true;
}

/** First entry of the memory map (its size field), or 0 where there is none. */
export function firstMapEntry(): usize {
  if ((load<u32>(info) & FLAG_MMAP) === 0 || load<u32>(info, 44) < 24) return 0;
  return <usize>load<u32>(info, 48);
}

/** The entry behind `entry`, or 0 after the last. */
export function nextMapEntry(entry: usize): usize {
  const next = entry + <usize>load<u32>(entry) + 4;
  const end = <usize>load<u32>(info, 48) + <usize>load<u32>(info, 44);
  return next + 24 <= end && next > entry ? next : 0;
}
