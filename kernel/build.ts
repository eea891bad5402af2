// Builds the kernel image: the compiled wasm module and the stubs, linked and wrapped as ELF32 for
// Multiboot 1 loaders. Layout: layout.ts.

import { compile } from "../tools/aot/index.ts";
import { linkElf, type ObjectFile, type ObjectSymbol } from "../tools/elf/index.ts";
import { assembleStubs, WINDOW } from "./asm/index.ts";
import { KERNEL_DATA, KERNEL_RODATA, KERNEL_START, KERNEL_TEXT } from "./layout.ts";

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

/** Bytes per row of the line table, and the largest line it can name. */
const ROW_BYTES = 8;
const MAX_LINE = 0xffff;

/** The line table of source_line.ts, from the compiler's line rows. */
function lineTable(compiled: ObjectFile): ObjectFile {
  const origin = compiled.symbols.find((symbol) => symbol.name === "kernel_main");
  if (!origin) throw new Error("the kernel's module does not export kernel_main");
  const code = compiled.sections[origin.section];
  const files: string[] = [];
  const rows: { offset: number; file: number; line: number }[] = [];
  const sorted = (compiled.lines ?? []).filter((row) => row.section === origin.section);
  for (const row of sorted.sort((a, b) => a.offset - b.offset)) {
    let file = files.indexOf(row.file) + 1;
    if (file === 0) file = files.push(row.file);
    const line = Math.min(row.line, MAX_LINE);
    const last = rows.at(-1);
    if (last?.offset === row.offset) rows.pop();
    else if (last?.file === file && last.line === line) continue;
    rows.push({ offset: row.offset, file, line });
  }
  rows.push({ offset: code?.memSize ?? 0, file: 0, line: 0 });
  const names = new TextEncoder().encode(files.map((file) => `${file}\0`).join(""));
  const data = new Uint8Array(rows.length * ROW_BYTES + names.length);
  const view = new DataView(data.buffer);
  for (const [i, row] of rows.entries()) {
    view.setInt32(i * ROW_BYTES, row.offset - Number(origin.value), true);
    view.setUint16(i * ROW_BYTES + 4, row.file, true);
    view.setUint16(i * ROW_BYTES + 6, row.line, true);
  }
  data.set(names, rows.length * ROW_BYTES);
  const symbol = (name: string, value: number): ObjectSymbol => {
    return { name, section: 0, value: BigInt(value), size: 0, kind: "object", global: true };
  };
  return {
    name: "kernel line table",
    sections: [
      {
        name: ".rodata.lines",
        writable: false,
        executable: false,
        align: 8,
        data,
        memSize: data.length,
      },
    ],
    symbols: [
      symbol("kernel_lines", 0),
      symbol("kernel_lines_end", rows.length * ROW_BYTES),
      symbol("kernel_line_files", rows.length * ROW_BYTES),
    ],
    relocations: [],
  };
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
  const objects = [stubs, compiled, lineTable(compiled)];
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
        paddr: physical,
        sections: [".data", ".data.*", ".bss", ".wasm.data", ".pool"],
      },
    ],
    entry: "boot_entry",
    class: elfClass,
  });
}
