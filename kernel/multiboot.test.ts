// Where a Multiboot loader may put things: everywhere but into the image, which has no gaps, so that no loader
// places modules there; one that does is told so. What Multiboot 2 adds: header, information, framebuffer. The
// boots through GRUB 2 need grub-mkrescue and QEMU.

import { describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { qword, rbp } from "../tools/asm/index.ts";
import { readElf, SegmentType } from "../tools/elf/index.ts";
import * as abi from "./abi.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_POOL, KERNEL_START } from "./layout.ts";
import { KERNEL_GUEST } from "./options.ts";
import { withFramebuffer } from "./testing/framebuffer_wish.ts";
import { bootThroughGrub, hasGrub } from "./testing/grub.ts";
import { Machine, Panic, rootElf } from "./testing/machine.ts";
import { buildProbe, Probe } from "./testing/probe.ts";

const MIB = 0x10_0000;

let image: Promise<Uint8Array> | undefined;

function kernelImage(): Promise<Uint8Array> {
  image ??= guestModule(KERNEL_GUEST).then(({ wasm, sourceMap }) => buildKernel(wasm, sourceMap));
  return image;
}

describe("the kernel's image", () => {
  it("has every byte from its start to its end in a segment", async () => {
    const { segments } = readElf(await kernelImage());
    const loaded = segments
      .filter(({ type }) => type === SegmentType.Load)
      .sort((a, b) => Number(a.paddr - b.paddr));
    let at = BigInt(KERNEL_START);
    for (const { paddr, memSize } of loaded) {
      expect(paddr).toBe(at);
      at += memSize;
    }
    expect(at).toBe(BigInt(KERNEL_POOL));
  });
});

describe("boot modules", () => {
  const refused = "the boot loader put a module into the kernel's memory";
  const boot = async (at: number, end = at + 4096): Promise<Machine> =>
    Machine.boot(rootElf(), 0x410_0000, [{ start: at, end, text: 0 }], { memory: 128 * MIB });

  it.each([
    ["between boot section and text", 0x10_b000],
    ["between text and data", 3 * MIB],
    ["over its start", KERNEL_START - 1],
    ["over its end", KERNEL_POOL - 1],
  ])("are refused in the kernel's image: %s", async (_where, at) => {
    await expect(boot(at)).rejects.toThrow(Panic);
    await expect(boot(at)).rejects.toThrow(refused);
  });

  it("are refused with an end before the start", async () => {
    await expect(boot(66 * MIB, 65 * MIB)).rejects.toThrow(refused);
  });

  it.each([
    ["in low memory", 0x2_0000],
    ["right before the kernel", KERNEL_START - 4096],
    ["right behind the kernel", KERNEL_POOL],
    ["where the pool would be", 32 * MIB],
  ])("may be %s", async (_where, at) => {
    const machine = await Machine.boot(rootElf(), at, [], { memory: 128 * MIB });
    expect(machine.translate(0x40_0000n)?.phys).toBe(at);
  });
});

describe("the Multiboot 2 header", () => {
  it("lies at a multiple of 8 in the first 32 KiB, adds up to 0, and ends with its end tag", async () => {
    const image = await kernelImage();
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    const word = (offset: number) => view.getUint32(offset, true);
    const places = Array.from({ length: 4096 }, (_, i) => 8 * i);
    const at = places.filter((offset) => word(offset) === 0xe85250d6);
    expect(at).toHaveLength(1);
    const [start = 0] = at;
    const length = word(start + 8);
    expect((word(start) + word(start + 4) + length + word(start + 12)) % 2 ** 32).toBe(0);
    const tags: number[] = [];
    let tag = start + 16;
    for (; tag < start + length; tag += (word(tag + 4) + 7) & ~7) tags.push(word(tag) & 0xffff);
    expect([tag, tags.at(-1)]).toEqual([start + length, 0]);
  });
});

describe("Multiboot 2 information", () => {
  const text = (value: string) => [...new TextEncoder().encode(`${value}\0`)];
  const words = (...values: number[]) => [...new Uint8Array(new Uint32Array(values).buffer)];
  const map = (...entries: [number, number, number][]) =>
    words(24, 0, ...entries.flatMap(([base, bytes, type]) => [base, 0, bytes, 0, type, 0]));
  const ROOT = 0x410_0000;

  /** Boots with these tags, type and bytes behind the header, and the roottask's module behind them. */
  async function boot(tags: [number, number[]][], size?: number): Promise<Machine> {
    const root = rootElf();
    const module: [number, number[]] = [3, [...words(ROOT, ROOT + root.length), ...text("root x")]];
    const bytes = [...words(0, 0)];
    for (const [type, data] of [...tags, module, [0, []] as [number, number[]]]) {
      bytes.push(...words(type, 8 + data.length), ...data);
      while (bytes.length % 8 !== 0) bytes.push(0);
    }
    bytes.splice(0, 4, ...words(size ?? bytes.length));
    return Machine.boot2(Uint8Array.from(bytes), root, ROOT);
  }

  const memory: [number, number[]] = [6, map([0, 0x9fc00, 1], [0x10_0000, 0x7ff0_0000, 1])];

  it("says where the roottask, the memory and the framebuffer are", async () => {
    const screen = [...words(0xfd00_0000, 0, 4096, 1024, 768), 32, 1, 0, 0, 16, 8, 8, 8, 0, 8];
    const m = await boot([memory, [8, screen], [12, words(0, 0)]]);
    expect(m.translate(0x40_0000n)?.phys).toBe(ROOT);
    const hip = m.translate(BigInt(abi.USER_ADDR - abi.PAGE_SIZE))?.phys ?? 0;
    const at = (offset: number) => m.view.getUint32(hip + offset, true);
    expect(at(abi.HIP_API_FLG)).toBe(abi.HIP_FEATURE_UEFI);
    const entries = [0, 1, 2, 3].map((i) => abi.HIP_MEMS + i * abi.HIP_MEM_BYTES);
    expect(entries.map((entry) => at(entry))).toEqual([0, 0x10_0000, ROOT, KERNEL_START]);
    expect(entries.map((entry) => at(entry + 16) | 0)).toEqual([1, 1, -2, -1]);
    const string = at((entries[2] ?? 0) + 20);
    expect(String.fromCharCode(m.view.getUint8(string), m.view.getUint8(string + 5))).toBe("rx");
    const fields = [0, 8, 12, 16].map((offset) => at(abi.HIP_FRAMEBUFFER + offset));
    expect(fields).toEqual([0xfd00_0000, 4096, 1024, 768]);
    const colors = Array.from({ length: 8 }, (_, i) =>
      m.view.getUint8(hip + abi.HIP_FRAMEBUFFER + 20 + i),
    );
    expect(colors).toEqual([32, 1, 16, 8, 8, 8, 0, 8]);
  });

  it("of a text mode names no framebuffer", async () => {
    const m = await boot([memory, [8, [...words(0xb_8000, 0, 160, 80, 25), 16, 2, 0, 0]]]);
    const hip = m.translate(BigInt(abi.USER_ADDR - abi.PAGE_SIZE))?.phys ?? 0;
    expect(m.view.getUint32(hip + abi.HIP_FRAMEBUFFER, true)).toBe(0);
  });

  it.each([
    ["a tag that is smaller than its header", [[1, []] as [number, number[]]], 4],
    ["a size that leaves out the module", [memory], 48],
    ["a size of nothing", [memory], 0],
    ["a size of more than any loader has", [memory], 0x7fff_ffff],
  ])("ends the kernel with a line when it has %s", async (_what, tags, size) => {
    await expect(boot(tags, size)).rejects.toThrow(
      /No ELF|too little memory|not started by a Multiboot loader/,
    );
  });
});

/** Prints what the information page says about the screen. */
class ScreenProbe extends Probe {
  override build(): Uint8Array {
    this.emitStart();
    for (const offset of [0, 8, 16, 20]) {
      this.show(`screen+${offset}`, qword(rbp, { disp: abi.HIP_FRAMEBUFFER + offset }));
    }
    this.emitEnd("screen ends");
    this.emitLibrary();
    this.emitData();
    return this.link();
  }
}

describe.skipIf(!hasGrub)("GRUB 2", () => {
  /** Boots from a CD with this `grub.cfg`, kernel and programs in /boot, until the last line of `program`. */
  async function boot(
    config: string,
    program: Uint8Array,
    until: string,
    kernel = kernelImage(),
  ): Promise<string> {
    const machine = ["-accel", "tcg", "-m", "256M", "-smp", "2"];
    return bootThroughGrub(config, await kernel, program, machine, until);
  }

  it.each(["", "2"])("starts kernel and roottask by multiboot%s", async (version) => {
    const config = `multiboot${version} /boot/kernel novga serial
module${version} /boot/probe probe
module${version} /boot/kernel second
boot
`;
    expect(await boot(config, buildProbe(), "probe ends")).toContain("probe ends");
  });

  it("sets up the framebuffer that it is told to, and the roottask gets to know it", async () => {
    const config = `insmod all_video
multiboot2 /boot/kernel
module2 /boot/probe probe
boot
`;
    const wish = { width: 1024, height: 768, depth: 32 };
    const asking = kernelImage().then((kernel) => withFramebuffer(kernel, wish));
    const output = await boot(config, new ScreenProbe().build(), "screen ends", asking);
    const word = (offset: number) =>
      BigInt(`0x${new RegExp(`screen\\+${offset} (.*)`).exec(output)?.[1] ?? 0}`);
    expect(word(0)).toBeGreaterThan(0xc000_0000n);
    // Blue at 0, green at 8, red at 16.
    const bits = word(20) & 0xffn;
    expect([word(8) >> 32n, word(8) & 0xffff_ffffn, word(16) & 0xffff_ffffn]).toEqual([
      1024n,
      (1024n * bits) / 8n,
      768n,
    ]);
    expect(word(20) >> 8n).toBe(0x08_00_08_08_08_10_01n);
  });
});
