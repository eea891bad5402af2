// Damaged and hostile images: random changes in kernels, headers and tables. The loader says what is wrong or enters
// the kernel; it never traps, never leaves memory (machine.ts throws), and never puts anything where no memory is.

import { describe, expect, it } from "vitest";
import { generator } from "../../../../../kernel/testing/random.ts";
import { bzImage, elfFile, header1, header2, pattern, withHeader } from "./kernels.ts";
import { LoaderMachine, type LoaderOptions, Stopped } from "./machine.ts";

const KERNEL = 0x20_0000;
const CONFIG = "title T\nkernel k words\nmodule m text\n";

async function outcome(options: LoaderOptions): Promise<string> {
  const m = await LoaderMachine.create(options);
  try {
    m.boot();
    throw new Error("the loader returned");
  } catch (error) {
    if (error instanceof Stopped) return m.screen.trimEnd().split("\n").at(-1) ?? "";
    throw error;
  }
}

const files = (k: Uint8Array) => ({
  "boot/boot.conf": Buffer.from(CONFIG),
  k,
  m: pattern(3000, 2),
});

const sections = [
  { name: 1, type: 2, address: 0, data: pattern(500, 3), align: 8 },
  { name: 9, type: 1, address: KERNEL, data: pattern(50, 3), align: 4 },
];
const elf1 = (wide: boolean) =>
  elfFile({
    wide,
    entry: KERNEL + 16,
    segments: [
      {
        vaddr: KERNEL,
        data: withHeader(header1(7, 0, 0, 0, 0, 0, 0, 800, 600, 32), 900),
        memory: 5000,
      },
      { vaddr: KERNEL + 0x3000, data: pattern(700, 4) },
    ],
    sections,
  });
const elf2 = elfFile({
  entry: KERNEL + 16,
  segments: [
    {
      vaddr: KERNEL,
      data: withHeader(
        header2([1, 0, 1, 3], [3, 0, KERNEL], [10, 1, KERNEL, 0x3ff_ffff, 4096, 1]),
        900,
      ),
    },
  ],
  sections,
});
const kludge = pattern(4000, 5);
kludge.set(header1(0x1_0003, KERNEL, KERNEL, KERNEL + 3000, KERNEL + 8000, KERNEL + 100));

const VALUES = [0, 1, 0x7f, 0x80, 0xff];

/** A copy with some bytes, halves or words changed, most of them near the start. */
function mutated(source: Uint8Array, random: (limit: number) => number): Uint8Array {
  const bytes = source.slice();
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const near = random(3) ? 0x80 : bytes.length;
    const base = [0, 0x1f0, 0x1000, Math.max(0, bytes.length - 200)][random(4)] as number;
    const at = Math.min(bytes.length - 1, base + random(near));
    const length = [1, 2, 4, 8][random(4)] as number;
    const value = random(2) ? (VALUES[random(5)] as number) : random(256);
    for (let i = 0; i < length && at + i < bytes.length; i++) {
      bytes[at + i] = random(4) ? value : random(256);
    }
  }
  return random(6) ? bytes : bytes.slice(0, random(bytes.length));
}

describe("hostile images", () => {
  it.each<[string, Uint8Array]>([
    ["ELF, Multiboot 1", elf1(false)],
    ["ELF of 64 bits, Multiboot 1", elf1(true)],
    ["ELF, Multiboot 2", elf2],
    ["addresses in the header", kludge],
    ["bzImage", bzImage({ relocatable: true, payload: pattern(3000, 1) })],
  ])("are refused or started: %s", async (_name, kernel) => {
    const random = generator(kernel.length);
    const seen = new Set<string>();
    for (let i = 0; i < 150; i++) {
      const m = await LoaderMachine.create({ memory: 32, files: files(mutated(kernel, random)) });
      try {
        const { moves } = m.boot();
        for (const [to, , bytes, zeros] of moves)
          expect(to + bytes + zeros).toBeLessThanOrEqual(m.ram.length);
        seen.add("started");
      } catch (error) {
        if (!(error instanceof Stopped)) throw error;
        const line = m.screen.trimEnd().split("\n").at(-1) ?? "";
        expect(line).toMatch(/^error: k: /);
        seen.add(line);
      }
    }
    expect(seen.has("started")).toBe(true);
    expect(seen.size).toBeGreaterThan(4);
  });

  it("say which file is damaged, what was found and what was expected", async () => {
    const kernel = elf1(false);
    const at = (path: string) => async () => {
      const { blocks } = await LoaderMachine.create({ files: files(kernel) });
      return (blocks[path] as number) * 2048;
    };
    const damage = async (path: string, offset: number) => {
      const start = await at(path)();
      return outcome({
        files: files(kernel),
        damage: (image) => {
          image[start + offset] = (image[start + offset] as number) ^ 1;
        },
      });
    };
    const says =
      /damaged: CRC-32C is 0x[0-9a-f]+, expected 0x[0-9a-f]+ \(\d+ bytes from LBA \d+\)$/;
    for (const [path, offset] of [
      ["k", 5],
      ["m", 2999],
      ["boot/boot.conf", 0],
    ] as const) {
      const line = await damage(path, offset);
      expect(line).toContain(`error: ${path}: `);
      expect(line).toMatch(says);
    }
    const table = await outcome({
      files: files(kernel),
      damage: (image) => {
        image[20 * 2048 + 20] = 0x55;
      },
    });
    expect(table).toMatch(/^error: boot\/files\.tab: damaged/);
  });

  it("say which block cannot be read, and the status", async () => {
    const { blocks } = await LoaderMachine.create({ files: files(elf1(false)) });
    const block = (blocks.m as number) + 1;
    expect(await outcome({ files: files(elf1(false)), badBlock: { block, status: 0x10n } })).toBe(
      `error: m: read error at LBA ${block} (blocks of 2048 bytes), status 0x10`,
    );
  });

  it("say which file is missing, before anything is loaded that takes long", async () => {
    const config = "title T\nkernel k\nmodule m\nmodule boot/none\n";
    const all = { ...files(elf1(false)), "boot/boot.conf": Buffer.from(config) };
    expect(await outcome({ files: all })).toBe("error: boot/none: is not in the image");
    expect(await outcome({ files: { k: elf1(false) } })).toBe(
      "error: boot/boot.conf: is not in the image",
    );
  });

  it("say the line of boot.conf that is wrong", async () => {
    const all = { ...files(elf1(false)), "boot/boot.conf": Buffer.from("title T\nkernal k\n") };
    expect(await outcome({ files: all })).toBe("error: boot/boot.conf: line 2: no such keyword");
  });

  it("say that the firmware does not let go", async () => {
    expect(await outcome({ files: files(elf1(false)), leave: 0x8000_0000_0000_0002n })).toContain(
      "the firmware does not end its services: status 0x8000000000000002",
    );
  });

  it("say where there is too little memory", async () => {
    const big = { ...files(elf1(false)), m: new Uint8Array(3 << 20) };
    expect(await outcome({ memory: 4, files: big })).toBe(
      "error: m: there is no memory for it below 4 GiB",
    );
  });
});
