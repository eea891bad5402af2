// The board against QEMU: scripts of register accesses, performed by a guest on QEMU's q35 and
// directly on the board, must read the same values.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { leaveAsFirmwareDoes } from "./firmware/post-firmware.ts";
import { ALL_DEVICES, bareBoard } from "./testdata/bare-board.ts";
import { type Access, busGuest, encodeScript, runOnBoard } from "./testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "./testdata/qemu.ts";

const UART = 0x3f8;
const IOAPIC = 0xfec00000;
const HPET = 0xfed00000;

/** Time by instructions, and the device that has interrupt lines to pull. */
const EXTRA = [...BY_INSTRUCTIONS, "-device", "pc-testdev"];

/** Bit 3 tells a command from data by the IBM manual; QEMU 7.2 leaves it set. */
const STATUS_BITS = 0xf7;
/** QEMU 7.2 has no null count (bit 6) and shows the stale output (bit 7) until a count is written. */
const READ_BACK_BITS = 0x3f;

const ioapic = (register: number, value?: number): Access[] => [
  ["store", IOAPIC, register, 4],
  value === undefined ? ["load", IOAPIC + 0x10, 4] : ["store", IOAPIC + 0x10, value, 4],
];

const cmos = (index: number): Access[] => [
  ["out", 0x70, index],
  ["in", 0x71],
];

const pci = (device: number, fn: number, register: number, size: 1 | 2 | 4 = 4): Access[] => [
  ["out", 0xcf8, 0x80000000 | (device << 11) | (fn << 8) | (register & ~3), 4],
  ["in", 0xcfc + (register & 3), size],
];

const icw = (base: 0x20 | 0xa0, vector: number, cascade: number, icw4 = 1): Access[] => [
  ["out", base, 0x11],
  ["out", base + 1, vector],
  ["out", base + 1, cascade],
  ["out", base + 1, icw4],
];

/** Channel 2 of the 8254: control word and count; the two bytes of its count, 127 more or less. */
const pit2 = (control: number, low: number, high: number): Access[] => [
  ["out", 0x43, control],
  ["out", 0x42, low],
  ["out", 0x42, high],
];
const count2: readonly Access[] = [
  ["in", 0x42, 1, 0x80],
  ["in", 0x42],
];

/** Status and output buffer of the 8042. */
const output: readonly Access[] = [
  ["in", 0x64, 1, STATUS_BITS],
  ["in", 0x60],
];
/** A byte for the keyboard, for the mouse, and the longest answers to it. */
const keyboard = (byte: number): Access[] => [
  ["out", 0x60, byte],
  ...output,
  ...output,
  ...output,
  ...output,
];
const mouse = (byte: number): Access[] => [
  ["out", 0x64, 0xd4],
  ["out", 0x60, byte],
  ...output,
  ...output,
  ...output,
  ...output,
  ...output,
];
/** Resend sends the last byte again; QEMU 7.2 answers with a resend of its own. */
const UNLIKE_QEMU = { keyboard: [0xfe] };
/** What a mouse understands; QEMU 7.2 does not answer to the rest at all, nor to EC outside wrap mode. */
const MOUSE_COMMANDS = [
  0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff,
];

