// Guests in C become flat images: gcc where it is, otherwise Zig's C compiler, -O2, without a C library. What they
// look like is then what real programs look like, and nothing is tuned for the emulator.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { readElf } from "../../elf/read.ts";
import { hasTool } from "../../testing/host-tools.ts";

const GUESTS = join(import.meta.dirname, "guests");
/** Where a guest in C lies: above the frame, which is at 1 MiB. */
export const GUEST_ADDRESS = 0x20_0000;
const PT_LOAD = 1;

export type Bits = 32 | 64;

/** Code and data of a guest; what is not in it is zero. */
export interface CompiledGuest {
  bytes: Uint8Array;
  /** Linear address of `workload`. */
  entry: number;
}

/** How C is compiled here: the program and its first arguments, by the bits of the target. */
export type Compiler = (bits: Bits) => [program: string, ...args: string[]];

const FLAGS = [
  ...["-O2", "-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-pic"],
  ...["-fno-asynchronous-unwind-tables", "-msse2", "-nostdlib", "-static"],
  ...["-Wl,-e,workload", "-Wall", "-Wextra", "-Werror"],
];

/** The compiler that is here: gcc for x86-64, or Zig's at the path that is given. */
export function findCompiler(zig?: string): Compiler | undefined {
  const target =
    hasTool("gcc", ["-dumpmachine"]) && hasTool("gcc", ["-m64", "-E", "-x", "c", "/dev/null"]);
  const address = `0x${GUEST_ADDRESS.toString(16)}`;
  if (target) {
    const link = ["-no-pie", "-Wl,--build-id=none", `-Wl,-Ttext-segment=${address}`];
    return (bits) => ["gcc", `-m${bits}`, "-mfpmath=sse", ...link];
  }
  if (zig === undefined) return undefined;
  const name = (bits: Bits): string => `${bits === 64 ? "x86_64" : "x86"}-freestanding`;
  return (bits) => [zig, "cc", "-target", name(bits), `-Wl,--image-base=${address}`];
}

const compiled = new Map<string, Promise<CompiledGuest>>();

/** Compiles guests/NAME.c with the given macros; once a process. Throws the compiler's messages. */
export function compileGuest(
  compiler: Compiler,
  name: string,
  bits: Bits,
  defines: readonly string[] = [],
): Promise<CompiledGuest> {
  const key = [name, bits, ...defines].join(" ");
  let guest = compiled.get(key);
  if (guest === undefined) {
    guest = compile(compiler, name, bits, defines);
    compiled.set(key, guest);
  }
  return guest;
}

async function compile(
  compiler: Compiler,
  name: string,
  bits: Bits,
  defines: readonly string[],
): Promise<CompiledGuest> {
  const folder = mkdtempSync(join(tmpdir(), "emu-bench-guest-"));
  try {
    const out = join(folder, name);
    const [program, ...args] = compiler(bits);
    const sources = [name, "memory"].map((source) => join(GUESTS, `${source}.c`));
    const macros = defines.map((define) => `-D${define}`);
    await execa(program, [...args, ...FLAGS, ...macros, "-o", out, ...sources]);
    return flatten(readFileSync(out), name);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The loadable parts of an executable as one image from `GUEST_ADDRESS` on. */
function flatten(file: Uint8Array, name: string): CompiledGuest {
  const elf = readElf(file, name);
  const used = elf.segments.filter(({ type, fileSize }) => type === PT_LOAD && fileSize > 0);
  const end = Math.max(...used.map(({ vaddr, fileSize }) => Number(vaddr) + fileSize));
  const bytes = new Uint8Array(end - GUEST_ADDRESS);
  for (const { vaddr, data } of used) bytes.set(data, Number(vaddr) - GUEST_ADDRESS);
  return { bytes, entry: Number(elf.entry) };
}
