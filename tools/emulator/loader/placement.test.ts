// Kernels linked where boot information usually lies: they must find their own bytes and all that the protocol
// promises. What they print is what the same kernel prints above 1 MiB, there on QEMU as well.

import { describe, expect, test } from "vitest";
import {
  Assembler,
  al,
  byte,
  dword,
  dx,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  esi,
  esp,
  type Operand,
  rbp,
  rsi,
} from "../../asm/index.ts";
import { linkElf } from "../../elf/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { memoryMap } from "../platform/memory-map.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import { loadKernel } from "./kernel.ts";
import { Placement } from "./placement.ts";

const PAGE = 4096;
const PATTERN_BYTES = 0x4000;
const MODULE = new TextEncoder().encode("ABCD and so on");

/** Routines `puts` (ESI) and `hex` (EAX) on port 0xE9, and `exit` through isa-debug-exit. */
function routines(a: Assembler): void {
  a.label("puts");
  a.mov(al, byte(esi)).inc(esi).test(al, al).jz("newline").out(0xe9, al).jmp("puts");
  a.label("newline");
  a.mov(al, 10).out(0xe9, al).ret();
  a.label("hex");
  a.push(ebx).push(ecx).mov(ebx, eax).mov(ecx, 8);
  a.label("digit");
  a.rol(ebx, 4)
    .mov(eax, ebx)
    .and(eax, 15)
    .mov(al, byte(eax, { disp: "digits" }))
    .out(0xe9, al);
  a.dec(ecx).jnz("digit").pop(ecx).pop(ebx).jmp("newline");
  a.label("digits");
  a.db("0123456789abcdef");
  a.label("exit");
  a.mov(dx, 0xf4).mov(eax, 0).out(dx, eax);
  a.label("stay");
  a.hlt().jmp("stay");
}

const at = (base: typeof ebp, disp: number): Operand => dword(base, { disp }) as Operand;

/** Prints the checksum of the image's pattern. */
function checksum(a: Assembler): void {
  a.mov(esi, "pattern")
    .mov(ecx, PATTERN_BYTES / 4)
    .mov(ebx, 0);
  a.label("sum");
  a.rol(ebx, 3).add(ebx, dword(esi)).add(esi, 4).dec(ecx).jnz("sum");
  a.mov(eax, ebx).call("hex");
}

/** Prints ECX dwords from ESI on. */
function dump(a: Assembler, name: string): void {
  a.label(name);
  a.mov(eax, dword(esi)).add(esi, 4).call("hex").dec(ecx).jnz(name);
}

function multiboot1(a: Assembler): void {
  a.mov(esi, at(ebp, 16)).call("puts");
  a.mov(eax, at(ebp, 20)).call("hex");
  a.mov(edi, at(ebp, 24)).mov(esi, dword(edi)).mov(eax, dword(esi)).call("hex");
  a.mov(esi, at(edi, 8)).call("puts");
  a.mov(esi, at(ebp, 48)).mov(ecx, at(ebp, 44)).shr(ecx, 2);
  dump(a, "mmap");
}

/** Prints command line, module and memory map of Multiboot 2 in the order of the tags. */
function multiboot2(a: Assembler): void {
  a.add(ebp, 8);
  a.label("tag");
  a.mov(eax, dword(ebp)).test(eax, eax).jz("exit");
  a.cmp(eax, 1).je("command_line").cmp(eax, 3).je("module").cmp(eax, 6).je("map");
  a.label("next_tag");
  a.add(ebp, at(ebp, 4)).add(ebp, 7).and(ebp, ~7).jmp("tag");
  a.label("command_line");
  a.mov(esi, ebp).add(esi, 8).call("puts").jmp("next_tag");
  a.label("module");
  a.mov(esi, at(ebp, 8)).mov(eax, dword(esi)).call("hex");
  a.mov(esi, ebp).add(esi, 16).call("puts").jmp("next_tag");
  a.label("map");
  a.mov(ecx, at(ebp, 4)).shr(ecx, 2).sub(ecx, 2).mov(esi, ebp).add(esi, 8);
  dump(a, "mmap");
  a.jmp("next_tag");
}

