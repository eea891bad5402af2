// Scripts of accesses to the two channels of the PIIX3's IDE function, by PIO and by bus master DMA.

import type { Access } from "../../../platform/testdata/bus-guest.ts";
import { DATA, LIST, pciWrite, store } from "./script.ts";

export const PRIMARY = 0x1f0;
export const SECONDARY = 0x170;
export const controlOf = (base: number): number => base + 0x206;
export const MASTER = 0xc000;
export const masterOf = (base: number): number => MASTER + (base === PRIMARY ? 0 : 8);
/** The status without what a busy device shows: by the manual nothing else is valid then. */
export const ready = (base: number): Access => ["until-port-clear", controlOf(base), 0x80];
export const registers = (base: number): Access[] =>
  [1, 2, 3, 4, 5, 6, 7].map((offset): Access => ["in", base + offset]);
/** Of a command that has ended: status, alternate status, error. */
export const outcome = (base: number): Access[] => [
  ["in", controlOf(base)],
  ["in", base + 7],
  ["in", base + 1],
];

export interface Fields {
  base?: number;
  features?: number;
  count?: number;
  lba?: number;
  device?: number;
  extended?: boolean;
}

export function command(opcode: number, f: Fields = {}): Access[] {
  const { base = PRIMARY, features = 0, count = 0, lba = 0, device = 0x40, extended = false } = f;
  const out = (offset: number, value: number): Access => ["out", base + offset, value & 0xff];
  const high = extended ? [out(2, count >> 8), out(3, lba >>> 24), out(4, 0), out(5, 0)] : [];
  const head = extended || !(device & 0x40) ? 0 : lba >>> 24;
  return [
    out(6, device | head),
    out(1, features),
    ...high,
    out(2, count),
    out(3, lba),
    out(4, lba >> 8),
    out(5, lba >> 16),
    out(7, opcode),
    ready(base),
  ];
}

export const readWords = (base: number, bytes: number): Access[] =>
  Array.from({ length: bytes / 2 }, (): Access => ["in", base, 2]);
export const readDwords = (base: number, bytes: number, mask?: number): Access[] =>
  Array.from({ length: bytes / 4 }, (): Access => ["in", base, 4, mask]);

/** The controller's function is where the board has it, its bus master registers at `MASTER`. */
export const begin = (): Access[] => [
  ...pciWrite(1, 1, 4, 5, 2),
  ...pciWrite(1, 1, 0x20, MASTER | 1),
  ...[PRIMARY, SECONDARY].flatMap((base): Access[] => [
    ["out", base + 6, 0],
    ["out", controlOf(base), 0x06],
    ["in", 0x80, 1, 0],
    ["out", controlOf(base), 0x02],
    // Device 0 is selected by a reset, in QEMU 7.2 whichever was before.
    ["out", base + 6, 0],
    ready(base),
  ]),
];

/** A table of regions at `LIST` for `DATA`. */
export const regions = (...bytes: readonly number[]): Access[] => {
  let at = DATA;
  return bytes.flatMap((n, i) => {
    const here = at;
    at += n;
    const last = i === bytes.length - 1 ? 0x8000_0000 : 0;
    return [store(LIST + i * 8, here), store(LIST + i * 8 + 4, ((n & 0xffff) | last) >>> 0)];
  });
};

/** By DMA: prepared, issued, started, waited for. */
export const byDma = (opcode: number, toMemory: boolean, f: Fields): Access[] => {
  const master = masterOf(f.base ?? PRIMARY);
  return [
    ["out", master, 0],
    ["out", master + 4, LIST, 4],
    ["out", master + 2, 0x66],
    ["out", master, toMemory ? 8 : 0],
    ...command(opcode, f),
    ["out", master, toMemory ? 9 : 1],
    ["until-port-clear", controlOf(f.base ?? PRIMARY), 0x88],
    ["in", master],
    // Whether the function is active goes with the size of the table.
    ["in", master + 2, 1, 0xfe],
    ["out", master, 0],
    ["in", master + 2],
    ...outcome(f.base ?? PRIMARY),
  ];
};

/** The packet of a command by PIO, with a byte count for blocks. */
export const packet = (bytes: readonly number[], limit: number): Access[] => {
  const whole = [...bytes, ...new Array(12 - bytes.length).fill(0)] as number[];
  return [
    ...command(0xa0, { base: SECONDARY, lba: limit << 8, device: 0 }),
    ["in", controlOf(SECONDARY)],
    ["in", SECONDARY + 2, 1, 7],
    ...Array.from(
      { length: 6 },
      (_, i): Access => [
        "out",
        SECONDARY,
        (whole[2 * i] as number) | ((whole[2 * i + 1] as number) << 8),
        2,
      ],
    ),
    ready(SECONDARY),
  ];
};
