// Where a Multiboot 1 loader may put things: the image claims all of the kernel's memory, so that no loader
// places modules there; one that does is told so. The boot through GRUB 2 needs grub-mkrescue and QEMU.

import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { readElf, SegmentType } from "../tools/elf/index.ts";
import { HANG_MS, hasTool, QEMU } from "../tools/testing/host-tools.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_END, KERNEL_START } from "./layout.ts";
import { KERNEL_GUEST } from "./options.ts";
import { Machine, Panic, rootElf } from "./testing/machine.ts";
import { buildProbe } from "./testing/probe.ts";

const MIB = 0x10_0000;

async function kernelImage(): Promise<Uint8Array> {
  const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
  return buildKernel(wasm, sourceMap);
}

describe("the kernel's image", () => {
  it("has every byte of the kernel's memory in a segment", async () => {
    const { segments } = readElf(await kernelImage());
    const loaded = segments
      .filter(({ type }) => type === SegmentType.Load)
      .sort((a, b) => Number(a.paddr - b.paddr));
    let at = BigInt(KERNEL_START);
    for (const { paddr, memSize } of loaded) {
      expect(paddr).toBe(at);
      at += memSize;
    }
    expect(at).toBe(BigInt(KERNEL_END));
  });
});

describe("boot modules", () => {
  const refused = "the boot loader put a module into the kernel's memory";
  const boot = async (at: number, end = at + 4096): Promise<Machine> =>
    Machine.boot(rootElf(), 0x410_0000, [{ start: at, end, text: 0 }]);

  it.each([
    ["between boot section and text", 0x10_b000],
    ["between text and data", 3 * MIB],
    ["in the pool", 32 * MIB],
    ["over its start", KERNEL_START - 1],
    ["over its end", KERNEL_END - 1],
  ])("are refused in the kernel's memory: %s", async (_where, at) => {
    await expect(boot(at)).rejects.toThrow(Panic);
    await expect(boot(at)).rejects.toThrow(refused);
  });

  it("are refused with an end before the start", async () => {
    await expect(boot(66 * MIB, 65 * MIB)).rejects.toThrow(refused);
  });

  it.each([
    ["in low memory", 0x2_0000],
    ["right before the kernel", KERNEL_START - 4096],
    ["right behind the kernel", KERNEL_END],
  ])("may be %s", async (_where, at) => {
    const machine = await Machine.boot(rootElf(), at);
    expect(machine.translate(0x40_0000n)?.phys).toBe(at);
  });
});

const hasGrub =
  existsSync("/usr/lib/grub/i386-pc/multiboot.mod") &&
  ["grub-mkrescue", "xorriso", QEMU].every((tool) => hasTool(tool));

describe.skipIf(!hasGrub)("GRUB 2", () => {
  it("starts kernel and roottask", async () => {
    const folder = mkdtempSync(join(tmpdir(), "trihedron-grub-"));
    try {
      const files = join(folder, "iso/boot");
      mkdirSync(join(files, "grub"), { recursive: true });
      writeFileSync(join(files, "kernel"), await kernelImage());
      writeFileSync(join(files, "probe"), buildProbe());
      writeFileSync(
        join(files, "grub/grub.cfg"),
        "multiboot /boot/kernel\nmodule /boot/probe probe\nmodule /boot/kernel second\nboot\n",
      );
      const image = join(folder, "iso.img");
      const made = spawnSync("grub-mkrescue", ["-o", image, join(folder, "iso")]);
      expect(made.status, String(made.stderr)).toBe(0);
      const serial = join(folder, "serial");
      const child = execFile(QEMU, [
        ...["-accel", "tcg", "-machine", "q35", "-display", "none", "-no-reboot", "-m", "256M"],
        ...["-smp", "2", "-cdrom", image, "-serial", `file:${serial}`],
      ]);
      try {
        const text = (): string => (existsSync(serial) ? readFileSync(serial, "latin1") : "");
        await expect.poll(text, { timeout: HANG_MS, interval: 200 }).toContain("probe ends");
      } finally {
        child.kill("SIGKILL");
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
