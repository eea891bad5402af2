// What a benchmark is: code in a frame (frame.ts, frame32.ts) that is a Multiboot kernel, so that the emulator, QEMU and
// others run the same bytes.

import type { Assembler } from "../../asm/index.ts";
import { linkElf } from "../../elf/index.ts";

/** Code and data of a program that does not know its frame; what is not in it is zero. */
export interface FlatImage {
  bytes: Uint8Array;
  address: number;
  /** Address of a C function that takes the rounds (32 bits) and returns 64 bits. */
  entry: number;
}

export interface Workload {
  name: string;
  /** What its loop does, in a few words. */
  what: string;
  /** Rounds of the loop in a full measurement: about a second here, or where QEMU is slower, there. */
  rounds: number;
  /** Interrupt vector → label of its handler. */
  gates?: Record<number, string>;
  /** 64 by default; 32 is protected mode with paging. */
  bits?: 32 | 64;
  /** CPUs that do the same at once: 1 by default, or 2. */
  cpus?: 1 | 2;
  /** QEMU is slow at it for reasons of its own: it is left out of one of the means. */
  special?: true;
  /** A row besides those that the means of loops and of programs are of. */
  extra?: true;
  /** What lies in memory besides the frame. */
  image?: FlatImage;
  /**
   * Code of the workload, ring 0, interrupts off. In 64-bit mode R15 holds the number of rounds, at least 1, and RAX
   * the result when it returns, in protected mode ESI and EDX:EAX. Every register is free.
   */
  code(a: Assembler): void;
}

/** Free RAM from here on; 128 MiB in all. */
export const DATA_AREA = 16 << 20;
export const APIC = 0xfee0_0000;

export const MARK_START = 0x53;
export const MARK_END = 0x45;
export const DEBUG_CONSOLE = 0xe9;
export const DEBUG_EXIT = 0xf4;
/** Multiboot Specification 0.6.96, 3.1.1. */
export const MULTIBOOT_MAGIC = 0x1bad_b002;

/** The frame's object, with the workload's image, as an ELF file. */
export function linkKernel(a: Assembler, { image }: Workload): Uint8Array {
  const frame = {
    name: "image",
    flags: "rwx" as const,
    vaddr: 0x10_0000n,
    sections: [".multiboot", ".text", ".data", ".bss"],
  };
  const segments = [frame];
  if (image !== undefined) {
    a.section(".guest", { writable: true });
    a.db(image.bytes);
    const vaddr = BigInt(image.address);
    segments.push({ name: "guest", flags: "rwx", vaddr, sections: [".guest"] });
  }
  return linkElf({ objects: [a.object()], segments, entry: "entry", class: 32 });
}
