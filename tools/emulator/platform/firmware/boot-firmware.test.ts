// What firmware by others starts: boot loaders and our own boot image by SeaBIOS and by OVMF, from disks and CDs on the boards'
// controllers for SATA and IDE, floppies on theirs and sticks on the USB controller, whose drivers are theirs.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTargets } from "../../../../roottask/testing/boot.ts";
import { eax } from "../../../asm/index.ts";
import { Machine, type MachineOptions } from "../../host/machine.ts";
import type { MediaKind } from "../../machine-options.ts";
import { bytesImage } from "../../media/image.ts";
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
import { bootSector } from "../testdata/boot-sector.ts";
import { guest, print } from "../testdata/guest.ts";

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin";
const hasSeaBios = existsSync(SEABIOS) && existsSync(VGA_BIOS);
const OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const OVMF_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const hasOvmf = existsSync(OVMF_CODE) && existsSync(OVMF_VARIABLES);

const HELLO = "the kernel is here\n";
const kernel = guest((a) => print(a, "hello", HELLO));

const directory = mkdtempSync(join(tmpdir(), "boot-firmware-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const folder = (): string => mkdtempSync(join(directory, "medium-"));

async function run(options: MachineOptions, seconds: number): Promise<string> {
  const machine = await Machine.create({ memory: "256M", ...options });
  expect(machine.runSync({ nanoseconds: seconds * 1e9 })).toEqual({ kind: "power-off" });
  return machine.serialOutput;
}

describe.skipIf(!hasSeaBios)("SeaBIOS", () => {
  const starts = async (
    kind: MediaKind,
    image: Uint8Array,
    machine: MachineOptions["machine"] = "q35",
  ): Promise<void> => {
    const options = { machine, disks: [{ kind, image }], bootOrder: [kind] };
    const log = await run({ bios: SEABIOS, vgaRom: VGA_BIOS, ...options }, 30);
    expect(log).toContain(HELLO);
  };

  test.skipIf(!hasGrub)("starts GRUB from a CD and a disk", async () => {
    await starts("cdrom", grubCd(folder(), kernel));
    await starts("disk", grubDisk(folder(), kernel));
  });

  test.skipIf(!hasGrub)("starts GRUB from a disk of pc", async () => {
    await starts("disk", grubDisk(folder(), kernel), "pc");
  });

  test.each([
    ["q35", "ata"],
    ["pc", "ata"],
    ["q35", "usb"],
    ["pc", "usb"],
    ["pc", "virtio"],
  ] as const)(
    "starts the disk of %s that has the first place in the boot order, %s",
    async (machine, bus) => {
      const marked = (tag: number): Uint8Array =>
        bootSector((a) => a.mov(eax, tag).call("hex"), 2048 * 512);
      const disks = [
        { kind: "disk", image: marked(1) },
        { kind: "disk", image: marked(2), bus, bootIndex: 0 },
      ] as const;
      const log = await run({ machine, bios: SEABIOS, vgaRom: VGA_BIOS, disks }, 20);
      expect(log).toContain("00000002");
      expect(log).not.toContain("00000001");
    },
  );

  test.skipIf(!hasIsolinux)("starts ISOLINUX from a CD", async () => {
    await starts("cdrom", isolinuxCd(folder(), kernel, false));
  });

  test.skipIf(!hasIsohybrid)("starts ISOLINUX from a hybrid image as a disk", async () => {
    await starts("disk", isolinuxCd(folder(), kernel, true));
  });

  test.skipIf(!hasSyslinux)("starts SYSLINUX from a disk and a floppy", async () => {
    await starts("disk", syslinuxDisk(folder(), kernel));
    await starts("floppy", syslinuxFloppy(folder(), kernel));
  });
});

describe.skipIf(!hasSeaBios && !hasOvmf)("the boot image", () => {
  let image: Uint8Array;
  beforeAll(() => {
    makeTargets("bootimage");
    image = readFileSync("build/legacy_boot_x86.img");
  });
  const SUMMARY = /\[roottask\] summary: \d+ programs[\s\S]*\[roottask\] power off/;

  test.skipIf(!hasSeaBios).each([
    ["disk", "ata", "q35"],
    ["cdrom", "ata", "q35"],
    ["cdrom", "ata", "pc"],
    ["disk", "usb", "q35"],
    ["cdrom", "usb", "pc"],
  ] as const)("starts the system under SeaBIOS as a %s (%s of %s)", async (kind, bus, machine) => {
    const disks = [{ kind, image, bus }];
    const options = { machine, bios: SEABIOS, vgaRom: VGA_BIOS, disks, cpus: 2 };
    expect(await run(options, 60)).toMatch(SUMMARY);
  });

  /** Chips of flash with fresh variables, which are kept. */
  const chips = () => {
    const variables = new Uint8Array(readFileSync(OVMF_VARIABLES));
    const write = (offset: number, bytes: Uint8Array) => variables.set(bytes, offset);
    const image = { ...bytesImage("variables", variables), write };
    return {
      variables,
      flash: [
        { image: OVMF_CODE, readOnly: true },
        { image, persistent: true },
      ],
    };
  };

  test.skipIf(!hasOvmf)(
    "starts the system under OVMF as a disk, again with the variables that it has left",
    async () => {
      const { variables, flash } = chips();
      const disks = [{ kind: "disk" as const, image }];
      for (let i = 0; i < 2; i++)
        expect(await run({ flash, disks, cpus: 2 }, 120)).toMatch(SUMMARY);
      expect(Buffer.from(variables).equals(readFileSync(OVMF_VARIABLES))).toBe(false);
    },
  );

  test.skipIf(!hasOvmf).each(["q35", "pc"] as const)(
    "starts the system under OVMF as a CD of %s",
    async (machine) => {
      const disks = [{ kind: "cdrom" as const, image }];
      expect(await run({ machine, flash: chips().flash, disks, cpus: 2 }, 120)).toMatch(SUMMARY);
    },
  );

  test.skipIf(!hasOvmf)("starts the system under OVMF as a stick", async () => {
    const disks = [{ kind: "disk" as const, image, bus: "usb" as const }];
    expect(await run({ flash: chips().flash, disks }, 120)).toMatch(SUMMARY);
  });
});
