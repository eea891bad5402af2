// What a Multiboot kernel is handed by this loader and by GRUB 2 on the same machine, field by field: QEMU with SeaBIOS
// and with OVMF, from a CD. Needs QEMU and GRUB (grub-mkrescue with its targets), and ovmf.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasGrub } from "../../../../../kernel/testing/grub.ts";
import { writeBootImage } from "../../../image.ts";
import { hasOvmf } from "../../../testing/ovmf.ts";
import { header1, header2, pattern } from "./kernels.ts";
import { loaderFiles, tell } from "./qemu.ts";
import { type Told, tellerKernel } from "./teller.ts";

const hasGrubEfi = hasGrub && hasOvmf && existsSync("/usr/lib/grub/x86_64-efi/multiboot2.mod");

const folder = mkdtempSync(join(tmpdir(), "trihedron-compare-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const m1 = pattern(5000, 3);
const m2 = pattern(777, 4);
/** GRUB escapes quotes and backslashes, and leaves a blank behind the last word: that is not compared. */
const WORDS = "console=ttyS0 some words x=y";

/** A CD of ours. */
async function ourImage(kernel: Uint8Array, protocol: 1 | 2): Promise<string> {
  const output = join(folder, "ours.img");
  await writeBootImage({
    output,
    files: [
      { path: "boot/kernel", source: kernel },
      { path: "boot/m1", source: m1 },
      { path: "boot/m2", source: m2 },
    ],
    configuration: `title T\nkernel boot/kernel ${WORDS}\nmodule boot/m1 first module\nmodule boot/m2\nprotocol multiboot${protocol}\n`,
    loader: await loaderFiles(),
  });
  return output;
}

/** GRUB's. */
function grubImage(kernel: Uint8Array, protocol: 1 | 2, video: string): string {
  const root = join(folder, "iso");
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, "boot/grub"), { recursive: true });
  writeFileSync(join(root, "boot/kernel"), kernel);
  writeFileSync(join(root, "boot/m1"), m1);
  writeFileSync(join(root, "boot/m2"), m2);
  const two = protocol === 2 ? "2" : "";
  writeFileSync(
    join(root, "boot/grub/grub.cfg"),
    `insmod ${video}\nmultiboot${two} /boot/kernel ${WORDS}\nmodule${two} /boot/m1 first module\nmodule${two} /boot/m2\nboot\n`,
  );
  const output = join(folder, "grub.img");
  const made = spawnSync("grub-mkrescue", ["-o", output, root]);
  if (made.status !== 0) throw new Error(`grub-mkrescue: ${made.stderr}`);
  return output;
}

async function both(
  header: Uint8Array,
  protocol: 1 | 2,
  uefi: boolean,
  video = "all_video",
): Promise<[Told, Told]> {
  const kernel = tellerKernel(header);
  return [
    tell(folder, await ourImage(kernel, protocol), protocol, uefi),
    tell(folder, grubImage(kernel, protocol, video), protocol, uefi),
  ];
}

/** Section headers, with contents in the place of addresses that the loader chose. */
function sections(told: Told, headers: Buffer, bytes: number) {
  return Array.from({ length: headers.length / bytes }, (_, i) => {
    const header = headers.subarray(i * bytes, (i + 1) * bytes);
    const word = (offset: number) => header.readUInt32LE(offset);
    const fields = [0, 4, 8, 16, 20, 24, 28, 32, 36].map(word);
    const [type, flags, address, size] = [4, 8, 12, 20].map(word) as [
      number,
      number,
      number,
      number,
    ];
    const placed = (flags & 2) === 0 && address !== 0;
    const contents = placed && type !== 8 ? told.bytes(address, size).toString("hex") : address;
    return { fields, contents };
  });
}

