// The BIOS ROM: reset vector, and the entry points of the code that rom-source.ts assembles. Their layout follows
// the IBM PC (interrupt vectors: IBM PC/AT technical reference, section 5).

import { GLYPH_LINES, textFont } from "../../../screen/font.ts";
import { BIOS_SEGMENT } from "../memory-map.ts";
import { ROM_CODE, ROM_LABELS } from "./rom-code.ts";

/** Where stubs write the number of the service they want. */
export const SERVICE_PORT = 0xb5;
/** Services that are no interrupt. */
export const SERVICE_POWER_ON = 0xff;
export const SERVICE_BOOT_FAILED = 0xfe;

const ROM_BYTES = 0x10000;
/** Code is placed here in the segment, behind which firmware tables have room. */
export const CODE = 0xe000;
const RESET = 0xfff0;

/** The ROM's segment. */
export const BIOS_CODE = BIOS_SEGMENT >> 4;
/** Where the PC/AT's BIOS has its tables, which programs expect there. */
export const CONFIGURATION_TABLE = 0xe6f5;
export const DISKETTE_PARAMETERS = 0xefc7;

/** Offsets of the fonts: 16, 14 and 8 lines, the upper half of the last, and a table without alternatives. */
export const FONTS = {
  of16: 0xc000,
  of14: 0xd000,
  none: 0xde00,
  of8: 0xb000,
  upper8: 0xb400,
} as const;
/** The lower half of the 8-line font where the PC/AT has it. */
const PC_FONT = 0xfa6e;
/** INT 10h, AH=1Bh: what the video BIOS can do; and the name that VBE gives its maker. */
export const FUNCTIONALITY_TABLE = 0xde10;
export const VIDEO_MAKER = 0xde40;
export const VIDEO_MAKER_NAME = "Trihedron";

/** Modes 0–13h, scan lines 200, 350, 400; two fonts of eight; all palette, cursor and state services. */
const FUNCTIONALITY = [0xff, 0xe0, 0x0f, 0, 0, 0, 0, 7, 2, 8, 0xff, 0x0e, 0, 0, 0, 0] as const;

/**
 * INT 15h, AH=C0h: 8 bytes follow; model FCh, submodel 0, revision 1; second 8259A, clock, INT 15h AH=4Fh and
 * extended data area; INT 16h AH=09h.
 */
const CONFIGURATION = [8, 0, 0xfc, 0, 1, 0x74, 0x40, 0, 0, 0] as const;
/** INT 1Eh: step rate, motor and gap times of a 1.44 MB drive (IBM PC/AT technical reference, "DISK_BASE"). */
const DISKETTE = [0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08] as const;

/** Interrupts that a service answers. */
export const SERVED = [
  0x09, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a,
] as const;
/** Hardware interrupts without a handler of their own: acknowledged at one or both 8259A. */
const MASTER_IRQS = [0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f] as const;
const SLAVE_IRQS = [0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77] as const;

export interface Rom {
  /** The 64 KiB at 0xF0000. */
  bytes: Uint8Array;
  /** Offset in segment 0xF000 of each interrupt's handler, by vector; the rest have `idle`. */
  vectors: Map<number, number>;
  /** A handler that returns at once. */
  idle: number;
}

/** Puts the ROM together. */
export function buildRom(): Rom {
  const bytes = new Uint8Array(ROM_BYTES);
  for (let i = 0; i < ROM_CODE.length; i += 2) {
    bytes[CODE + i / 2] = Number.parseInt(ROM_CODE.slice(i, i + 2), 16);
  }
  const at = (label: string): number => ROM_LABELS[label] as number;
  // JMP FAR F000:power_on, then the date a BIOS carries and the model byte of an AT.
  const entry = at("power_on");
  bytes.set([0xea, entry & 0xff, entry >> 8, BIOS_CODE & 0xff, BIOS_CODE >> 8], RESET);
  bytes.set(new TextEncoder().encode("01/01/26"), RESET + 5);
  bytes[ROM_BYTES - 2] = 0xfc;
  bytes.set(CONFIGURATION, CONFIGURATION_TABLE);
  bytes.set(DISKETTE, DISKETTE_PARAMETERS);
  bytes.set(FUNCTIONALITY, FUNCTIONALITY_TABLE);
  bytes.set(new TextEncoder().encode(`${VIDEO_MAKER_NAME}\0`), VIDEO_MAKER);
  const font = textFont();
  for (let code = 0; code < 256; code++) {
    const glyph = font.subarray(code * GLYPH_LINES, (code + 1) * GLYPH_LINES);
    bytes.set(glyph, FONTS.of16 + code * GLYPH_LINES);
    bytes.set(glyph.subarray(1, -1), FONTS.of14 + code * (GLYPH_LINES - 2));
    for (let y = 0; y < GLYPH_LINES / 2; y++) {
      const line = (glyph[2 * y] as number) | (glyph[2 * y + 1] as number);
      bytes[FONTS.of8 + code * (GLYPH_LINES / 2) + y] = line;
    }
  }
  bytes.copyWithin(PC_FONT, FONTS.of8, FONTS.upper8);
  const vectors = new Map<number, number>([
    [0x08, at("int_8")],
    [0x70, at("int_70")],
    // A table, not a handler.
    [0x1e, DISKETTE_PARAMETERS],
    // Where hard disk BIOSes keep the handler for floppies.
    [0x40, at("int_13")],
    ...SERVED.map((v): [number, number] => [v, at(`int_${v.toString(16)}`)]),
    ...MASTER_IRQS.map((v): [number, number] => [v, at("master_irq")]),
    ...SLAVE_IRQS.map((v): [number, number] => [v, at("slave_irq")]),
  ]);
  return { bytes, vectors, idle: at("idle") };
}

/** Interrupt vector table, 256 far pointers; vectors 60h–66h are the user's and empty. */
export function vectorTable(rom: Rom): Uint8Array {
  const table = new Uint8Array(1024);
  const view = new DataView(table.buffer);
  for (let v = 0; v < 256; v++) {
    if (v >= 0x60 && v <= 0x66) continue;
    view.setUint16(v * 4, rom.vectors.get(v) ?? rom.idle, true);
    view.setUint16(v * 4 + 2, BIOS_CODE, true);
  }
  return table;
}
