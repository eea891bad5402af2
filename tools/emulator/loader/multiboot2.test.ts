// Multiboot 2: the information a guest gets, parsed as the specification says, and a guest that boots
// through it and checks its registers.

import { expect, test } from "vitest";
import { Assembler, al, dword, dx, eax, ebx, esi, esp, type Operand } from "../../asm/index.ts";
import { linkElf } from "../../elf/index.ts";
import { Machine } from "../host/machine.ts";
import { memoryMap } from "../platform/memory-map.ts";
import type { EntryState } from "./boot-image.ts";
import { loadKernel } from "./kernel.ts";

const MAGIC = 0xe85250d6;
const ramBytes = 64 << 20;
const machine = { ramBytes, hasDisplay: true };

type HeaderTag = [type: number, flags: number, fields: number[]];

/** A kernel with the given header tags; it prints "ok" on COM1 if EAX is right, then powers off. */
function kernel(tags: HeaderTag[], bits: 32 | 64 = 32): Uint8Array {
  const a = new Assembler({ bits: 32, name: "mb2" });
  a.section(".multiboot", { align: 8 });
  const body: number[] = [];
  const word = (v: number, n: number): void => {
    for (let i = 0; i < n; i++) body.push((v >>> (8 * i)) & 0xff);
  };
  for (const [type, flags, fields] of [...tags, [0, 0, []] as HeaderTag]) {
    word(type, 2);
    word(flags, 2);
    word(8 + fields.length * 4, 4);
    for (const f of fields) word(f, 4);
    while (body.length % 8 !== 0) body.push(0);
  }
  const length = 16 + body.length;
  a.dd(MAGIC, 0, length, -(MAGIC + length) >>> 0);
  a.db(...body);
  a.section(".text");
  a.label("entry", { global: true });
  a.mov(esp, 0x90000).cmp(eax, 0x36d76289).jne("off");
  a.mov(dx, 0x3f8).mov(al, "o".charCodeAt(0)).out(dx, al);
  // The first dword of the information is its size, the second 0.
  a.mov(esi, dword(ebx, { disp: 4 }) as Operand)
    .test(esi, esi)
    .jnz("off");
  a.mov(al, "k".charCodeAt(0)).out(dx, al);
  a.label("off");
  a.mov(dx, 0x604).mov(eax, 0x2000).out(dx, eax).hlt();
  return linkElf({
    objects: [a.object()],
    segments: [
      { name: "image", flags: "rwx", vaddr: 0x100000n, sections: [".multiboot", ".text"] },
    ],
    entry: "entry",
    class: bits,
  });
}

interface InfoTag {
  type: number;
  data: DataView;
}

function information(tags: HeaderTag[], bits: 32 | 64 = 32) {
  const modules = [
    { file: { name: "m", data: new Uint8Array(5000).fill(9) }, commandLine: "module one" },
  ];
  const image = loadKernel({ name: "k", data: kernel(tags, bits) }, modules, "a b", machine);
  const at = Number((image.entry as EntryState).rbx);
  const chunk = image.chunks.find((c) => c.address === at);
  if (chunk === undefined) throw new Error("no information");
  const view = new DataView(chunk.data.buffer, chunk.data.byteOffset, chunk.data.length);
  expect(at % 8).toBe(0);
  expect(view.getUint32(0, true)).toBe(chunk.data.length);
  const out: InfoTag[] = [];
  for (let p = 8; p < chunk.data.length; ) {
    const size = view.getUint32(p + 4, true);
    const data = new DataView(view.buffer, view.byteOffset + p + 8, size - 8);
    out.push({ type: view.getUint32(p, true), data });
    p += (size + 7) & ~7;
  }
  expect(out.at(-1)?.type).toBe(0);
  return { image, tag: (type: number) => out.find((t) => t.type === type)?.data };
}

const text = (d: DataView | undefined, at = 0): string =>
  d === undefined
    ? ""
    : String.fromCharCode(...new Uint8Array(d.buffer, d.byteOffset + at, d.byteLength - at));

test.each([32, 64] as const)("an ELF%i kernel boots with magic and information", async (bits) => {
  const m = await Machine.create({ kernel: kernel([], bits), memory: "64M" });
  expect(m.runSync()).toEqual({ kind: "power-off" });
  expect(m.serialOutput).toBe("ok");
});

test("command line, module, memory map and RSDP are there", () => {
  const { image, tag } = information([]);
  expect(text(tag(1))).toBe("a b\0");
  const module = tag(3) as DataView;
  const start = module.getUint32(0, true);
  expect([start % 4096, module.getUint32(4, true) - start, text(module, 8)]).toEqual([
    0,
    5000,
    "module one\0",
  ]);
  expect(image.chunks.find((c) => c.address === start)?.data[0]).toBe(9);
  const memory = tag(6) as DataView;
  expect(memory.getUint32(0, true)).toBe(24);
  expect((memory.byteLength - 8) / 24).toBe(memoryMap(ramBytes).ranges.length);
  expect(memory.getBigUint64(8 + 24 * 3, true)).toBe(0x100000n);
  expect(text(tag(15)).slice(0, 8)).toBe("RSD PTR ");
  expect([tag(14)?.byteLength, tag(15)?.byteLength]).toEqual([20, 36]);
  expect(tag(9)?.getUint32(0, true)).toBeGreaterThan(3);
});

test("without a wish the screen is text, with one it is that mode", async () => {
  const plain = information([]).tag(8) as DataView;
  expect([plain.getBigUint64(0, true), plain.getUint8(21)]).toEqual([0xb8000n, 2]);
  const wish: HeaderTag[] = [[5, 0, [640, 480, 32]]];
  const fb = information(wish).tag(8) as DataView;
  expect([fb.getBigUint64(0, true), fb.getUint32(8, true), fb.getUint8(20)]).toEqual([
    0xfd000000n,
    640 * 4,
    32,
  ]);
  const m = await Machine.create({ kernel: kernel(wish), memory: "64M" });
  expect([m.screen()?.width, m.screen()?.height]).toEqual([640, 480]);
});

test.each([
  ["an unknown required tag", [[77, 0, []]], /header tag 77/],
  ["information that only EFI has", [[1, 0, [12]]], /information 12/],
] as [string, HeaderTag[], RegExp][])(
  "refuses %s, unless it is optional",
  (_what, tags, message) => {
    const load = (t: HeaderTag[]) => loadKernel({ name: "k", data: kernel(t) }, [], "", machine);
    expect(() => load(tags)).toThrow(message);
    expect(load(tags.map(([type, , fields]) => [type, 1, fields]))).toBeDefined();
  },
);
