// Multiboot kernels through the core: where their bytes are, what EAX and EBX hold, what the boot information says,
// and in which words a kernel is refused.

import { describe, expect, it } from "vitest";
import { elfFile, header1, header2, pattern, withHeader } from "./kernels.ts";
import { type HandOff, LoaderMachine, type LoaderOptions } from "./machine.ts";

const MIB = 0x10_0000;
const KERNEL = 0x20_0000;
const CONFIG =
  "title Test\nkernel boot/k some words\nmodule boot/m1 first module\nmodule boot/m2\n";
const m1 = pattern(5000, 3);
const m2 = pattern(1, 4);

async function machine(kernel: Uint8Array, options: LoaderOptions = {}, config = CONFIG) {
  return LoaderMachine.create({
    ...options,
    files: {
      "boot/boot.conf": Buffer.from(config),
      "boot/k": kernel,
      "boot/m1": m1,
      "boot/m2": m2,
      ...options.files,
    },
  });
}

/** The tags of Multiboot 2 information at EBX, by type. */
function tags(m: LoaderMachine, handOff: HandOff): Map<number, Uint8Array[]> {
  const found = new Map<number, Uint8Array[]>();
  const start = Number(handOff.rbx);
  expect(start % 8).toBe(0);
  const end = start + m.view.getUint32(start, true);
  let at = start + 8;
  while (at < end) {
    const type = m.view.getUint32(at, true);
    const size = m.view.getUint32(at + 4, true);
    if (type === 0) break;
    found.set(type, [...(found.get(type) ?? []), m.ram.slice(at + 8, at + size)]);
    at += (size + 7) & ~7;
  }
  expect(at + 8).toBe(end);
  return found;
}

const word = (bytes: Uint8Array | undefined, offset = 0) =>
  new DataView(bytes?.buffer ?? new ArrayBuffer(0), bytes?.byteOffset).getUint32(offset, true);
const string = (bytes: Uint8Array | undefined, from = 0) =>
  Buffer.from(bytes ?? []).toString("latin1", from);

const plain1 = (flags = 3) =>
  elfFile({
    entry: KERNEL + 0x40,
    segments: [{ vaddr: KERNEL, data: withHeader(header1(flags), 3000), memory: 9000 }],
  });
const plain2 = (...list: [number, number, ...number[]][]) =>
  elfFile({
    entry: KERNEL + 0x40,
    segments: [{ vaddr: KERNEL, data: withHeader(header2(...list), 3000), memory: 9000 }],
  });