/** Fields of Multiboot 1 information that do not depend on where a loader puts things. */
function information1(told: Told) {
  const at = told.information;
  const field = (offset: number) => told.word(at + offset);
  // Of VBE, GRUB says in text mode too that the mode is 3, and nothing else.
  const isText = told.bytes(at + 109, 1)[0] === 2;
  const flags = isText ? field(0) & ~(1 << 11) : field(0);
  const has = (bit: number) => (flags & (1 << bit)) !== 0;
  const modules = Array.from({ length: field(20) }, (_, i) => {
    const module = field(24) + 16 * i;
    const [start, end] = [told.word(module), told.word(module + 4)];
    return {
      aligned: start % 4096 === 0,
      bytes: told.bytes(start, end - start).toString("hex"),
      text: told.text(told.word(module + 8)).trimEnd(),
    };
  });
  return {
    magic: told.magic,
    flags,
    memory: [field(4), field(8)],
    bootDevice: has(1) ? field(12) : undefined,
    commandLine: told.text(field(16)).trimEnd(),
    modules,
    sections: has(5)
      ? sections(told, told.bytes(field(36), field(28) * field(32)), field(32))
      : undefined,
    names: field(40),
    map: told.bytes(field(48), field(44)).toString("hex"),
    vbeMode: has(11) ? told.bytes(at + 80, 2).toString("hex") : undefined,
    vbeModeInfo: has(11) ? told.bytes(field(76), 256).toString("hex") : undefined,
    framebuffer: has(12) ? told.bytes(at + 88, 30).toString("hex") : undefined,
  };
}

/** Tags of Multiboot 2 information by type, without what depends on where a loader puts things. */
function information2(told: Told) {
  const start = told.information;
  const end = start + told.word(start);
  const tags: Record<number, unknown[]> = {};
  for (let at = start + 8; at < end; ) {
    const [type, size] = [told.word(at), told.word(at + 4)];
    const data = told.bytes(at + 8, size - 8);
    if (type === 0) break;
    let value: unknown = data.toString("hex");
    if (type === 1) value = told.text(at + 8).trimEnd();
    // The name and what depends on it.
    if (type === 2) value = "";
    if (type === 3) {
      const [from, to] = [data.readUInt32LE(0), data.readUInt32LE(4)];
      value = {
        aligned: from % 4096 === 0,
        bytes: told.bytes(from, to - from).toString("hex"),
        text: told.text(at + 16).trimEnd(),
      };
    }
    // Mode and what the BIOS says of it; the rest are addresses, and an interface that SeaBIOS does not have.
    if (type === 7) value = [data.readUInt16LE(0), data.toString("hex", 520)];
    if (type === 9) {
      value = {
        names: data.readUInt32LE(8),
        headers: sections(told, data.subarray(12), data.readUInt32LE(4)),
      };
    }
    tags[type] = [...(tags[type] ?? []), value];
    at += (size + 7) & ~7;
  }
  return { magic: told.magic, tags };
}

/** A kernel that wants 1024 x 768 pixels of 32 bits. */
const VIDEO = [1024, 768, 32] as const;

/** Without tags of these types. */
function without({ magic, tags }: ReturnType<typeof information2>, ...types: number[]) {
  return { magic, tags: Object.entries(tags).filter(([type]) => !types.includes(Number(type))) };
}

describe.skipIf(!hasGrub)("with SeaBIOS, as by GRUB (needs QEMU and GRUB)", () => {
  it.each([
    ["", "vga", header1(3)],
    [" with a framebuffer", "vbe", header1(7, 0, 0, 0, 0, 0, 0, ...VIDEO)],
  ])("a Multiboot 1 kernel%s is handed the same", async (_name, video, header) => {
    const [ours, grubs] = await both(header, 1, false, video);
    expect(information1(ours)).toEqual(information1(grubs));
  });

  it.each<[string, string, Uint8Array]>([
    ["", "vga", header2([6, 0], [1, 0, 1, 3, 6])],
    [" with a framebuffer", "vbe", header2([5, 0, ...VIDEO])],
  ])("a Multiboot 2 kernel%s is handed the same, and SMBIOS", async (_name, video, header) => {
    const [ours, grubs] = await both(header, 2, false, video);
    expect(without(information2(ours), 13)).toEqual(without(information2(grubs)));
  });
});

describe.skipIf(!hasGrubEfi)("with OVMF, as by GRUB (needs QEMU, GRUB and ovmf)", () => {
  // Each loader uses memory of its own (6, 17), GRUB changes the mode (8), and passes on the RSDP of ACPI 1.0 (14). SMBIOS
  // (13) and the image handle (20) come besides.
  const DIFFERENT = [6, 8, 13, 14, 17, 20];

  it("a Multiboot 2 kernel is handed the same", async () => {
    const [ours, grubs] = await both(header2([6, 0], [1, 0, 1, 3, 6]), 2, true);
    expect(without(information2(ours), ...DIFFERENT)).toEqual(
      without(information2(grubs), ...DIFFERENT),
    );
    expect(Object.keys(information2(ours).tags)).toEqual(
      expect.arrayContaining(Object.keys(information2(grubs).tags)),
    );
  });
});
