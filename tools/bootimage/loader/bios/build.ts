// Builds the BIOS loader: both first stages, and the compiled module with its stubs as it lies in memory from START
// on. Layout: layout.ts.

import { compile } from "../../../aot/index.ts";
import { staticEnd } from "../../../asc/static-end.ts";
import { Assembler } from "../../../asm/index.ts";
import { linkElf, type ObjectFile, readElf } from "../../../elf/index.ts";
import { emitLoaderStubs } from "../asm/index.ts";
import { assembleCdSector, assembleMbr, assembleStubs } from "./asm/index.ts";
import { BLOCK_BYTES, DATA, START } from "./layout.ts";

export interface BiosLoaderFiles {
  /** `mbr.bin`: the code of a master boot record, 440 bytes. */
  mbr: Uint8Array;
  /** `bios.bin`: the boot sector of a CD, 2048 bytes, and the loader. */
  image: Uint8Array;
  /** The loader as ELF64, for debuggers. */
  symbols: Uint8Array;
}

/** What the loader may need of conventional memory, KiB: a PC has 640, of which firmware and network boot keep some. */
const MAX_KIB = 512;
const KIB = 1024;
const STATIC_DATA = ".wasm.data";

/**
 * The module's static data as entry.ts takes it apart: of each piece u32 address, u32 bytes and contents, then a zero
 * word. As it lies in memory it would be mostly the zeros of buffers.
 */
function packData(compiled: ObjectFile): ObjectFile {
  const a = new Assembler({ bits: 64, name: "static data" });
  a.section(".packed", { align: 4 });
  a.label("packed_data", { global: true, kind: "object" });
  for (const { name, address = 0n, data } of compiled.sections) {
    if (name.startsWith(STATIC_DATA) && data.length > 0) a.dd(address, data.length).db(data);
  }
  a.dd(0);
  return a.object();
}

/** The program as it lies in memory from START on. */
function flatten(elf: Uint8Array): Uint8Array {
  const { segments } = readElf(elf, "the loader");
  const ends = segments.map(({ vaddr, fileSize }) => Number(vaddr) + fileSize);
  const memory = new Uint8Array(Math.max(...ends) - START);
  for (const { vaddr, data } of segments) memory.set(data, Number(vaddr) - START);
  return memory;
}

/** Throws the compiler's and linker's errors, and where the loader is too large for the memory it is made for. */
export function buildBiosLoader(wasm: Uint8Array, sourceMap?: string): BiosLoaderFiles {
  const compiled = compile(wasm, { target: "native", name: "boot loader", sourceMap });
  const hasStart = compiled.symbols.some((symbol) => symbol.name === "__wasm_start");
  const physical = new Assembler({ bits: 64, name: "loader stubs", lines: true });
  emitLoaderStubs(physical);
  const end = staticEnd(wasm);
  const kib = Math.ceil(end / KIB);
  if (kib > MAX_KIB) {
    throw new Error(
      `the BIOS loader reaches to ${kib} KiB of conventional memory, more than ${MAX_KIB} (loader/bios/layout.ts)`,
    );
  }
  const symbols = linkElf({
    objects: [assembleStubs(hasStart), physical.object(), compiled, packData(compiled)],
    segments: [
      {
        name: "loader",
        flags: "rwx",
        vaddr: BigInt(START),
        sections: [
          ...[".low", ".text", ".text.*", ".rodata", ".rodata.*"],
          ...[".data", ".data.*", ".packed"],
        ],
      },
    ],
    entry: "loader_entry64",
    class: 64,
    symbols: { static_data: BigInt(DATA), loader_end: BigInt(end), loader_kib: BigInt(kib) },
    discard: [STATIC_DATA, `${STATIC_DATA}.*`],
  });
  const loader = flatten(symbols);
  if (START + loader.length > DATA) {
    throw new Error(
      `the BIOS loader has ${loader.length} bytes, more than the ${DATA - START} of its place (loader/bios/layout.ts)`,
    );
  }
  const image = new Uint8Array(BLOCK_BYTES + loader.length);
  image.set(assembleCdSector());
  image.set(loader, BLOCK_BYTES);
  return { mbr: assembleMbr(), image, symbols };
}
