// A BIOS ROM that carries a Multiboot kernel: v86 has no other way to start one without a BIOS of somebody else. From
// the reset vector it enters protected mode, copies the kernel's segments and jumps (Intel SDM vol. 3A, 9.1.4, 9.9.1).

import { Assembler, ax, cr0, cs, ds, eax, ecx, edi, es, esi, mem, ss } from "../../../asm/index.ts";
import { readElf } from "../../../elf/read.ts";

/** The ROM ends at 1 MiB and is seen once more below 4 GiB. */
const END = 0x10_0000;
const SIZE = 0x2_0000;
const START = END - SIZE;
/** Where execution begins, 16 bytes below the end, and what it jumps to, in the same 64 KiB. */
const RESET = END - 16;
const BOOT = END - 0x200;
const CODE = 0x08;
const DATA = 0x10;
const PT_LOAD = 1;

/** Throws `Error` if the kernel is too large for a ROM. */
export function kernelRom(kernel: Uint8Array): Uint8Array {
  const elf = readElf(kernel, "kernel");
  const rom = new Uint8Array(SIZE).fill(0xf4);
  const a = new Assembler({ bits: 16, name: "rom" });
  a.cli();
  // CS covers the last 64 KiB below 1 MiB.
  a.lgdt(mem(0xff00, { segment: cs }))
    .mov(eax, cr0)
    .or(eax, 1)
    .mov(cr0, eax);
  a.db(0x66, 0xea).dd("flat").dw(CODE);
  a.bits(32);
  a.label("flat");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax);
  let at = 0;
  for (const { type, fileSize, vaddr, data } of elf.segments) {
    if (type !== PT_LOAD || fileSize === 0) continue;
    if (at + fileSize > SIZE - 0x200) throw new Error("the kernel is too large for a ROM");
    rom.set(data, at);
    a.mov(esi, START + at)
      .mov(edi, Number(vaddr))
      .mov(ecx, fileSize);
    a.rep.movsb();
    at += fileSize;
  }
  a.mov(eax, Number(elf.entry)).jmp(eax);
  rom.set(a.flat({ origin: BOOT }).bytes, BOOT - START);
  const view = new DataView(rom.buffer);
  // GDTR, and the table behind it.
  const gdtr = END - 0x100;
  view.setUint16(gdtr - START, 23, true);
  view.setUint32(gdtr - START + 2, gdtr + 8, true);
  for (const [i, descriptor] of [0n, 0x00cf_9a00_0000_ffffn, 0x00cf_9200_0000_ffffn].entries()) {
    view.setBigUint64(gdtr - START + 8 + 8 * i, descriptor, true);
  }
  // JMP rel16.
  view.setUint8(RESET - START, 0xe9);
  view.setInt16(RESET - START + 1, BOOT - (RESET + 3), true);
  return rom;
}
