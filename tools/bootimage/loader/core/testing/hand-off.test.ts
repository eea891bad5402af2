// The last step on QEMU: kernels where the loader itself has been, the machine state at their entry, and UEFI kernels
// whose firmware goes on. What reaches the kernel is told by itself (teller.ts).

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasQemu } from "../../../../testing/host-tools.ts";
import { writeBootImage } from "../../../image.ts";
import { hasOvmf } from "../../../testing/ovmf.ts";
import { header1, header2, pattern } from "./kernels.ts";
import { loaderFiles, tell } from "./qemu.ts";
import { efiTellerKernel, type Told, tellerKernel } from "./teller.ts";

const CR0_PE = 1;
const CR0_PG = 2 ** 31;
const FLAGS_IF = 0x200;

const folder = mkdtempSync(join(tmpdir(), "trihedron-hand-off-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function told(kernel: Uint8Array, protocol: 1 | 2, uefi: boolean): Promise<Told> {
  const output = join(folder, "cd.img");
  await writeBootImage({
    output,
    files: [{ path: "k", source: kernel }],
    configuration: "title T\nkernel k words\n",
    loader: await loaderFiles(),
  });
  return tell(folder, output, protocol, uefi);
}

describe.each([
  ["SeaBIOS", false, hasQemu],
  ["OVMF", true, hasOvmf],
])("on QEMU with %s", (_name, uefi, has) => {
  it.skipIf(!has)(
    "a Multiboot kernel is entered in 32-bit mode without paging or interrupts",
    async () => {
      const { cr0, flags, magic } = await told(tellerKernel(header1(3)), 1, uefi);
      expect(magic).toBe(0x2bad_b002);
      expect(((cr0 & CR0_PG) >>> 0) + (cr0 & CR0_PE)).toBe(CR0_PE);
      expect(flags & FLAGS_IF).toBe(0);
    },
  );

  // The loader for BIOS has its code, data and stack there, and firmware for UEFI its own.
  it.skipIf(!has)("a kernel goes where the loader has been, byte by byte", async () => {
    const extra = new Uint8Array(pattern(0x7_0000, 5));
    const result = await told(tellerKernel(header1(3), 0x1_0000, extra), 1, uefi);
    const found = result.pieces.some(({ bytes }) => Buffer.compare(bytes, extra) === 0);
    expect(found).toBe(true);
  });
});

describe.skipIf(!hasOvmf)("on QEMU with OVMF", () => {
  it("a kernel that keeps boot services is entered in 64-bit mode, with their tables", async () => {
    const { cr0, flags, information, word } = bound(
      await told(efiTellerKernel(header2([7, 0], [9, 0, 0x300_0030])), 2, true),
    );
    expect((cr0 & CR0_PG) >>> 0).toBe(CR0_PG);
    // The firmware's timer goes on.
    expect(flags & FLAGS_IF).toBe(FLAGS_IF);
    const types = new Set<number>();
    for (let at = information + 8; word(at) !== 0; at += (word(at + 4) + 7) & ~7)
      types.add(word(at));
    expect([...types]).toEqual(expect.arrayContaining([12, 18, 20]));
    expect([4, 6, 17].filter((type) => types.has(type))).toEqual([]);
  });
});

function bound(result: Told) {
  const { cr0, flags, information } = result;
  return { cr0, flags, information, word: (at: number) => result.word(at) };
}
