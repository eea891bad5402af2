// Scripts of register accesses for floppy controllers: commands, DMA, and what there is to see of them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Machine } from "../../../host/machine.ts";
import {
  type Access,
  busGuest,
  encodeScript,
  shown,
} from "../../../platform/testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../../platform/testdata/qemu.ts";

export const DOR = 0x3f2;
export const MSR = 0x3f4;
export const FIFO = 0x3f5;
/** Where DMA goes. */
export const DATA = 0x21_0000;

/** 1.44 MB, each sector begins with its number and goes on with what is not in its neighbours. */
export function floppyImage(bytes = 1474560): Uint8Array {
  const image = new Uint8Array(bytes);
  const view = new DataView(image.buffer);
  for (let sector = 0; sector < bytes / 512; sector++) {
    for (let i = 4; i < 512; i++) image[sector * 512 + i] = (sector * 7 + i) & 0xff;
    view.setUint32(sector * 512, 0xf10b_0000 + sector, true);
  }
  return image;
}

export const out = (port: number, value: number): Access => ["out", port, value];
export const read = (port: number, mask = 0xff): Access => ["in", port, 1, mask];

/** Bytes of a command, each when the controller asks for it. */
export const command = (...bytes: number[]): Access[] =>
  bytes.flatMap((b): Access[] => [["until-port-set", MSR, 0x80], out(FIFO, b)]);

/** Bytes of an answer by their masks. */
export const results = (...masks: number[]): Access[] => [
  ["until-port-set", MSR, 0x40],
  ...masks.flatMap((mask): Access[] => [["until-port-set", MSR, 0x80], read(FIFO, mask)]),
];

/** The controller's line, which the 8259A shows while it is level triggered. */
export const interrupt: Access[] = [out(0x4d0, 0x40), out(0x20, 0x0a), read(0x20, 0x40)];

/** A reset, after which each drive is asked for; DMA, the rate of 1.44 MB. */
export const restart = (): Access[] => [
  out(DOR, 0x00),
  out(DOR, 0x1c),
  ["until-port-set", MSR, 0x80],
  ...interrupt,
  ...[0, 1, 2, 3].flatMap(() => [...command(0x08), ...results(0xff, 0xff)]),
  ...interrupt,
  out(0x3f7, 0),
  ...command(0x03, 0xdf, 0x02),
];

/** The end of a seek of drive A, and SENSE INTERRUPT. */
export const seekEnds = (): Access[] => [
  ["until-port-clear", MSR, 0x01],
  ...interrupt,
  ...command(0x08),
  ...results(0xff, 0xff),
  ...interrupt,
];
export const seek = (cylinder: number, head = 0): Access[] => [
  ...command(0x0f, head << 2, cylinder),
  ...seekEnds(),
];
export const recalibrate = (): Access[] => [...command(0x07, 0), ...seekEnds()];

/** Channel 2 for `bytes` from or to DATA: mode 46h moves to memory, 4Ah from there, 42h verifies. */
export const channel = (mode: number, bytes: number, address = DATA): Access[] => [
  out(0x0a, 0x06),
  out(0x0c, 0),
  out(0x0b, mode),
  out(0x04, address & 0xff),
  out(0x04, (address >> 8) & 0xff),
  out(0x81, address >> 16),
  out(0x05, (bytes - 1) & 0xff),
  out(0x05, (bytes - 1) >> 8),
  out(0x0a, 0x02),
];

/** What is at the beginning and the end of sectors in memory. */
export const sectorsAt = (count: number, address = DATA): Access[] =>
  Array.from({ length: count }, (_, i): Access[] => [
    ["load", address + i * 512, 4],
    ["load", address + i * 512 + 508, 4],
  ]).flat();

export interface Address {
  cylinder: number;
  head: number;
  sector: number;
  last?: number;
}

/** READ DATA, WRITE DATA and their like. */
export const data = (opcode: number, { cylinder, head, sector, last = 18 }: Address): Access[] =>
  command(opcode, head << 2, cylinder, head, sector, 2, last, 0x1b, 0xff);

export interface Answers {
  ours: string[];
  theirs: string[];
}

/** What the script reads here and on QEMU, with a floppy in drive A. */
export async function answers(
  script: readonly Access[],
  { image = floppyImage(), readOnly = false } = {},
): Promise<Answers> {
  const guest = busGuest();
  const encoded = encodeScript(script);
  let output = "";
  const machine = await Machine.create({
    kernel: guest,
    modules: [{ file: encoded }],
    disks: [{ kind: "floppy", image, readOnly }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  machine.runSync({ nanoseconds: 1e9 });
  const directory = mkdtempSync(join(tmpdir(), "emu-floppy-"));
  try {
    const file = join(directory, "floppy");
    writeFileSync(file, image);
    const drive = `file=${file},format=raw,if=floppy,index=0${readOnly ? ",readonly=on" : ""}`;
    const oracle = runOnQemu(
      guest,
      [encoded],
      [...BY_INSTRUCTIONS, "-nic", "none", "-drive", drive],
    );
    return { ours: shown(script, output), theirs: shown(script, oracle.debugcon) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
