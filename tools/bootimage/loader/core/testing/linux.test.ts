// Linux kernels through the core: where kernel, RAM disk and command line are, what the boot parameters say, which entry
// is taken, and in which words a kernel is refused.

import { describe, expect, it } from "vitest";
import { bzImage, pattern } from "./kernels.ts";
import { type HandOff, LoaderMachine, type LoaderOptions, type MapRange } from "./machine.ts";

const MIB = 0x10_0000;
const CONFIG = "title Linux\nkernel vmlinuz console=ttyS0 quiet\nmodule initrd\nmodule more\n";
const initrd = pattern(6001, 3);
const more = pattern(300, 4);

async function machine(kernel: Uint8Array, options: LoaderOptions = {}, config = CONFIG) {
  return LoaderMachine.create({
    ...options,
    files: { "boot/boot.conf": Buffer.from(config), vmlinuz: kernel, initrd, more },
  });
}

function parameters(m: LoaderMachine, handOff: HandOff) {
  const at = Number(handOff.rsi);
  return {
    at,
    byte: (offset: number) => m.view.getUint8(at + offset),
    half: (offset: number) => m.view.getUint16(at + offset, true),
    word: (offset: number) => m.view.getUint32(at + offset, true),
    long: (offset: number) => m.view.getBigUint64(at + offset, true),
  };
}

/** The ranges that the kernel is told, wherever they stand. */
function ranges(m: LoaderMachine, handOff: HandOff): MapRange[] {
  const { at, byte, long } = parameters(m, handOff);
  const read = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      base: Number(m.view.getBigUint64(from + 20 * i, true)),
      length: Number(m.view.getBigUint64(from + 20 * i + 8, true)),
      type: m.view.getUint32(from + 20 * i + 16, true),
    }));
  const found = read(at + 0x2d0, byte(0x1e8));
  for (let data = Number(long(0x250)); data !== 0; ) {
    const bytes = m.view.getUint32(data + 12, true);
    if (m.view.getUint32(data + 8, true) === 1) found.push(...read(data + 16, bytes / 20));
    data = Number(m.view.getBigUint64(data, true));
  }
  return found;
}

describe("a Linux kernel", () => {
  it("gets its parts, its boot parameters and the 32-bit entry", async () => {
    const payload = pattern(50_000, 9);
    const m = await machine(bzImage({ payload }));
    const handOff = m.boot();
    expect(handOff).toMatchObject({ way: 0, entry: 0x100_0000, rbx: 0n });
    expect(m.ram.subarray(0x100_0000, 0x100_0000 + payload.length)).toEqual(payload);
    const { byte, half, word } = parameters(m, handOff);
    expect([byte(0x1f1), half(0x1fe), word(0x202), half(0x206)]).toEqual([
      1, 0xaa55, 0x5372_6448, 0x20f,
    ]);
    expect([byte(0x210), half(0x1fa), word(0x214)]).toEqual([0xff, 0xffff, 0x100_0000]);
    expect(m.text(word(0x228))).toBe("console=ttyS0 quiet");
    const disk = word(0x218);
    // Archives are aligned, with zeros between them.
    expect(word(0x21c)).toBe(8192 + 300);
    expect(m.ram.slice(disk, disk + 6001)).toEqual(initrd);
    expect(m.ram.slice(disk + 6001, disk + 8192).every((value) => value === 0)).toBe(true);
    expect(m.ram.slice(disk + 8192, disk + 8492)).toEqual(more);
    expect([byte(6), byte(7), byte(14), byte(15), half(16)]).toEqual([3, 80, 25, 1, 16]);
    expect(ranges(m, handOff)).toEqual([
      { base: 0, length: 0x9_fc00, type: 1 },
      { base: 0x9_fc00, length: 0x400, type: 2 },
      { base: 0xf_0000, length: 0x1_0000, type: 2 },
      { base: MIB, length: 63 * MIB, type: 1 },
    ]);
    expect(word(0x1e0)).toBe(63 * 1024);
  });

  it("gets the 64-bit entry where it has one, and UEFI's tables with it", async () => {
    const efi = {
      imageHandle: 1n,
      systemTable: 0x1_2345_6789n,
      map: pattern(96, 7),
      descriptorBytes: 48,
    };
    const m = await machine(bzImage({ xloadflags: 1 }), {
      efi,
      taken: [[63 * MIB, 64 * MIB]],
      video: {
        address: 0x8000_0000,
        pitch: 4096,
        width: 1024,
        height: 768,
        depth: 32,
        colors: [16, 8, 8, 8, 0, 8],
      },
    });
    const handOff = m.boot();
    expect(handOff).toMatchObject({ way: 1, entry: 0x100_0200 });
    const { byte, half, word } = parameters(m, handOff);
    expect(word(0x1c0)).toBe(0x3436_4c45);
    expect([word(0x1c4), word(0x1d8)]).toEqual([0x2345_6789, 1]);
    expect([word(0x1c8), word(0x1cc), word(0x1d4)]).toEqual([48, 1, 96]);
    const map = word(0x1d0);
    expect(m.ram.slice(map, map + 96)).toEqual(efi.map);
    expect([byte(15), half(0x12), half(0x14), half(0x16)]).toEqual([0x70, 1024, 768, 32]);
    expect([word(0x18), word(0x1c), half(0x24)]).toEqual([0x8000_0000, 4096 * 768, 4096]);
    expect([0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d].map(byte)).toEqual([
      8, 16, 8, 8, 8, 0, 8, 24,
    ]);
  });

  it("gets maps of more than 128 ranges", async () => {
    const map = [
      ...Array.from({ length: 200 }, (_, i) => ({
        base: i * 0x1000,
        length: 0x1000,
        type: (i % 2) + 3,
      })),
      { base: MIB, length: 63 * MIB, type: 1 },
    ];
    const m = await machine(bzImage(), { map });
    expect(ranges(m, m.boot())).toEqual(map);
  });

  it("is put elsewhere where its preferred place is no memory and it can be moved", async () => {
    const image = bzImage({ prefAddress: 0x800_0000, relocatable: true });
    const { entry } = (await machine(image)).boot();
    expect(entry % 0x20_0000).toBe(0);
    expect(entry).toBeLessThan(64 * MIB);
    const fixed = await machine(bzImage({ prefAddress: 0x800_0000 }));
    expect(fixed.failure()).toContain(
      "vmlinuz: must be at 0x8000000 to 0x80fffff, which is no free",
    );
  });

  it("gets its RAM disk below the limit that it states", async () => {
    const m = await machine(bzImage({ initrdMax: 0x13f_ffff }));
    const { word } = parameters(m, m.boot());
    expect(word(0x218) + word(0x21c)).toBeLessThanOrEqual(0x140_0000);
    const none = await machine(bzImage({ initrdMax: 0xfff }));
    expect(none.failure()).toContain("there is no memory where it takes RAM disks");
  });

  it.each<[string, Uint8Array, string]>([
    ["an old protocol", bzImage({ version: 0x205 }), "boot protocol older than 2.06"],
    ["low memory", bzImage({ loadflags: 0 }), "is a zImage"],
    [
      "a short command line",
      bzImage({ cmdlineSize: 10 }),
      "takes a command line of 10 bytes, this one has 19",
    ],
    [
      "nothing behind its setup code",
      bzImage().subarray(0, 1024),
      "is cut off in its real-mode part",
    ],
  ])("is refused with %s", async (_name, kernel, says) => {
    expect((await machine(kernel)).failure()).toContain(says);
  });
});
