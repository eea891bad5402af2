// Whole boots by BIOSes that are not ours: SeaBIOS in QEMU, Bochs's in Bochs; as disk, stick and CD.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootOnQemu } from "../../../../kernel/testing/qemu.ts";
import { HANG_MS, hasQemu, QEMU } from "../../../testing/host-tools.ts";
import { bootOnBochs, hasBochs } from "../../testing/bochs.ts";
import { testImage } from "./testing/image.ts";

const directory = mkdtempSync(join(tmpdir(), "bios-machines-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, "image");

const MODULE = "boot/module";
let image: Uint8Array;
beforeAll(async () => {
  const contents = new Uint8Array(3_000_000);
  contents.set(new TextEncoder().encode("a module\n"));
  image = await testImage(`kernel boot/kernel started\nmodule ${MODULE}\n`, [
    { path: MODULE, source: contents },
  ]);
  writeFileSync(file, image);
});

/** As the serial line ends once the kernel has started. */
const STARTED = "kernel started\r\na module\r\n";

/** Drives by which QEMU presents the image, the last argument without its file. */
const DRIVES = [
  ["disk (IDE)", "-machine pc -drive if=ide,media=disk"],
  ["CD (IDE)", "-machine pc -drive if=ide,media=cdrom"],
  ["disk (AHCI)", "-machine q35 -drive media=disk"],
  ["CD (AHCI)", "-machine q35 -drive media=cdrom"],
  ["disk (virtio)", "-machine q35 -drive if=virtio"],
  ["CD (SCSI)", "-machine q35 -device virtio-scsi -device scsi-cd,drive=d -drive if=none,id=d"],
  ["stick", "-machine q35 -device qemu-xhci -device usb-storage,drive=d -drive if=none,id=d"],
  [
    "stick with sectors of 2048 bytes",
    "-machine q35 -device qemu-xhci -device usb-storage,drive=d,logical_block_size=2048,physical_block_size=2048 -drive if=none,id=d",
  ],
] as const;

describe.skipIf(!hasQemu)("SeaBIOS in QEMU", () => {
  it.each(DRIVES)("starts the kernel from a %s", (_name, options) => {
    const { stdout } = spawnSync(
      QEMU,
      [
        ...["-m", "64", "-display", "none", "-serial", "stdio", "-no-reboot", "-net", "none"],
        ...`${options},file=${file},format=raw,snapshot=on`.split(" "),
      ],
      { encoding: "utf8", timeout: HANG_MS, input: "" },
    );
    expect(stdout.slice(-STARTED.length)).toBe(STARTED);
  });

  it("shows what is the matter with a CPU without long mode", async () => {
    const options = [
      ...["-machine", "q35", "-cpu", "qemu32", "-m", "64", "-net", "none"],
      ...["-drive", `file=${file},format=raw,snapshot=on`],
    ];
    const line = "This boot loader needs a 64-bit CPU: this one has no long mode";
    expect(await bootOnQemu(options, line)).toMatch(new RegExp(`${line}$`));
  });
});

describe.skipIf(!hasBochs)("Bochs's BIOS in Bochs", () => {
  it.each(["disk", "cdrom"] as const)("starts the kernel from a %s", async (kind) => {
    expect(await bootOnBochs(kind, image, STARTED)).toContain(STARTED);
  });
});
