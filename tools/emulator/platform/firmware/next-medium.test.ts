// Programs that give up and leave by INT 18h: what the BIOS tries next, against SeaBIOS in QEMU, and what there is to say
// in the end.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { al, ax, dl, sp } from "../../../asm/index.ts";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { bytesImage } from "../../media/image.ts";
import { bootCd } from "../testdata/boot-cd.ts";
import { bootSector } from "../testdata/boot-sector.ts";
import { firmwareHere, firmwareOnQemu } from "../testdata/firmware-runs.ts";
import { bootOrderOf } from "./bios-state.ts";

const FLOPPY_BYTES = 1440 * 1024;
const NO_EMULATION = 0;
const EMULATED_FLOPPY = 2;

/** Says its letter and the class of the drive that it is told, on the debug console, and gives up or powers off. */
const program = (letter: string, gives: "up" | "power", size?: number): Uint8Array =>
  bootSector((a) => {
    a.mov(al, letter.charCodeAt(0)).out(0xe9, al);
    a.mov(al, dl).shr(al, 7).add(al, "0".charCodeAt(0)).out(0xe9, al);
    // Where the next program is loaded to.
    a.mov(sp, 0x7d00).push(ax);
    if (gives === "up") a.int(0x18);
  }, size);

const orders = [
  ["cad", "d"],
  ["cda", "a"],
  ["adc", "c"],
  ["dca", "c"],
  ["dac", "c"],
] as const;

test.skipIf(!hasQemu).each(orders)(
  "by the order %s, up to the one that does not give up: %s",
  async (order, last) => {
    const gives = (letter: string) => (letter === last ? "power" : "up");
    const disk = program("c", gives("c"));
    const floppy = program("a", gives("a"), FLOPPY_BYTES);
    const cd = bootCd(program("d", gives("d"), 2048), NO_EMULATION);
    const here = await firmwareHere(undefined, 0xe9, {
      bootOrder: bootOrderOf(order),
      disks: [
        { kind: "disk", image: bytesImage("disk", disk) },
        { kind: "floppy", image: bytesImage("floppy", floppy) },
        { kind: "cdrom", image: bytesImage("cd", cd) },
      ],
    });
    const folder = mkdtempSync(join(tmpdir(), "emu-next-"));
    try {
      const file = (name: string, bytes: Uint8Array): string => {
        writeFileSync(join(folder, name), bytes);
        return join(folder, name);
      };
      const there = firmwareOnQemu([
        ...["-drive", `format=raw,file=${file("disk", disk)}`, "-boot", order],
        ...["-drive", `if=floppy,format=raw,file=${file("floppy", floppy)}`],
        ...["-drive", `media=cdrom,format=raw,file=${file("cd", cd)}`],
      ]);
      expect(here).toBe(there);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

const ends = async (disks: readonly Uint8Array[]): Promise<unknown> => {
  const machine = await Machine.create({
    disks: disks.map((bytes) => ({ kind: "disk", image: bytesImage("disk", bytes) })),
  });
  return machine.runSync({ nanoseconds: 5e9 });
};

test("a machine whose programs all give up has started some, one without any has not", async () => {
  const quitter = program("c", "up");
  expect(await ends([quitter, quitter])).toEqual({ kind: "unbootable", started: true });
  expect(await ends([new Uint8Array(1 << 20)])).toEqual({ kind: "unbootable", started: false });
});

test("what a CD emulates is over when its program gives up", async () => {
  const floppy = program("e", "up", FLOPPY_BYTES);
  const log = await firmwareHere(undefined, 0xe9, {
    bootOrder: bootOrderOf("dac"),
    disks: [
      { kind: "cdrom", image: bytesImage("cd", bootCd(floppy, EMULATED_FLOPPY, 1)) },
      { kind: "floppy", image: bytesImage("medium", program("a", "up", FLOPPY_BYTES)) },
      { kind: "disk", image: bytesImage("medium", program("c", "power")) },
    ],
  });
  expect(log).toBe("e0a0c1");
});
