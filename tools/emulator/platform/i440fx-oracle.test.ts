// The board pc against QEMU's behind firmware: what every function of its chipset says, by accesses that a guest performs on
// QEMU's pc and that are performed directly on the board.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { I440FX } from "../devices/chipset.ts";
import { NO_MEDIA } from "../devices/device.ts";
import { DEVICE_KINDS } from "./devices.ts";
import { leaveAsFirmwareDoes } from "./firmware/post-firmware.ts";
import { ALL_DEVICES, bareBoard } from "./testdata/bare-board.ts";
import { type Access, busGuest, encodeScript, runOnBoard } from "./testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "./testdata/qemu.ts";

/** ACPI is on for good with smm=off, and handed over by our BIOS: SCI_EN is not compared. */
const EXTRA = [...BY_INSTRUCTIONS, "-machine", "pc,smm=off", "-nic", "none"];

const select = (device: number, fn: number, register: number): Access => [
  "out",
  0xcf8,
  (0x80000000 | (device << 11) | (fn << 8) | (register & ~3)) >>> 0,
  4,
];
const pci = (device: number, fn: number, register: number, mask?: number): Access[] => [
  select(device, fn, register),
  ["in", 0xcfc, 4, mask],
];
const pciWrite = (device: number, fn: number, register: number, value: number): Access[] => [
  select(device, fn, register),
  ["out", 0xcfc, value, 4],
  ["in", 0xcfc, 4],
];

/**
 * Bits of a function's registers that are others here: what of option ROMs firmware has shadowed (PAM), the display's expansion
 * ROM, which parallel and serial ports there are.
 */
const MASKS: Readonly<Record<string, number>> = {
  "0.0 58": 0x000000ff,
  "0.0 5c": 0x00000000,
  "2.0 30": 0x00000000,
  "1.3 5c": 0x7fffffff,
  "1.3 64": 0x00ffffff,
};

const functions: readonly (readonly [device: number, fn: number])[] = [
  [0, 0],
  [1, 0],
  [1, 1],
  [1, 3],
  [2, 0],
];

const scripts: Record<string, Access[]> = {
  "every register of every function": functions.flatMap(([device, fn]) =>
    Array.from({ length: 64 }, (_, i) => {
      const register = i * 4;
      return pci(device, fn, register, MASKS[`${device}.${fn} ${register.toString(16)}`]);
    }).flat(),
  ),
  "functions that are not there": [
    [1, 2],
    [1, 4],
    [3, 0],
    [0x1f, 0],
    [0x1f, 2],
  ].flatMap(([device, fn]) => pci(device as number, fn as number, 0)),
  "headers keep what can be written": functions.flatMap(([device, fn]): Access[] => [
    ...[0x04, 0x0c, 0x2c, 0x3c].flatMap((r) => pciWrite(device, fn, r, 0xffffffff)),
    ...pciWrite(device, fn, 4, 0x0103),
  ]),
  "power management: events, control, general purpose events": [
    ["in", 0x602, 2],
    ["out", 0x602, 0x0120, 2],
    ["in", 0x602, 2],
    ["in", 0x604, 2, 0xfffe],
    ["out", 0x604, 0x0c00, 2],
    ["in", 0x604, 2, 0xfffe],
    ["in", 0x606, 2],
    ["in", 0x60c, 4],
    ["out", 0xafe2, 0x5a],
    ["in", 0xafe2],
    ["in", 0xafe3],
    ["in", 0xafe0, 1],
    ["in", 0xb3],
  ],
  "interrupt routing registers": [
    ...[0, 1, 2, 3].flatMap((i): Access[] => [
      select(1, 0, 0x60),
      ["out", 0xcfc + i, 0x80, 1],
      ["in", 0xcfc + i],
      ["out", 0xcfc + i, 5, 1],
      ["in", 0xcfc + i],
    ]),
    ["in", 0x4d0],
    ["in", 0x4d1],
  ],
  "the reset register, system control port A, ports of nobody": [
    ["out", 0xcf9, 0x0a],
    ["in", 0xcf9],
    ["in", 0x92],
    ["in", 0xb000, 4],
    ["in", 0x5658, 1, 0],
  ],
  "an SMBus on which no device of this address answers": [
    ["in", 0x700],
    ["out", 0x704, 0x21],
    ["out", 0x703, 0],
    ["out", 0x702, 0x48],
    // QEMU begins when it is asked how it goes.
    ["in", 0x700, 1, 0],
    ["in", 0x700],
    ["out", 0x700, 0xff],
    ["in", 0x700],
    ["in", 0x704],
  ],
  "a floppy controller without floppies": [
    ["in", 0x3f4],
    ["out", 0x3f2, 0x0c],
    ["in", 0x3f2],
  ],
};

describe("the board reads as QEMU's pc does", () => {
  const guest = busGuest();
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, () => {
      const reads = script.filter((a) => a[0] === "in" || a[0] === "load");
      let last = "";
      const names = script.flatMap((a) => {
        if (a[0] === "out" && a[1] === 0xcf8) last = (a[2] & 0xffff).toString(16);
        return a[0] === "in" || a[0] === "load" ? [`${a[1] === 0xcfc ? last : a[1]}`] : [];
      });
      const shown = (value: string, i: number): string => {
        const bits = (Number.parseInt(value, 16) & (reads[i]?.[3] ?? -1)) >>> 0;
        return `${names[i]}: ${bits.toString(16)}`;
      };
      const oracle = runOnQemu(guest, [encodeScript(script)], EXTRA)
        .debugcon.trim()
        .split("\n");
      const { board } = bareBoard(ALL_DEVICES, DEVICE_KINDS, NO_MEDIA, I440FX);
      leaveAsFirmwareDoes(board);
      const ours = runOnBoard(board, script);
      expect(ours.map(shown)).toEqual(oracle.map(shown));
    });
  }
});
