// A guest with a screen of 32 bits a pixel that changes all the time, for what showing it costs.

import { ax, bl, byte, dx, eax, ebx, ecx, edi, esi } from "../../../asm/index.ts";
import { GLYPH_LINES, textFont } from "../../../screen/font.ts";
import { guest } from "../../platform/testdata/guest.ts";

/** Bochs' display registers (QEMU, docs/specs/standard-vga): index and data port, and their numbers. */
const DISPI_INDEX = 0x1ce;
const DISPI_DATA = 0x1cf;
const DISPI = { width: 1, height: 2, bits: 3, enable: 4, bank: 5, yOffset: 9 } as const;
const LINEAR = 0x41;
const FRAMEBUFFER = 0xfd00_0000;
const PIXEL_BYTES = 4;
/** Lines below the screen, by which the picture moves: so many that two looks seldom find it at the same place. */
const SPARE_LINES = 61;
/** Rounds of what the guest computes between two pictures: some milliseconds. */
const ROUNDS = 200_000;

export interface Mode {
  width: number;
  height: number;
}

/** How it draws: by writing every pixel, by showing another part of video memory, or not at all. */
export type Drawing = "pixels" | "lines" | "text" | "gradient" | "noise" | "nothing";

/** Lines full of characters, as bits: a byte for eight pixels, the leftmost in the highest bit. */
function textBits(width: number, height: number): Uint8Array {
  const font = textFont();
  const columns = width / 8;
  return Uint8Array.from({ length: columns * height }, (_, at) => {
    const [x, y] = [at % columns, Math.floor(at / columns)];
    const line = Math.floor(y / GLYPH_LINES);
    const character = 0x21 + ((x * 7 + line * 31) % 0x5e);
    return font[character * GLYPH_LINES + (y % GLYPH_LINES)] as number;
  });
}

/**
 * Draws for ever; between two pictures that it need not write it computes. A picture is lines of one colour, white text on
 * black, a gradient without two equal pixels beside or above each other, or noise.
 */
export function drawingGuest({ width, height }: Mode, drawing: Drawing): Uint8Array {
  return guest((a) => {
    const dispi = (name: keyof typeof DISPI, value: number): void => {
      a.mov(dx, DISPI_INDEX).mov(ax, DISPI[name]).out(dx, ax);
      a.mov(dx, DISPI_DATA).mov(ax, value).out(dx, ax);
    };
    dispi("width", width);
    dispi("height", height);
    dispi("bits", 32);
    dispi("enable", LINEAR);
    a.cld();
    a.mov(edi, FRAMEBUFFER).xor(eax, eax);
    if (drawing === "noise") {
      // The upper bits of a linear congruential generator (Numerical Recipes, 7.1).
      a.mov(ecx, width * (height + SPARE_LINES));
      const pixel = a.label();
      a.imul(ebx, ebx, 1664525).add(ebx, 1013904223).mov(eax, ebx).shr(eax, 8);
      a.stosd().dec(ecx).jnz(pixel);
    } else if (drawing === "gradient") {
      a.mov(ebx, height + SPARE_LINES).xor(esi, esi);
      const line = a.label();
      a.mov(ecx, width).mov(eax, esi);
      const pixel = a.label();
      a.stosd().add(eax, 0x010101).dec(ecx).jnz(pixel);
      a.add(esi, 0x030205).dec(ebx).jnz(line);
    } else if (drawing === "text") {
      a.mov(esi, "text").mov(ecx, (width / 8) * (height + SPARE_LINES));
      const eight = a.label();
      a.mov(bl, byte(esi)).inc(esi);
      // The highest bit becomes a pixel of zeros or ones.
      for (let bit = 0; bit < 8; bit++) a.shl(bl, 1).sbb(eax, eax).stosd();
      a.dec(ecx).jnz(eight);
    } else {
      // No two lines near each other have the same colour, so that moving changes every pixel.
      a.mov(ebx, height + SPARE_LINES);
      const line = a.label();
      a.mov(ecx, width).rep.stosd().add(eax, 0x07050b).dec(ebx).jnz(line);
    }
    a.label("again");
    for (let shown = 0; shown < SPARE_LINES; shown++) {
      if (drawing === "pixels") {
        a.mov(edi, FRAMEBUFFER).mov(ecx, (width * height * PIXEL_BYTES) / 4);
        a.add(eax, 0x010203).rep.stosd();
        continue;
      }
      // The bank means nothing in linear modes.
      dispi(drawing === "nothing" ? "bank" : "yOffset", shown);
      a.mov(ecx, ROUNDS);
      const next = a.label();
      a.add(ebx, ecx).imul(ebx, ebx, 3).xor(ebx, esi).dec(ecx).jnz(next);
    }
    a.jmp("again");
    if (drawing !== "text") return;
    a.label("text");
    a.db(textBits(width, height + SPARE_LINES));
  });
}
