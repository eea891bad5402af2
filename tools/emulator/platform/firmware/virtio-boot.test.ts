// Disks of virtio devices as firmware sees them: our BIOS and SeaBIOS, here and on QEMU, number the same disks in the
// same way, boot from them, and read what is there.

import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Assembler, ax, cx, dl, dword, eax, si, word } from "../../../asm/index.ts";
import { hasQemu } from "../../../testing/host-tools.ts";
import { type DiskOptions, Machine, type MachineOptions } from "../../host/machine.ts";
import { bootSector } from "../testdata/boot-sector.ts";
import { bootOnQemu } from "../testdata/qemu.ts";

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const SECTOR = 0x8000;
const PARAMETERS = 0x8400;
const SECTORS = 4096;

/** Tells of the first three disks: their second sector's first word, the track's sectors and heads, and their size. */
function tell(a: Assembler): void {
  for (const drive of [0x80, 0x81, 0x82]) {
    a.mov(ax, 0x4200).mov(dl, drive).mov(si, "packet").int(0x13);
    a.mov(eax, dword(SECTOR)).call("hex");
    a.mov(ax, 0x0800).mov(dl, drive).int(0x13);
    a.xor(eax, eax).mov(ax, cx).call("hex");
    a.mov(word(PARAMETERS), 26).mov(ax, 0x4800).mov(dl, drive).mov(si, PARAMETERS).int(0x13);
    a.mov(eax, dword(PARAMETERS + 16)).call("hex");
  }
  a.jmp("told");
  a.align(4, 0);
  a.label("packet");
  a.db(16, 0).dw(1, SECTOR, 0).dd(1, 0);
  a.label("told");
}

/** A disk that boots, of a size of its own, whose second sector says `tag`. */
function disk(tag: number): Uint8Array {
  const image = bootSector(tell, (SECTORS + tag) * 512);
  new DataView(image.buffer, image.byteOffset).setUint32(512, 0x1111_0000 + tag, true);
  return image;
}

const images = [disk(1), disk(2), disk(3)] as const;
const [first, second, third] = images;

async function here(disks: readonly DiskOptions[], more: MachineOptions = {}): Promise<string> {
  const machine = await Machine.create({ disks, ...more });
  expect(machine.runSync({ nanoseconds: 20e9 })).toEqual({ kind: "power-off" });
  return machine.serialOutput;
}

const cases: Record<string, { disks: readonly DiskOptions[]; qemu: readonly string[] }> = {
  "a virtio disk with the first place": {
    disks: [
      { kind: "disk", image: first },
      { kind: "disk", image: second, bus: "virtio" },
      { kind: "disk", image: third, bus: "virtio", bootIndex: 0 },
    ],
    qemu: [
      ...["-drive", "file=FILE0,format=raw", "-drive", "file=FILE1,format=raw,if=virtio"],
      ...["-drive", "file=FILE2,format=raw,if=none,id=d"],
      ...["-device", "virtio-blk-pci,drive=d,bootindex=0,addr=8"],
    ],
  },
  "virtio disks behind one of SATA": {
    disks: [
      { kind: "disk", image: second, bus: "virtio" },
      { kind: "disk", image: third, bus: "virtio" },
      { kind: "disk", image: first },
    ],
    qemu: [
      ...["-drive", "file=FILE1,format=raw,if=virtio", "-drive", "file=FILE2,format=raw,if=virtio"],
      ...["-drive", "file=FILE0,format=raw"],
    ],
  },
};

describe("firmware finds virtio disks", () => {
  for (const [what, { disks, qemu }] of Object.entries(cases)) {
    test.skipIf(!hasQemu)(`${what}: our BIOS as SeaBIOS on QEMU`, async () => {
      const theirs = bootOnQemu(first, (file) => {
        const folder = dirname(file);
        images.forEach((image, i) => {
          writeFileSync(join(folder, `disk${i}`), image);
        });
        return qemu.map((text) => text.replaceAll(/FILE(\d)/g, `${folder}/disk$1`));
      });
      expect(theirs).toMatch(/1111000/);
      expect(await here(disks)).toBe(theirs);
    });
  }

  test.skipIf(!existsSync(SEABIOS))("SeaBIOS here, as our BIOS does", async () => {
    const [{ disks }] = Object.values(cases) as [(typeof cases)[string]];
    expect(await here(disks, { bios: SEABIOS })).toBe(await here(disks));
  });
});
