// -kernel together with firmware: what the configuration device has of it, here and on QEMU, and SeaBIOS that starts it.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { machineOptions } from "../../host/cli-machine.ts";
import { parseArguments } from "../../host/cli-options.ts";
import { Machine } from "../../host/machine.ts";
import { firmwareHere, flashOnQemu } from "../testdata/firmware-runs.ts";
import { type FlashAccess, flashImage } from "../testdata/flash-guest.ts";

const folder = mkdtempSync(join(tmpdir(), "emu-kernel-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);

const SECTOR = 512;
const DISK = Uint8Array.from({ length: 0x1234 }, (_, i) => i * 7);
const APPEND = "quiet splash";

/** Protocol 2.03: setup code that writes the command line to port E9h and halts, and a kernel of two sectors. */
function linuxImage(version = 0x0203): Uint8Array {
  const image = new Uint8Array(4 * SECTOR).fill(0x5a, 2 * SECTOR);
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint16(0x1fe, 0xaa55, true);
  // JMP to 280h, behind the header.
  image.set([0xeb, 0x7e], 0x200);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, version, true);
  view.setUint8(0x211, 1);
  view.setUint32(0x214, 0x100000, true);
  view.setUint32(0x22c, 0x37ffffff, true);
  // MOV AX, 2000h; MOV DS, AX; XOR SI, SI; next: LODSB; TEST AL, AL; JZ end; OUT E9h, AL; JMP next; end: HLT; JMP end
  const code = [0xb8, 0, 0x20, 0x8e, 0xd8, 0x31, 0xf6, 0xac, 0x84, 0xc0, 0x74, 0x04, 0xe6, 0xe9];
  image.set([...code, 0xeb, 0xf7, 0xf4, 0xeb, 0xfd], 0x280);
  return image;
}
writeFileSync(file("kernel"), linuxImage());
writeFileSync(file("disk"), DISK);

/** Bytes of an item. */
const item = (key: number, bytes: number): FlashAccess[] => [
  { port: 0x510, size: 2, value: key },
  ...Array.from({ length: bytes }, (): FlashAccess => ({ port: 0x511, size: 1 })),
];

const script: readonly FlashAccess[] = [
  ...[0x07, 0x08, 0x0a, 0x0b, 0x13, 0x14, 0x16, 0x17].flatMap((key) => item(key, 4)),
  ...item(0x15, APPEND.length + 2),
  ...item(0x11, 8),
  ...item(0x12, 8),
  // The header with what a loader fills in.
  { port: 0x510, size: 2, value: 0x18 },
  ...Array.from({ length: 0x234 }, (): FlashAccess => ({ port: 0x511, size: 1 })),
];

test.skipIf(!hasQemu)("firmware finds a Linux image as on QEMU", async () => {
  const image = flashImage(script, 0x10000);
  const wanted = flashOnQemu(image, [
    ...["-kernel", file("kernel"), "-initrd", file("disk"), "-append", APPEND, "-m", "128M"],
  ]);
  const log = await firmwareHere(image, 0xe9, {
    ...{ kernel: linuxImage(), modules: [{ file: DISK }], append: APPEND, memory: "128M" },
  });
  expect(log.length).toBeGreaterThan(1000);
  expect(log).toEqual(wanted);
});

const BIOS = "/usr/share/seabios/bios-256k.bin";
const ROM = "/usr/share/qemu/linuxboot_dma.bin";

describe("-kernel with -bios", () => {
  const options = (...more: string[]): string[] => [
    ...["-kernel", file("kernel"), "-append", APPEND, "-m", "64M", "-bios", BIOS, ...more],
  ];

  test.skipIf(!existsSync(BIOS) || !existsSync(ROM))("is started by SeaBIOS", async () => {
    let said = "";
    const machine = await Machine.create({
      ...machineOptions(parseArguments(options("-initrd", file("disk")))),
      debugConsole: true,
      onDebugConsole: (byte) => {
        said += String.fromCharCode(byte);
      },
    });
    for (let i = 0; i < 100 && !said.includes(APPEND); i++) machine.runSync({ nanoseconds: 1e8 });
    expect(said).toContain(APPEND);
  });

  test("is for Linux images, one RAM disk and RAM that holds it", async () => {
    const bios = new Uint8Array(0x10000);
    const create = (more: object) => Machine.create({ bios, kernel: linuxImage(), ...more });
    await expect(create({ kernel: new Uint8Array(4096) })).rejects.toThrow(/Linux images alone/);
    const two = [{ file: DISK }, { file: DISK }];
    await expect(create({ modules: two })).rejects.toThrow(/one initial RAM disk/);
    const large = [{ file: new Uint8Array(20 << 20) }];
    await expect(create({ modules: large, memory: "16M" })).rejects.toThrow(/do not fit/);
  });

  test("goes with expansion ROMs, which our BIOS runs none of", () => {
    expect(() => parseArguments(["-kernel", "k", "-option-rom", "x"])).toThrow(/our own BIOS/);
    const { optionRoms } = machineOptions(
      parseArguments(["-bios", BIOS, "-option-rom", "a/x.rom,bootindex=3"]),
    );
    expect(optionRoms).toEqual([{ name: "x.rom", data: "a/x.rom", bootIndex: 3 }]);
  });
});
