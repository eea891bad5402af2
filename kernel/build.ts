// Builds the kernel image: the compiled wasm module and the stubs, linked and wrapped as ELF32 for
// Multiboot 1 loaders. Layout: layout.ts.

import { compile } from "../tools/aot/index.ts";
import { linkElf } from "../tools/elf/index.ts";
import { assembleStubs, WINDOW } from "./asm/index.ts";
import { KERNEL_DATA, KERNEL_START, KERNEL_TEXT } from "./layout.ts";

export { KERNEL_ASC_OPTIONS, KERNEL_ENTRY } from "./options.ts";

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

/** Returns the bytes of `kernel.elf32`. Throws the compiler's and linker's errors. */
export function buildKernel(wasm: Uint8Array, sourceMap?: string): Uint8Array {
  const compiled = compile(wasm, { target: "kernel", name: "kernel", sourceMap });
  const stubs = assembleStubs(hasStartFunction(wasm));
  const physical = (vaddr: bigint) => vaddr - WINDOW;
  return linkElf({
    objects: [stubs, compiled],
    segments: [
      {
        name: "boot",
        flags: "rwx",
        vaddr: BigInt(KERNEL_START),
        sections: [".boot", ".boot.bss"],
      },
      {
        name: "text",
        flags: "rx",
        vaddr: WINDOW + BigInt(KERNEL_TEXT),
        paddr: physical,
        sections: [".text", ".text.*", ".rodata", ".rodata.*"],
      },
      {
        name: "data",
        flags: "rw",
        vaddr: WINDOW + BigInt(KERNEL_DATA),
        paddr: physical,
        sections: [".data", ".data.*", ".bss", ".wasm.data", ".pool"],
      },
    ],
    entry: "boot_entry",
    class: 32,
  });
}