const scripts: Record<string, Access[]> = {
  "UART registers after firmware": [1, 2, 3, 4, 5, 6, 7].map((r): Access => ["in", UART + r]),
  "UART scratch, line and modem control read back": [
    ["out", UART + 7, 0xa5],
    ["in", UART + 7],
    ["out", UART + 3, 0x1b],
    ["in", UART + 3],
    ["out", UART + 4, 0x0b],
    ["in", UART + 4],
    ["out", UART + 1, 0xff],
    ["in", UART + 1],
    ["out", UART + 1, 0],
    ["in", UART + 1],
  ],
  "UART divisor latch hides data and IER": [
    ["out", UART + 3, 0x83],
    ["out", UART, 0x34],
    ["out", UART + 1, 0x12],
    ["in", UART],
    ["in", UART + 1],
    ["out", UART + 3, 0x03],
    ["in", UART + 1],
  ],
  "UART FIFO control shows in IIR": [
    ["out", UART + 2, 0x01],
    ["in", UART + 2],
    ["out", UART + 2, 0xc7],
    ["in", UART + 2],
    ["out", UART + 2, 0x00],
    ["in", UART + 2],
  ],
  "UART THRE interrupt: raised by enabling, cleared by reading IIR": [
    ["out", UART + 1, 2],
    ["in", UART + 2],
    ["in", UART + 2],
    ["out", UART + 1, 0],
    ["out", UART + 1, 2],
    ["in", UART + 2],
    ["out", UART + 1, 0],
    ["in", UART + 2],
  ],
  "UART loopback: data, modem lines": [
    // PC16550D, 8.4: modem status changes work in loopback. QEMU 7.2 shows no deltas there.
    ["out", UART + 4, 0x10],
    ["in", UART + 6, 1, 0xf0],
    ["in", UART + 6],
    ["out", UART + 4, 0x1f],
    ["in", UART + 6, 1, 0xf0],
    ["in", UART + 6],
    ["out", UART, 0x5a],
    ["in", UART + 5],
    ["in", UART],
    ["in", UART + 5],
    ["out", UART + 4, 0x08],
  ],
  "UART loopback with FIFO: order, data ready, trigger level": [
    ["out", UART + 4, 0x10],
    ["out", UART + 2, 0x47],
    ["out", UART + 1, 0x01],
    ...[1, 2, 3].map((v): Access => ["out", UART, v]),
    ["in", UART + 5],
    ["out", UART, 4],
    ["in", UART + 2],
    ...[0, 0, 0, 0].map((): Access => ["in", UART]),
    ["in", UART + 5],
    ["in", UART + 2],
    ["out", UART + 1, 0],
    ["out", UART + 2, 0],
    ["out", UART + 4, 0x08],
  ],
  "UART loopback overrun": [
    ["out", UART + 4, 0x10],
    ["out", UART, 1],
    ["out", UART, 2],
    ["in", UART + 5],
    ["in", UART + 5],
    ["in", UART],
    ["out", UART + 4, 0x08],
  ],
  "8259A masks and edge/level control as firmware leaves them": [
    ["in", 0x21],
    ["in", 0xa1],
    ["in", 0x4d0],
    ["in", 0x4d1],
    ["out", 0x4d0, 0xff],
    ["in", 0x4d0],
    ["out", 0x4d1, 0xff],
    ["in", 0x4d1],
    ["out", 0x4d0, 0],
    ["out", 0x4d1, 0x0c],
  ],
  "8259A initialisation clears masks, OCW1 reads back": [
    ...icw(0x20, 0x20, 4),
    ["in", 0x21],
    ["out", 0x21, 0x5a],
    ["in", 0x21],
    ...icw(0xa0, 0x28, 2),
    ["in", 0xa1],
    ["out", 0xa1, 0xff],
    ["in", 0xa1],
    ["out", 0x20, 0x0b],
    ["in", 0x20],
    ["out", 0xa0, 0x0b],
    ["in", 0xa0],
  ],
  "8259A poll command takes the keyboard's request": [
    ...icw(0x20, 0x20, 4),
    ["out", 0x21, 0xfd],
    // Command byte: keyboard interrupt on; then a byte in the output buffer.
    ["out", 0x64, 0x60],
    ["out", 0x60, 0x45],
    ["out", 0x64, 0xd2],
    ["out", 0x60, 0x77],
    ["in", 0x64, 1, STATUS_BITS],
    ["out", 0x20, 0x0c],
    ["in", 0x20],
    ["out", 0x20, 0x0b],
    ["in", 0x20],
    ["out", 0x20, 0x20],
    ["in", 0x20],
    ["in", 0x60],
    ["out", 0x20, 0x0a],
    ["out", 0x21, 0xff],
  ],
  "8042 command byte, self test, interface test, output port": [
    ["out", 0x64, 0x60],
    ["out", 0x60, 0x34],
    ["out", 0x64, 0x20],
    ["in", 0x60],
    ["out", 0x64, 0xaa],
    ["in", 0x64, 1, STATUS_BITS],
    ["in", 0x60],
    ["out", 0x64, 0xab],
    ["in", 0x60],
    ["out", 0x64, 0xa9],
    ["in", 0x60],
    ["out", 0x64, 0xd0],
    ["in", 0x60],
    ["in", 0x64, 1, STATUS_BITS],
  ],
  "keyboard: echo, identify, reset through the controller": [
    ["out", 0x64, 0x60],
    ["out", 0x60, 0x04],
    ["out", 0x60, 0xee],
    ["in", 0x60],
    ["out", 0x60, 0xf2],
    ["in", 0x60],
    ["in", 0x60],
    ["in", 0x60],
    ["out", 0x60, 0xff],
    ["in", 0x60],
    ["in", 0x60],
    ["out", 0x60, 0xf0],
    ["in", 0x60],
    ["out", 0x60, 0x00],
    ["in", 0x60],
    ["in", 0x60],
    ["in", 0x64, 1, STATUS_BITS],
  ],
  "mouse: reset, identify, wheel knock, status": [
    ["out", 0x64, 0xa8],
    ...[0xff, 0xf2, 0xe9].flatMap((c): Access[] => [
      ["out", 0x64, 0xd4],
      ["out", 0x60, c],
      ["in", 0x64, 1, STATUS_BITS],
      ...Array.from({ length: c === 0xff ? 3 : c === 0xf2 ? 2 : 4 }, (): Access => ["in", 0x60]),
    ]),
    ...[0xf3, 200, 0xf3, 100, 0xf3, 80].flatMap((c): Access[] => [
      ["out", 0x64, 0xd4],
      ["out", 0x60, c],
      ["in", 0x60],
    ]),
    ["out", 0x64, 0xd4],
    ["out", 0x60, 0xf2],
    ["in", 0x60],
    ["in", 0x60],
    ["in", 0x64, 1, STATUS_BITS],
  ],
  ...Object.fromEntries(
    [0x04, 0x44].map((mode): [string, Access[]] => [
      `keyboard: every command byte, and every kind of argument, ${mode & 0x40 ? "translated" : "as it is"}`,
      [
        ["out", 0x64, 0x60],
        ["out", 0x60, mode],
        ...Array.from({ length: 256 }, (_, i) => i)
          .filter((c) => !UNLIKE_QEMU.keyboard.includes(c))
          .flatMap((c): Access[] => [
            ...keyboard(c),
            // An argument, where the command takes one.
            ...([0xed, 0xf0, 0xf3, 0xfc].includes(c) ? keyboard(1) : []),
          ]),
        ...[0xed, 0xf0, 0xf3, 0xfc].flatMap((command) =>
          [0, 1, 2, 3, 4, 9, 0x7f, 0x80, 0xed, 0xf0, 0xf4, 0xfe, 0xff].flatMap((argument) => [
            ...keyboard(command),
            ...keyboard(argument),
            ...keyboard(0xf0),
            ...keyboard(0),
          ]),
        ),
      ],
    ]),
  ),
  "keyboard: a command forgets what is left of the last answer": [
    ["out", 0x64, 0x60],
    ["out", 0x60, 0x04],
    ["out", 0x60, 0xf2],
    ["in", 0x60],
    ["out", 0x60, 0xee],
    ["in", 0x60],
    ["in", 0x64, 1, STATUS_BITS],
    ["out", 0x60, 0xff],
    ["out", 0x60, 0xf4],
    ["in", 0x60],
    ["in", 0x64, 1, STATUS_BITS],
    ["in", 0x60],
  ],
  "8042: a byte in the output buffer stays there whatever comes": [
    ["out", 0x64, 0x60],
    ["out", 0x60, 0x04],
    ["out", 0x60, 0xee],
    ["out", 0x64, 0xd0],
    ...output,
    ...output,
    ["out", 0x64, 0xd4],
    ["out", 0x60, 0xf2],
    ["in", 0x64, 1, STATUS_BITS],
    ["out", 0x60, 0xee],
    ["out", 0x64, 0xaa],
    ...output,
    ...output,
    ...output,
    ...output,
    // The interface is turned off under a byte that is there already.
    ["out", 0x60, 0xee],
    ["out", 0x64, 0xad],
    ...output,
    ["out", 0x60, 0xf2],
    ["out", 0x64, 0xad],
    ...output,
    ...output,
    ["out", 0x64, 0xae],
    ...output,
    ...output,
  ],
  "8042: bytes as if from keyboard and mouse, the later one instead of the earlier": [
    ["out", 0x64, 0x60],
    ["out", 0x60, 0x04],
    ["out", 0x64, 0xd2],
    ["out", 0x60, 0x12],
    ["in", 0x64, 1, STATUS_BITS],
    ["out", 0x64, 0xd0],
    ...output,
    ...output,
    ["out", 0x64, 0xd3],
    ["out", 0x60, 0x34],
    ["in", 0x64, 1, STATUS_BITS],
    ["out", 0x64, 0xd0],
    ...output,
    ...output,
    ["out", 0x64, 0xc0],
    ...output,
    ["out", 0x64, 0xff],
    ["in", 0x64, 1, STATUS_BITS],
    ["in", 0x60],
  ],
  "mouse: every command byte and its arguments": [
    ["out", 0x64, 0xa8],
    ["out", 0x64, 0x60],
    ["out", 0x60, 0x04],
    ...mouse(0xff),
    ...MOUSE_COMMANDS.flatMap((c): Access[] => [
      ...mouse(c),
      ...([0xe8, 0xf3].includes(c) ? mouse(1) : []),
      ...(c === 0xee ? [...mouse(0x12), ...mouse(0xf4), ...mouse(0xec)] : []),
      ...mouse(0xe9),
    ]),
    ...[
      [200, 100, 80],
      [200, 200, 80],
      [200, 80, 80],
    ].flatMap((rates) => [
      ...mouse(0xff),
      ...rates.flatMap((rate) => [...mouse(0xf3), ...mouse(rate)]),
      ...mouse(0xf2),
      ...mouse(0xe9),
      ...mouse(0xf6),
      ...mouse(0xf2),
      ...mouse(0xeb),
    ]),
    ...[0, 3, 4, 0xff].flatMap((resolution) => [
      ...mouse(0xe8),
      ...mouse(resolution),
      ...mouse(0xe9),
    ]),
  ],
  "8254 status read-back of fresh control words": [
    ["out", 0x43, 0xb6],
    ["out", 0x43, 0xe8],
    ["in", 0x42, 1, READ_BACK_BITS],
    ["out", 0x43, 0x90],
    ["out", 0x43, 0xe8],
    ["in", 0x42, 1, READ_BACK_BITS],
    ["out", 0x43, 0xa3],
    ["out", 0x43, 0xe8],
    ["in", 0x42, 1, READ_BACK_BITS],
  ],
  "8254 status read-back of every control word": Array.from({ length: 48 }, (_, i): Access[] => [
    ["out", 0x43, 0x90 + i],
    ["out", 0x43, 0xe8],
    ["in", 0x42, 1, READ_BACK_BITS],
  ]).flat(),
  "8254 latches: the first one counts, status before count, low byte before high": [
    ...pit2(0xb4, 0xff, 0x12),
    ["out", 0x43, 0x80],
    ["out", 0x43, 0x80],
    ...count2,
    ...count2,
    ...pit2(0xb4, 0xff, 0x34),
    ["out", 0x43, 0xc8],
    ["in", 0x42, 1, READ_BACK_BITS],
    ...count2,
    ["out", 0x43, 0xe8],
    ["out", 0x43, 0xd8],
    ["out", 0x43, 0xc8],
    ["in", 0x42, 1, READ_BACK_BITS],
    ...count2,
    // A latch between the two bytes of a read does not disturb their order.
    ...pit2(0xb4, 0xff, 0x56),
    ["in", 0x42, 1, 0x80],
    ["out", 0x43, 0x80],
    ...count2,
    ["in", 0x42],
    ...count2,
    // No counter is selected, or only others.
    ["out", 0x43, 0xc0],
    ["out", 0x43, 0xc2],
    ...count2,
    ["in", 0x40, 1, READ_BACK_BITS],
  ],
  "8254 latches of one byte": [
    ["out", 0x43, 0x94],
    ["out", 0x42, 0xff],
    ["out", 0x43, 0x80],
    ["in", 0x42, 1, 0xf0],
    ["in", 0x42, 1, 0xf0],
    ["out", 0x43, 0xa4],
    ["out", 0x42, 0x56],
    ["out", 0x43, 0xc8],
    ["in", 0x42, 1, READ_BACK_BITS],
    ["in", 0x42, 1, 0xf0],
    ["in", 0x42, 1, 0xf0],
    ["in", 0x43],
  ],
  "speaker port bits that are latched": [
    ["out", 0x61, 0x03],
    ["out", 0x61, 0x00],
  ],
  "CMOS: registers and memory sizes": [
    ...[0x0b, 0x0d, 0x15, 0x16, 0x17, 0x18, 0x30, 0x31, 0x34, 0x35].flatMap(cmos),
    ["out", 0x70, 0x40],
    ["out", 0x71, 0x99],
    ["in", 0x71],
  ],
  "RTC holds a time that is set while SET is on, in BCD and binary": [
    ["out", 0x70, 0x0b],
    ["out", 0x71, 0x82],
    ...[
      [0, 0x30],
      [2, 0x59],
      [4, 0x23],
      [7, 0x28],
      [8, 0x02],
      [9, 0x24],
      [0x32, 0x20],
    ].flatMap(([index, value]): Access[] => [
      ["out", 0x70, index as number],
      ["out", 0x71, value as number],
      ["in", 0x71],
    ]),
    ["out", 0x70, 0x0b],
    ["out", 0x71, 0x02],
    ...[2, 4, 7, 8, 9, 0x32].flatMap(cmos),
    ["out", 0x70, 0x0b],
    ["out", 0x71, 0x06],
    ...[2, 4, 7, 8].flatMap(cmos),
    ["out", 0x70, 0x0b],
    ["out", 0x71, 0x00],
    ...cmos(4),
  ],
  "IOAPIC: identity, version, redirection entries": [
    ...ioapic(0),
    ...ioapic(1),
    ...ioapic(2),
    ...ioapic(0x10),
    ...ioapic(0x11),
    ...ioapic(0x3e),
    ...ioapic(0x40),
    // Reserved bits: QEMU keeps what was written.
    ...ioapic(0x10, 0x1ffff),
    ...ioapic(0x10),
    ...ioapic(0x11, 0xff000000),
    ...ioapic(0x11),
    ...ioapic(0x10, 0x10000),
    ...ioapic(0x10),
    ...ioapic(0, 0x0f000000),
    ...ioapic(0),
    ["load", IOAPIC, 4],
  ],
  "HPET: capabilities, configuration, timer registers while halted": [
    ["load", HPET, 4],
    ["load", HPET + 4, 4],
    ["load", HPET + 0x10, 4],
    ["store", HPET + 0xf0, 0x12345678, 4],
    ["store", HPET + 0xf4, 0x9abcdef0, 4],
    ["load", HPET + 0xf0, 4],
    ["load", HPET + 0xf4, 4],
    ["load", HPET + 0x100, 4],
    ["load", HPET + 0x104, 4],
    ["load", HPET + 0x108, 4],
    ["store", HPET + 0x108, 0x1000, 4],
    ["load", HPET + 0x108, 4],
    ["store", HPET + 0x100, 0x0100, 4],
    ["load", HPET + 0x100, 4],
    ["load", HPET + 0x20, 4],
  ],
  "ACPI PM: event registers, control, enabling by SMI command": [
    ["in", 0x602, 2],
    ["out", 0x602, 0x0120, 2],
    ["in", 0x602, 2],
    ["in", 0x604, 2],
    ["out", 0xb2, 2],
    ["in", 0x604, 2],
    ["out", 0xb2, 3],
    ["in", 0x604, 2],
    ["in", 0x620, 1],
  ],
  "PCI: host and LPC bridge through mechanism 1": [
    ...[0, 8, 0x0c, 0x2c, 0x3c, 0x60, 0x64].flatMap((r) => pci(0, 0, r)),
    ...[0, 8, 0x0c, 0x2c, 0x40, 0x44, 0x60, 0x68, 0xf0].flatMap((r) => pci(0x1f, 0, r)),
    ...pci(0, 0, 2, 2),
    ...pci(0x1f, 0, 0x0e, 1),
    ["in", 0xcf8, 4],
    ["out", 0xcf8, 0x80000000 | (9 << 11), 4],
    ["in", 0xcfc, 4],
    ["out", 0xcf8, 0, 4],
    ["in", 0xcfc, 4],
  ],
  "PCI: VGA identity, BARs and their sizes": [
    ...[0, 8, 0x10, 0x18].flatMap((r) => pci(1, 0, r)),
    ...pci(1, 0, 0x10),
    ["out", 0xcfc, 0xffffffff, 4],
    ["in", 0xcfc, 4],
    ["out", 0xcfc, 0xfd000008, 4],
    ["in", 0xcfc, 4],
    ...pci(1, 0, 0x18),
    ["out", 0xcfc, 0xffffffff, 4],
    ["in", 0xcfc, 4],
    ["out", 0xcfc, 0xfebd4000, 4],
  ],
  "PCI: command, capabilities and interrupt registers of every function": [
    ...[0, 1, 0x1f].flatMap((device): Access[] => [
      ...[4, 0x0c, 0x34, 0x3c].flatMap((r) => pci(device, 0, r)),
      ...[4, 0x0c, 0x2c, 0x3c].flatMap((r): Access[] => [
        ...pci(device, 0, r),
        ["out", 0xcfc, 0xffffffff, 4],
        ["in", 0xcfc, 4],
      ]),
      ...pci(device, 0, 4),
      ["out", 0xcfc, 0x0103, 4],
    ]),
    // Conventional functions have no extended configuration space.
    ["load", 0xb0000100, 4],
    ["load", 0xb00f8ffc, 4],
  ],
  "PCI: the same registers through ECAM": [
    ["load", 0xb0000000, 4],
    ["load", 0xb0000002, 2],
    ["load", 0xb00f8000, 4],
    ["load", 0xb00f8060, 1],
    ["load", 0xb0048000, 4],
    ["load", 0xb0008008, 4],
  ],
  "Bochs DISPI registers": [
    ["out", 0x1ce, 0, 2],
    ["in", 0x1cf, 2],
    ["out", 0x1ce, 10, 2],
    ["in", 0x1cf, 2],
    ...[
      [4, 0],
      [1, 800],
      [2, 600],
      [3, 32],
      [4, 0x41],
    ].flatMap(([index, value]): Access[] => [
      ["out", 0x1ce, index as number, 2],
      ["out", 0x1cf, value as number, 2],
      ["in", 0x1cf, 2],
    ]),
    ...[1, 2, 3, 6, 7, 8, 9].flatMap((index): Access[] => [
      ["out", 0x1ce, index, 2],
      ["in", 0x1cf, 2],
    ]),
    ["store", 0xfd000000, 0x11223344, 4],
    ["load", 0xfd000002, 2],
    ["load", 0xfebd4500, 2],
    ["load", 0xfebd4502, 2],
    ["out", 0x1ce, 4, 2],
    ["out", 0x1cf, 0, 2],
  ],
  "VGA registers in text mode": [
    ["in", 0x3cc],
    ...[0, 1, 2, 3, 4].flatMap((i): Access[] => [
      ["out", 0x3c4, i],
      ["in", 0x3c5],
    ]),
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((i): Access[] => [
      ["out", 0x3ce, i],
      ["in", 0x3cf],
    ]),
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18].flatMap(
      (i): Access[] => [
        ["out", 0x3d4, i],
        ["in", 0x3d5],
      ],
    ),
    ["out", 0x3d4, 0x0f],
    ["out", 0x3d5, 0x7f],
    ["in", 0x3d5],
  ],
  "VGA text memory": [
    ["store", 0xb8f00, 0x1f41, 2],
    ["load", 0xb8f00, 2],
    ["load", 0xb8f01, 1],
    ["store", 0xb8f02, 0x2e422f43, 4],
    ["load", 0xb8f02, 4],
  ],
  "fw_cfg signature, identity, RAM size and CPU count": [
    ["out", 0x510, 0, 2],
    ...[0, 0, 0, 0].map((): Access => ["in", 0x511]),
    ["out", 0x510, 1, 2],
    ...[0, 0, 0, 0].map((): Access => ["in", 0x511]),
    ["out", 0x510, 3, 2],
    ...[0, 0, 0, 0].map((): Access => ["in", 0x511]),
    ["out", 0x510, 5, 2],
    ["in", 0x511, 1],
    ["in", 0x514, 4],
    ["in", 0x518, 4],
  ],
  "pc-testdev: register and memory in every width, interrupt lines": [
    ["out", 0xe0, 0x12345678, 4],
    ...[0xe0, 0xe1, 0xe2, 0xe3, 0xe8, 0xeb].map((port): Access => ["in", port]),
    ["out", 0xe1, 0xab],
    ["out", 0xe2, 0xcdef, 2],
    ["in", 0xe0, 4],
    ["in", 0xe2, 2],
    ["out", 0xe8, 0xa1],
    ["out", 0xea, 0xb2],
    ["in", 0xe0, 4],
    ["out", 0xe4, 0x5000, 4],
    ["store", 0xff000000, 0x11223344, 4],
    ["store", 0xff000001, 0xaabb, 2],
    ["store", 0xff00fffc, 0x99, 1],
    ["load", 0xff000000, 4],
    ["load", 0xff000002, 1],
    ["load", 0xff00fffc, 2],
    ...icw(0x20, 0x20, 4),
    ...icw(0xa0, 0x28, 2),
    ["out", 0x21, 0xff],
    ["out", 0xa1, 0xff],
    ["out", 0x4d1, 0x0c],
    ["out", 0x2005, 1],
    ["out", 0x200b, 1],
    ["out", 0x20, 0x0a],
    ["out", 0xa0, 0x0a],
    ["in", 0x20, 1, 0x20],
    ["in", 0xa0, 1, 0x08],
    ["out", 0x200b, 0],
    ["in", 0xa0, 1, 0x08],
    ["out", 0x2005, 0],
  ],
  "8237A: addresses and counts byte by byte, flip-flop, pages": [
    ...[0x0c, 0xd8].map((port): Access => ["out", port, 0]),
    ...[0, 1, 4, 5, 6, 7, 0xc4, 0xc6, 0xcc, 0xce].flatMap((port, i): Access[] => [
      ["out", port, 0x12 + i],
      ["out", port, 0xa5 - i],
      ["in", port],
      ["in", port],
    ]),
    // Half a word, which QEMU 7.2 shows when the other half has come; then the flip-flop says which half comes next.
    ["out", 4, 0x77],
    ["in", 4],
    ["out", 0x0c, 0],
    ["in", 4, 1, 0],
    ["in", 5],
    ["out", 0x0c, 0],
    ...[0x81, 0x82, 0x83, 0x87, 0x89, 0x8a, 0x8b, 0x8f].flatMap((port, i): Access[] => [
      ["out", port, 0x31 + i],
      ["in", port],
    ]),
    ...[0x81, 0x82, 0x83, 0x87, 0x89, 0x8a, 0x8b, 0x8f].map((port): Access => ["in", port]),
    ...[0x84, 0x85, 0x86, 0x88, 0x8c, 0x8d, 0x8e].map((port): Access => ["in", port]),
  ],
  // There are four masks; QEMU 7.2 keeps eight bits.
  "8237A: masks, status, master clear": [
    ["out", 0x0d, 0],
    ["in", 0x09, 1, 0x0f],
    ["in", 0x08],
    ["out", 0x0a, 2],
    ["in", 0x09, 1, 0x0f],
    ["out", 0x0f, 5],
    ["in", 0x09, 1, 0x0f],
    ["out", 0x0a, 7],
    ["in", 0x09, 1, 0x0f],
    ["out", 0x0e, 0],
    ["in", 0x09, 1, 0x0f],
    ["out", 0x0f, 0x0f],
    ["out", 0xd4, 5],
    ["in", 0xd2, 1, 0x0f],
    ["in", 0xd0],
    ["out", 0xda, 0],
    ["in", 0xd2, 1, 0x0f],
    ["out", 0xd4, 0],
    ["in", 0xd2, 1, 0x0f],
    ...[0x0b, 0x0c, 0x0d, 0x0e, 0x0f].map((port): Access => ["in", port]),
  ],
  "nobody's ports float": [
    ["in", 0x2f8],
    ["in", 0x1234, 2],
    ["in", 0x1234, 4],
    ["in", 0xe9],
  ],
  "system control port A": [
    ["in", 0x92],
    ["out", 0x92, 0x02],
    ["in", 0x92],
    ["in", 0xcf9],
    ["out", 0xcf9, 0x02],
    ["in", 0xcf9],
  ],
};

describe("the board reads as QEMU's q35 does", () => {
  const guest = busGuest();
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, () => {
      const reads = script.filter((a) => a[0] === "in" || a[0] === "load");
      const shown = (value: string, i: number): string => {
        const bits = (Number.parseInt(value, 16) & (reads[i]?.[3] ?? -1)) >>> 0;
        return `${reads[i]} ${bits.toString(16)}`;
      };
      const oracle = runOnQemu(guest, [encodeScript(script)], EXTRA)
        .debugcon.trim()
        .split("\n");
      const { board } = bareBoard([...ALL_DEVICES, { kind: "pc-testdev" }]);
      leaveAsFirmwareDoes(board);
      const ours = runOnBoard(board, script);
      expect(ours.map(shown)).toEqual((reads.length === 0 ? [] : oracle).map(shown));
    });
  }
});
