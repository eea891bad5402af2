// Builds the kernel image: the compiled wasm module and the stubs, linked and wrapped as ELF32 for
// Multiboot 1 loaders. Layout: layout.ts.

import { compile } from "../tools/aot/index.ts";
import { linkElf, type ObjectFile } from "../tools/elf/index.ts";
import { fontObject } from "../tools/screen/object.ts";
import { assembleStubs, WINDOW } from "./asm/index.ts";
import { KERNEL_DATA, KERNEL_POOL, KERNEL_RODATA, KERNEL_START, KERNEL_TEXT } from "./layout.ts";
import { stackTables } from "./stack_table.ts";

const START_SECTION = 8;

/** Whether a wasm module, known to be well-formed, has a start function. */
function hasStartFunction(wasm: Uint8Array): boolean {
  let at = 8;
  while (at < wasm.length) {
    const id = wasm[at++];
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++] ?? 0;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (id === START_SECTION) return true;
    at += size;
  }
  return false;
}

export interface KernelFiles {
  /** `kernel.elf32`, for Multiboot loaders. */
  image: Uint8Array;
  /** The same program as ELF64 with all that debuggers want to know, for gdb. */
  symbols: Uint8Array;
}

/** Throws the compiler's and linker's errors. */
export function buildKernelFiles(wasm: Uint8Array, sourceMap?: string): KernelFiles {
  const compiled = compile(wasm, { target: "kernel", name: "kernel", sourceMap });
  const stubs = assembleStubs(hasStartFunction(wasm));
  const objects = [stubs, compiled, stackTables(compiled), fontObject()];
  return { image: link(objects, 32), symbols: link(objects, 64) };
}

/** Returns the bytes of `kernel.elf32`. Throws the compiler's and linker's errors. */
export function buildKernel(wasm: Uint8Array, sourceMap?: string): Uint8Array {
  return buildKernelFiles(wasm, sourceMap).image;
}

function link(objects: ObjectFile[], elfClass: 32 | 64): Uint8Array {
  const physical = (vaddr: bigint) => vaddr - WINDOW;
  // Each segment reaches to the next one: a loader that places modules in the gaps (GRUB) would put them
  // into memory that the kernel gives to nobody.
  return linkElf({
    objects,
    segments: [
      {
        name: "boot",
        flags: "rwx",
        vaddr: BigInt(KERNEL_START),
        end: BigInt(KERNEL_TEXT),
        sections: [".boot", ".boot.bss"],
      },
      {
        name: "text",
        flags: "rx",
        vaddr: WINDOW + BigInt(KERNEL_TEXT),
        end: WINDOW + BigInt(KERNEL_RODATA),
        paddr: physical,
        sections: [".text", ".text.*"],
      },
      {
        name: "rodata",
        flags: "r",
        vaddr: WINDOW + BigInt(KERNEL_RODATA),
        end: WINDOW + BigInt(KERNEL_DATA),
        paddr: physical,
        sections: [".rodata", ".rodata.*"],
      },
      {
        name: "data",
        flags: "rw",
        vaddr: WINDOW + BigInt(KERNEL_DATA),
        end: WINDOW + BigInt(KERNEL_POOL),
        paddr: physical,
        sections: [".data", ".data.*", ".bss", ".wasm.data"],
      },
    ],
    entry: "boot_entry",
    class: elfClass,
  });
}