/** A kernel linked at `base`, with a page of headers in a segment of their own in front. */
function kernel(protocol: 1 | 2, base: number): Uint8Array {
  const a = new Assembler({ bits: 32, name: "placed" });
  a.section(".headers", { align: 8 });
  if (protocol === 1) a.dd(0x1badb002, 3, -(0x1badb002 + 3));
  else a.dd(0xe85250d6, 0, 24, -(0xe85250d6 + 24) >>> 0).dd(0, 8);
  a.section(".text");
  a.label("entry", { global: true });
  a.mov(esp, "stack").mov(ebp, ebx).call("hex");
  checksum(a);
  if (protocol === 1) multiboot1(a);
  else multiboot2(a);
  a.jmp("exit");
  routines(a);
  a.label("pattern");
  for (let i = 1; i <= PATTERN_BYTES / 4; i++) a.dd(Math.imul(i, 0x9e3779b1) >>> 0);
  a.section(".bss", { align: 16 });
  a.space(PAGE);
  a.label("stack");
  return linkElf({
    objects: [a.object()],
    segments: [
      { name: "headers", flags: "r", vaddr: BigInt(base - PAGE), sections: [".headers"] },
      { name: "image", flags: "rwx", vaddr: BigInt(base), sections: [".text", ".bss"] },
    ],
    entry: "entry",
    class: 32,
  });
}

async function output(image: Uint8Array): Promise<string> {
  let text = "";
  const machine = await Machine.create({
    kernel: image,
    memory: "64M",
    append: "a b",
    modules: [{ file: MODULE, commandLine: "module one" }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => {
      text += String.fromCharCode(byte);
    },
  });
  expect(machine.runSync({ instructions: 1_000_000 })).toEqual({ kind: "debug-exit", status: 1 });
  return text;
}

describe.each([1, 2] as const)("Multiboot %i", (protocol) => {
  // Over 0x9000 and 0x9500; from page 0 on; up to the end of low memory, so that nothing fits behind; with the
  // headers in the BIOS segment, right below 1 MiB.
  test.each([0x8000, 0x6000, 0x1000, 0x9a000, 0x100000])(
    "a kernel at %i finds itself and its information",
    async (base) => {
      expect(await output(kernel(protocol, base))).toBe(await output(kernel(protocol, 0x200000)));
    },
  );
});

// In the last pages of RAM; in its last quarter of a MiB, with room behind; over firmware's first pages.
test.each([0x3ff9000, 0x3fc8000, 0x3fda000])(
  "ACPI tables are where a kernel at %i, near the top of RAM, is not",
  async (base) => {
    const image = kernel(1, base);
    // What is before the memory map: magic number, checksum, command line, module.
    const lines = (text: string): string[] => text.split("\n").slice(0, 5);
    expect(lines(await output(image))).toEqual(lines(await output(kernel(1, 0x200000))));

    const machine = await Machine.create({ kernel: image, memory: "64M" });
    const word = (at: number): number =>
      new DataView(machine.readPhysical(at, 4).buffer).getUint32(0, true);
    const name = (at: number): string => new TextDecoder().decode(machine.readPhysical(at, 4));
    const rsdt = word(0xf59e0 + 16);
    expect(name(rsdt)).toBe("RSDT");
    const tables = Array.from({ length: (word(rsdt + 4) - 36) / 4 }, (_, i) =>
      word(rsdt + 36 + 4 * i),
    );
    expect(tables.map(name).sort()).toEqual(["APIC", "FACP", "HPET", "MCFG"]);
    const { ranges } = loadKernel({ name: "k", data: image }, [], "", {
      ramBytes: 64 << 20,
      hasDisplay: true,
    }).map;
    const within = (at: number, type: number): boolean =>
      ranges.some((r) => r.type === type && at >= r.start && at < r.start + r.length);
    for (const table of [rsdt, ...tables]) expect(within(table, 2)).toBe(true);
    for (const part of [base - PAGE, base, base + PAGE]) expect(within(part, 1)).toBe(true);
    // All of RAM above 1 MiB is in one piece or another.
    const above = ranges.filter((r) => r.start >= 1 << 20 && r.start < 64 << 20);
    expect(above.reduce((sum, r) => sum + r.length, 1 << 20)).toBe(64 << 20);
  },
);

test("a kernel that leaves no room for ACPI tables is refused in one line", () => {
  const all = bzImage(0x100000, (64 << 20) - 0x100000);
  const load = (): unknown =>
    loadKernel({ name: "k", data: all }, [], "", { ramBytes: 64 << 20, hasDisplay: true });
  expect(load).toThrow(/^the Linux kernel needs memory 0x100000–0x4000000, where .* -m, or/);
});

test.skipIf(!hasQemu).each([0x1000, 0x100000])(
  "what a kernel at %i prints is what it prints on QEMU",
  async (base) => {
    const image = kernel(1, base);
    const lines = (text: string): string[] =>
      // The kernel's name, with the command line, and the module's, are paths there.
      text.split("\n").filter((line) => !/[ /]/.test(line));
    const there = runOnQemu(image, [MODULE], ["-m", "64M", "-append", "a b"]).debugcon;
    expect(lines(await output(image))).toEqual(lines(there));
  },
);

/** A bzImage that is loaded at `address`, takes `size` bytes and prints command line and RAM disk. */
function bzImage(address: number, size: number): Uint8Array {
  const a = new Assembler({ bits: 64, name: "linux" });
  a.section(".text");
  // The 64-bit entry is 0x200 bytes behind the start; a stack is the kernel's own affair.
  a.space(0x200);
  a.mov(esp, address + size - 16).mov(ebp, esi);
  a.mov(esi, dword(rbp, { disp: 0x228 })).call("puts");
  a.mov(esi, dword(rbp, { disp: 0x218 })).call("puts");
  a.jmp("exit");
  a.label("puts");
  a.mov(al, byte(rsi)).inc(esi).test(al, al).jz("newline").out(0xe9, al).jmp("puts");
  a.label("newline");
  a.mov(al, 10).out(0xe9, al).ret();
  a.label("exit");
  a.mov(dx, 0xf4).mov(eax, 0).out(dx, eax).hlt();
  const { bytes } = a.flat({ origin: address });
  const image = new Uint8Array(1024 + bytes.length);
  image.set(bytes, 1024);
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint8(0x201, 0x66);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x020f, true);
  view.setUint8(0x211, 1);
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint32(0x230, PAGE, true);
  view.setUint8(0x234, 1);
  view.setUint16(0x236, 1, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, BigInt(address), true);
  view.setUint32(0x260, size, true);
  return image;
}