describe("a Multiboot 1 kernel", () => {
  it("gets its segments, registers and information", async () => {
    const m = await machine(plain1(), { bootDrive: 0x80 });
    m.ram.fill(0xcc, KERNEL, KERNEL + 9000);
    const handOff = m.boot();
    expect(handOff).toMatchObject({ way: 0, entry: KERNEL + 0x40, rax: 0x2bad_b002n });
    expect(m.ram.subarray(KERNEL, KERNEL + 3000)).toEqual(withHeader(header1(3), 3000));
    expect(m.ram.subarray(KERNEL + 3000, KERNEL + 9000).every((byte) => byte === 0)).toBe(true);
    const at = Number(handOff.rbx);
    const field = (offset: number) => m.view.getUint32(at + offset, true);
    expect(field(0)).toBe(0b1_0010_0100_1111);
    expect(field(4)).toBe(639);
    expect(field(8)).toBe(63 * 1024);
    expect(field(12)).toBe(0x80ff_ffff);
    expect(m.text(field(16))).toBe("some words");
    expect(m.text(field(64))).toMatch(/^Trihedron boot loader .*GRUB [1-9]/);
    expect(field(20)).toBe(2);
    const modules = [0, 1].map((i) => {
      const entry = field(24) + 16 * i;
      const [start, end, text] = [0, 4, 8].map((o) => m.view.getUint32(entry + o, true)) as [
        number,
        number,
        number,
      ];
      expect(start % 4096).toBe(0);
      return [m.ram.slice(start, end), m.text(text)];
    });
    expect(modules).toEqual([
      [m1, "first module"],
      [m2, ""],
    ]);
    const map = Array.from({ length: field(44) / 24 }, (_, i) => {
      const entry = field(48) + 24 * i;
      expect(m.view.getUint32(entry, true)).toBe(20);
      const base = Number(m.view.getBigUint64(entry + 4, true));
      const length = Number(m.view.getBigUint64(entry + 12, true));
      return { base, length, type: m.view.getUint32(entry + 20, true) };
    });
    expect(map).toEqual([
      { base: 0, length: 0x9_fc00, type: 1 },
      { base: 0x9_fc00, length: 0x400, type: 2 },
      { base: 0xf_0000, length: 0x1_0000, type: 2 },
      { base: MIB, length: 63 * MIB, type: 1 },
    ]);
    // Text memory of VGA.
    expect(Number(m.view.getBigUint64(at + 88, true))).toBe(0xb_8000);
    expect([field(96), field(100), field(104)]).toEqual([160, 80, 25]);
    expect([m.ram[at + 108], m.ram[at + 109]]).toEqual([16, 2]);
  });

  it("may be no ELF file where its header has addresses", async () => {
    const file = pattern(4000, 5);
    file.set(
      header1(0x1_0003, KERNEL + 64, KERNEL, KERNEL + 3000, KERNEL + 8000, KERNEL + 100),
      64 + 32,
    );
    const m = await machine(file);
    m.ram.fill(0xcc, KERNEL, KERNEL + 8192);
    expect(m.boot()).toMatchObject({ entry: KERNEL + 100 });
    expect(m.ram.subarray(KERNEL, KERNEL + 3000)).toEqual(file.subarray(32, 3032));
    expect(m.ram.subarray(KERNEL + 3000, KERNEL + 8000).every((byte) => byte === 0)).toBe(true);
    expect(m.ram[KERNEL + 8000]).toBe(0xcc);
  });

  it("gets a framebuffer where it asks for one, and text where there is none", async () => {
    const header = header1(7, 0, 0, 0, 0, 0, 0, 800, 600, 32);
    const kernel = elfFile({
      entry: KERNEL,
      segments: [{ vaddr: KERNEL, data: withHeader(header, 3000) }],
    });
    const video = {
      address: 0xfd00_0000,
      pitch: 3200,
      width: 800,
      height: 600,
      depth: 32,
      colors: [16, 8, 8, 8, 0, 8],
      vbe: { mode: 0x4115, control: 0x7000, modeInfo: 0x7200 },
    };
    const m = await machine(kernel, { video });
    const at = Number(m.boot().rbx);
    expect(m.view.getUint32(at, true) & 0x1800).toBe(0x1800);
    expect(m.view.getUint32(at + 72, true)).toBe(0x7000);
    expect(m.view.getUint16(at + 80, true)).toBe(0x4115);
    expect(Number(m.view.getBigUint64(at + 88, true))).toBe(0xfd00_0000);
    expect(m.ram[at + 109]).toBe(1);
    expect([...m.ram.subarray(at + 112, at + 118)]).toEqual([16, 8, 8, 8, 0, 8]);
    const without = await machine(kernel);
    const information = Number(without.boot().rbx);
    expect(without.ram[information + 109]).toBe(2);
  });

  it("gets the sections of its file, those without address in memory of their own", async () => {
    const symbols = pattern(777, 8);
    const kernel = elfFile({
      entry: KERNEL,
      segments: [{ vaddr: KERNEL, data: withHeader(header1(3), 3000) }],
      sections: [
        { name: 0, type: 0, address: 0, data: new Uint8Array(), align: 0 },
        { name: 1, type: 1, address: KERNEL, data: pattern(10, 1), align: 16 },
        { name: 7, type: 2, address: 0, data: symbols, align: 8 },
      ],
    });
    const m = await machine(kernel);
    const at = Number(m.boot().rbx);
    const field = (offset: number) => m.view.getUint32(at + offset, true);
    expect(field(0) & 0x20).toBe(0x20);
    expect([field(28), field(32), field(40)]).toEqual([3, 40, 0]);
    const address = (i: number) => m.view.getUint32(field(36) + 40 * i + 12, true);
    expect([address(0), address(1)]).toEqual([0, KERNEL]);
    expect(m.ram.slice(address(2), address(2) + 777)).toEqual(symbols);
  });

  it("is moved at the end where loader or firmware are in the way", async () => {
    const m = await machine(plain1(), { taken: [[KERNEL + 0x1000, KERNEL + 0x2000]] });
    m.ram.fill(0xcc, KERNEL, KERNEL + 9000);
    const handOff = m.boot();
    expect(handOff.moves).toHaveLength(1);
    expect(m.ram.subarray(KERNEL, KERNEL + 3000)).toEqual(withHeader(header1(3), 3000));
    expect(m.ram.subarray(KERNEL + 3000, KERNEL + 9000).every((byte) => byte === 0)).toBe(true);
  });

  it.each<[string, Uint8Array, string]>([
    ["flags that are not known", plain1(0x13), "requires flags that are not known: 0x10"],
    [
      "a segment beyond memory",
      elfFile({
        entry: 0x900_0000,
        segments: [{ vaddr: 0x900_0000, data: withHeader(header1(3), 100) }],
      }),
      "must be at 0x9000000 to 0x9000063, which is no free memory of this machine",
    ],
    [
      "an entry point outside",
      elfFile({ entry: 16, segments: [{ vaddr: KERNEL, data: withHeader(header1(3), 100) }] }),
      "ELF entry point is in no segment",
    ],
    [
      "another processor",
      elfFile({
        entry: KERNEL,
        machine: 40,
        segments: [{ vaddr: KERNEL, data: withHeader(header1(3), 100) }],
      }),
      "ELF for another processor",
    ],
    ["no header", pattern(2000, 2), "is neither a Multiboot kernel nor a Linux bzImage"],
    ["a header and no ELF", withHeader(header1(3), 2000), "is no ELF file"],
  ])("is refused with %s", async (_name, kernel, says) => {
    const m = await machine(kernel);
    expect(m.failure()).toContain(says);
    expect(m.failure()).toContain("boot/k: ");
  });
});

