// Boot loaders by others, from media that their own tools make: each gets a Multiboot kernel to its power-off.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Machine, type MachineOptions } from "../../host/machine.ts";
import {
  grubCd,
  grubDisk,
  hasGrub,
  hasIsohybrid,
  hasIsolinux,
  hasSyslinux,
  isolinuxCd,
  syslinuxDisk,
  syslinuxFloppy,
} from "../testdata/boot-media.ts";
import { guest, print } from "../testdata/guest.ts";

const HELLO = "the kernel is here\n";
const kernel = guest((a) => print(a, "hello", HELLO));
const MEMTEST = "/boot/memtest86+x64.bin";

const directory = mkdtempSync(join(tmpdir(), "boot-media-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A folder of its own for each medium. */
const folder = (): string => mkdtempSync(join(directory, "medium-"));

async function boots(options: MachineOptions): Promise<void> {
  const machine = await Machine.create(options);
  expect(machine.runSync({ nanoseconds: 5e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toContain(HELLO);
}

test.skipIf(!hasGrub)("GRUB starts from its rescue image as a CD and a stick", async () => {
  const image = grubCd(folder(), kernel);
  await boots({ disks: [{ kind: "cdrom", image }] });
  await boots({ disks: [{ kind: "disk", bus: "usb", image }] });
});

test.skipIf(!hasGrub)("GRUB starts from a disk by block addresses and by geometry", async () => {
  const disks = [{ kind: "disk" as const, image: grubDisk(folder(), kernel) }];
  await boots({ disks, biosFaults: { disk: { dmaBoundary: true } } });
  await boots({ disks, biosFaults: { disk: { noExtensions: true } } });
});

test.skipIf(!hasIsolinux)("ISOLINUX starts from a CD", async () => {
  await boots({ disks: [{ kind: "cdrom", image: isolinuxCd(folder(), kernel, false) }] });
});

test.skipIf(!hasIsohybrid)("ISOLINUX starts from a hybrid image as a disk", async () => {
  const image = isolinuxCd(folder(), kernel, true);
  await boots({ disks: [{ kind: "disk", image }] });
  await boots({ disks: [{ kind: "disk", image }], biosFaults: { disk: { noExtensions: true } } });
});

test.skipIf(!hasSyslinux)("SYSLINUX starts from a disk and from a floppy", async () => {
  const image = syslinuxDisk(folder(), kernel);
  await boots({ disks: [{ kind: "disk", image }] });
  await boots({ disks: [{ kind: "disk", image }], biosFaults: { disk: { noExtensions: true } } });
  await boots({ disks: [{ kind: "floppy", image: syslinuxFloppy(folder(), kernel) }] });
});

test.skipIf(!hasGrub || !existsSync(MEMTEST))("Memtest86+ starts from GRUB's CD", async () => {
  const config = "linux /boot/kernel console=ttyS0,115200\nboot\n";
  const image = grubCd(folder(), readFileSync(MEMTEST), config);
  const machine = await Machine.create({ disks: [{ kind: "cdrom", image }], memory: "64M" });
  // It is on the screen long before it is on the serial line.
  const title = (): boolean => /Memtest86\+ v/.test(machine.screenText()?.join("\n") ?? "");
  for (let slice = 0; slice < 20 && !title(); slice++) machine.runSync({ nanoseconds: 50e6 });
  expect(title()).toBe(true);
});
