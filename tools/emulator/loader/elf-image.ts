// Loadable segments of an ELF kernel as boot loaders place them: at their physical addresses
// (System V ABI, "Program loading"; the entry point is translated like a virtual address).

import { type ElfFile, FileType, Machine, readElf, SegmentType } from "../../elf/index.ts";
import { LoadError } from "../load-error.ts";
import type { Chunk, Input } from "./boot-image.ts";

export interface KernelImage {
  chunks: Chunk[];
  /** Physical entry point. */
  entry: number;
  /** First and last byte + 1 of what is loaded. */
  start: number;
  end: number;
  elf: ElfFile;
}

/** True if the file starts with the ELF magic. */
export function isElf(data: Uint8Array): boolean {
  return data[0] === 0x7f && data[1] === 0x45 && data[2] === 0x4c && data[3] === 0x46;
}

/** Reads an ELF32 or ELF64 x86 executable. Throws `LoadError`. */
export function elfImage(kernel: Input): KernelImage {
  let elf: ElfFile;
  try {
    elf = readElf(kernel.data, kernel.name);
  } catch (error) {
    throw new LoadError(`kernel ${(error as Error).message}`);
  }
  const at = (why: string): never => {
    throw new LoadError(`kernel ${kernel.name}: ${why}`);
  };
  if (elf.machine !== Machine.X86_64 && elf.machine !== Machine.I386) {
    at(`it is an ELF file for machine ${elf.machine}, expected x86 (3) or x86-64 (62)`);
  }
  if (elf.type !== FileType.Exec) {
    at(`it is an ELF file of type ${elf.type}, expected an executable (2)`);
  }
  const loads = elf.segments.filter((s) => s.type === SegmentType.Load && s.memSize > 0n);
  if (loads.length === 0) at("it has no loadable segment");
  const chunks = loads.map((s, i): Chunk => {
    if (s.paddr + s.memSize > 0x1_0000_0000n) {
      at(
        `segment ${i} loads at physical 0x${s.paddr.toString(16)} with 0x${s.memSize.toString(16)} bytes, beyond 4 GiB`,
      );
    }
    return {
      address: Number(s.paddr),
      data: s.data,
      size: Number(s.memSize),
      what: `kernel segment ${i}`,
    };
  });
  const home = loads.find((s) => elf.entry >= s.vaddr && elf.entry < s.vaddr + s.memSize);
  const entry = home === undefined ? elf.entry : elf.entry - home.vaddr + home.paddr;
  if (entry > 0xffffffffn) at(`its entry point 0x${entry.toString(16)} is beyond 4 GiB`);
  return {
    chunks,
    entry: Number(entry),
    start: Math.min(...chunks.map((c) => c.address)),
    end: Math.max(...chunks.map((c) => c.address + c.size)),
    elf,
  };
}