describe("a Multiboot 2 kernel", () => {
  it("gets its information in tags", async () => {
    const rsdp = Buffer.alloc(36);
    rsdp.write("RSD PTR ", 0, "latin1");
    rsdp[15] = 2;
    rsdp.writeUInt32LE(36, 20);
    const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0) & 0xff;
    rsdp[8] = -sum(rsdp.subarray(0, 20)) & 0xff;
    rsdp[32] = -sum(rsdp) & 0xff;
    const smbios = Buffer.alloc(31);
    smbios.write("_SM_", 0, "latin1");
    smbios[6] = 2;
    smbios[7] = 8;
    smbios.writeUInt16LE(100, 22);
    smbios.writeUInt32LE(0xf_1000, 24);
    const tables = pattern(100, 6);
    const m = await machine(plain2([1, 0, 1, 3, 6, 14, 15]), {
      bootDrive: 0x80,
      rsdp: 0xe_0000,
      smbios: 0xf_0000,
      contents: [
        [0xe_0000, rsdp],
        [0xf_0000, smbios],
        [0xf_1000, tables],
      ],
    });
    const handOff = m.boot();
    expect(handOff).toMatchObject({ way: 0, entry: KERNEL + 0x40, rax: 0x36d7_6289n });
    const found = tags(m, handOff);
    expect(string(found.get(1)?.[0])).toBe("some words\0");
    expect(string(found.get(2)?.[0])).toMatch(/^Trihedron boot loader .*GRUB [1-9].*\0$/);
    const modules = (found.get(3) ?? []).map((tag) => [
      m.ram.slice(word(tag), word(tag, 4)),
      string(tag, 8),
    ]);
    expect(modules).toEqual([
      [m1, "first module\0"],
      [m2, "\0"],
    ]);
    expect([word(found.get(4)?.[0]), word(found.get(4)?.[0], 4)]).toEqual([639, 63 * 1024]);
    expect(found.get(5)?.[0]).toEqual(new Uint8Array([0x80, 0, 0, 0, ...Array(8).fill(255)]));
    expect(found.get(6)?.[0]?.length).toBe(8 + 4 * 24);
    expect([word(found.get(6)?.[0]), word(found.get(6)?.[0], 4)]).toEqual([24, 0]);
    expect(found.get(8)?.[0]?.[21]).toBe(2);
    expect(found.get(14)?.[0]).toEqual(new Uint8Array(rsdp.subarray(0, 20)));
    expect(found.get(15)?.[0]).toEqual(new Uint8Array(rsdp));
    const [major, minor, , , , , , , ...copy] = found.get(13)?.[0] ?? [];
    expect([major, minor, new Uint8Array(copy)]).toEqual([2, 8, tables]);
    expect([12, 16, 17, 18, 19, 20].filter((type) => found.has(type))).toEqual([]);
  });

  it("is entered by its entry address tag, and is loaded by its address tag", async () => {
    const file = pattern(4000, 5);
    const header = header2(
      [2, 0, KERNEL + 64, KERNEL, KERNEL + 3000, KERNEL + 8000],
      [3, 0, KERNEL + 100],
    );
    file.set(header, 64 + 64);
    const m = await machine(file);
    m.ram.fill(0xcc, KERNEL, KERNEL + 8192);
    expect(m.boot()).toMatchObject({ entry: KERNEL + 100 });
    expect(m.ram.subarray(KERNEL, KERNEL + 3000)).toEqual(file.subarray(64, 3064));
    expect(m.ram.subarray(KERNEL + 3000, KERNEL + 8000).every((byte) => byte === 0)).toBe(true);
  });

  it("goes before the first protocol, and does not where the configuration says so", async () => {
    const data = withHeader(header2([6, 0]), 3000);
    data.set(header1(3), 512);
    const kernel = elfFile({ entry: KERNEL, segments: [{ vaddr: KERNEL, data }] });
    expect((await machine(kernel)).boot().rax).toBe(0x36d7_6289n);
    const one = await machine(kernel, {}, `${CONFIG}protocol multiboot1\n`);
    expect(one.boot().rax).toBe(0x2bad_b002n);
  });

  /** The map stands on the last page of memory. */
  const taken: [number, number][] = [[64 * MIB - 0x1000, 64 * MIB]];
  const efi = {
    imageHandle: 0x1234_5678_9abcn,
    systemTable: 0x3f0_1000n,
    map: pattern(96, 7),
    descriptorBytes: 48,
  };

  it("gets UEFI's tables and map after its services have ended", async () => {
    const m = await machine(plain2([9, 0, KERNEL + 0x80]), { efi, taken });
    const handOff = m.boot();
    expect(handOff).toMatchObject({ way: 0, entry: KERNEL + 0x40 });
    const found = tags(m, handOff);
    expect(word(found.get(12)?.[0])).toBe(0x3f0_1000);
    expect(found.get(17)?.[0]?.subarray(8)).toEqual(efi.map);
    expect([word(found.get(17)?.[0]), word(found.get(17)?.[0], 4)]).toEqual([48, 1]);
    expect(word(found.get(20)?.[0])).toBe(0x5678_9abc);
    expect(found.has(18)).toBe(false);
    expect(m.left).toBe(true);
  });

  it("keeps UEFI's services where it asks for them and has an entry for that", async () => {
    const m = await machine(plain2([7, 0], [9, 0, KERNEL + 0x80]), { efi, taken });
    const handOff = m.boot();
    expect(handOff).toMatchObject({ way: 2, entry: KERNEL + 0x80, rax: 0x36d7_6289n });
    const found = tags(m, handOff);
    expect(found.get(18)).toEqual([new Uint8Array()]);
    expect([4, 6, 17].filter((type) => found.has(type))).toEqual([]);
    expect(m.left).toBe(false);
  });

  it("is not moved under UEFI's feet", async () => {
    const m = await machine(plain2([7, 0], [9, 0, KERNEL + 0x80]), {
      efi,
      taken: [...taken, [KERNEL, KERNEL + 0x1000]],
    });
    expect(m.failure()).toContain("must be at 0x200000 to 0x202327, which the firmware uses");
  });

  it("is put where its relocatable tag allows", async () => {
    const m = await machine(plain2([10, 0, 0x100_0000, 0x2ff_ffff, 0x20_0000, 1]));
    const handOff = m.boot();
    const base = word(tags(m, handOff).get(21)?.[0]);
    expect(base).toBe(0x100_0000);
    expect(handOff.entry).toBe(base + 0x40);
    expect(m.ram.subarray(base + 200, base + 3000)).toEqual(pattern(3000, 1).subarray(200));
  });

  it.each<[string, Uint8Array, string]>([
    ["a tag that is not known", plain2([99, 0]), "requires tag 99, which is not known"],
    ["information that is not known", plain2([1, 0, 1, 77]), "requires information 77"],
    ["a tag without its fields", plain2([3, 0]), "has a tag of a wrong size"],
    ["addresses alone", plain2([2, 0, KERNEL, KERNEL, 0, 0]), "has addresses but no entry"],
    [
      "no room for it",
      plain2([10, 0, 0x2000_0000, 0x2fff_ffff, 4096, 0]),
      "no memory where its relocatable tag allows it",
    ],
  ])("is refused with %s", async (_name, kernel, says) => {
    expect((await machine(kernel)).failure()).toContain(says);
  });

  it("is not refused for what it says is optional", async () => {
    const kernel = plain2([99, 1], [1, 1, 77], [6, 0], [4, 1, 3], [5, 1, 0, 0, 0]);
    expect((await machine(kernel)).boot().entry).toBe(KERNEL + 0x40);
  });
});