// Over the page tables' and the parameters' usual places; above 1 MiB; over all RAM but the lowest.
test.each([
  [0x10000, 0x8f000],
  [0x100000, 0x100000],
  [0x100000, 0x3ed0000],
])("a Linux kernel at %i with %i bytes finds command line and RAM disk", async (address, size) => {
  let text = "";
  const machine = await Machine.create({
    kernel: bzImage(address, size),
    memory: "64M",
    append: "quiet splash",
    modules: [{ file: new TextEncoder().encode("the RAM disk\0") }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => {
      text += String.fromCharCode(byte);
    },
  });
  expect(machine.runSync({ instructions: 1_000_000 })).toEqual({ kind: "debug-exit", status: 1 });
  expect(text).toBe("quiet splash\nthe RAM disk\n");
});

test("RSDP and global descriptors outlive a kernel that covers them", async () => {
  const image = kernel(1, 0xf0000);
  const machine = await Machine.create({ kernel: image, memory: "64M" });
  expect(new TextDecoder().decode(machine.readPhysical(0xf59e0, 8))).toBe("RSD PTR ");
});

test("nothing is placed twice, nor where there is no RAM, however the rest lies", () => {
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const map = memoryMap(4 << 20);
  const usable = map.ranges.filter((r) => r.type === 1);
  for (let round = 0; round < 500; round++) {
    const placement = new Placement(map);
    for (let i = 0; i < 12; i++) {
      const size = random(i % 3 === 0 ? 600_000 : 20_000);
      try {
        if (i < 3) {
          const address = random(4 << 20);
          placement.fix({ address, size, data: new Uint8Array(0), what: "fixed" });
        } else {
          placement.place("placed", new Uint8Array(size), {
            align: 1 << random(13),
            at: random(2) ? random(4 << 20) : undefined,
            from: random(2) ? 1 << 20 : 0,
            high: random(2) === 1,
          });
        }
      } catch (error) {
        expect((error as Error).name).toBe("LoadError");
      }
    }
    const chunks = placement.chunks.filter((c) => c.size > 0).sort((a, b) => a.address - b.address);
    for (const [i, c] of chunks.entries()) {
      const next = chunks[i + 1];
      if (next !== undefined) expect(c.address + c.size).toBeLessThanOrEqual(next.address);
      if (c.what !== "placed") continue;
      expect(c.address).toBeGreaterThanOrEqual(PAGE);
      expect(
        usable.some((r) => c.address >= r.start && c.address + c.size <= r.start + r.length),
      ).toBe(true);
    }
  }
});

test("no room is said in one line", () => {
  const placement = new Placement(memoryMap(2 << 20));
  expect(() => placement.place("module m", new Uint8Array(2 << 20))).toThrow(
    /^module m: there is no room for 2097152 bytes in the machine's RAM; give it more with -m$/,
  );
});
