// The guest's VGA text screen as a terminal shows it: code page 437 in Unicode, the sixteen colours as ANSI's (ECMA-48
// SGR 30–37, 40–47 and their bright ones 90–97, 100–107). Of a screen that is larger than the terminal the part around
// the cursor shows; a smaller one is in the middle. Graphics modes are told in words, as QEMU tells them.

import { CODE_PAGE_437 } from "../../../screen/font.ts";
import type { Scanout, TextScreen } from "../../devices/vga-scanout.ts";
import { type Frame, PLAIN } from "./terminal-screen.ts";

/** What a display adapter shows when it shows no text. */
export type OtherMode = Pick<Scanout, "kind" | "width" | "height">;

/** Characters by their code; what is blank in the code page is a space. */
const CHARACTERS = [...CODE_PAGE_437].map((c) => (c === "\u00a0" ? " " : c));

/** The VGA's colours as they are after a mode is set, 0xRRGGBB, in the order of attributes. */
const USUAL = Array.from({ length: 16 }, (_, i) => {
  if (i === 6) return 0xaa5500;
  const base = i & 8 ? 0x55 : 0;
  const part = (bit: number): number => base + (i & bit ? 0xaa : 0);
  return (part(4) << 16) | (part(2) << 8) | part(1);
});

/** ANSI has red in bit 0 and blue in bit 2, attributes the other way round. */
const ansi = (colour: number): number =>
  (colour & 8) | (colour & 2) | ((colour & 1) << 2) | ((colour >> 2) & 1);

function distance(a: number, b: number): number {
  let sum = 0;
  for (const shift of [0, 8, 16]) sum += (((a >> shift) & 255) - ((b >> shift) & 255)) ** 2;
  return sum;
}

/** Which of the usual colours is the nearest one. */
function nearestUsual(rgb: number): number {
  let best = 0;
  for (let i = 1; i < USUAL.length; i++) {
    if (distance(rgb, USUAL[i] as number) < distance(rgb, USUAL[best] as number)) best = i;
  }
  return best;
}

/** SGR parameters of all attributes. */
function stylesOf({ palette, blink }: TextScreen): string[] {
  const colours = palette.map((rgb) => ansi(nearestUsual(rgb)));
  return Array.from({ length: 256 }, (_, attribute) => {
    const front = colours[attribute & 15] as number;
    const back = colours[(attribute >> 4) & (blink ? 7 : 15)] as number;
    const sgr = (colour: number, base: number): number =>
      base + (colour & 7) + (colour & 8 ? 60 : 0);
    const blinks = blink && attribute >= 0x80 ? ";5" : "";
    return `0;${sgr(front, 30)};${sgr(back, 40)}${blinks}`;
  });
}

/** QEMU's colours for what is no text of the guest's. */
const TOLD = "0;1;34;40";

/** The first of `shown` places of `all` so that `point` is among them, as near to `before` as can be. */
function scrolled(before: number, point: number | undefined, all: number, shown: number): number {
  const inside = Math.max(0, Math.min(before, all - shown));
  if (point === undefined) return inside;
  return Math.max(Math.min(inside, point), point - shown + 1);
}

export class GuestScreen {
  /** The cell of the guest's screen in the terminal's upper left corner, where it does not all fit. */
  #column = 0;
  #row = 0;

  /** What a terminal of `columns` × `rows` shows of `screen`. */
  frame(screen: TextScreen | OtherMode, columns: number, rows: number): Frame {
    return "cells" in screen ? this.#text(screen, columns, rows) : told(screen, columns, rows);
  }

  #text(screen: TextScreen, columns: number, rows: number): Frame {
    const [width, height] = [Math.min(columns, screen.columns), Math.min(rows, screen.rows)];
    const { cursor } = screen;
    this.#column = scrolled(this.#column, cursor?.column, screen.columns, width);
    this.#row = scrolled(this.#row, cursor?.row, screen.rows, height);
    const left = Math.floor((columns - width) / 2);
    const top = Math.floor((rows - height) / 2);
    const texts = new Array<string>(columns * rows).fill(" ");
    const styles = new Array<string>(columns * rows).fill(PLAIN);
    const byAttribute = stylesOf(screen);
    for (let y = 0; y < height; y++) {
      let from = ((this.#row + y) * screen.columns + this.#column) * 2;
      let to = (top + y) * columns + left;
      for (let x = 0; x < width; x++, from += 2, to++) {
        texts[to] = CHARACTERS[screen.cells[from] as number] as string;
        styles[to] = byAttribute[screen.cells[from + 1] as number] as string;
      }
    }
    const shown = cursor && {
      column: left + cursor.column - this.#column,
      row: top + cursor.row - this.#row,
    };
    return { columns, rows, texts, styles, cursor: shown };
  }
}

function told({ kind, width, height }: OtherMode, columns: number, rows: number): Frame {
  const words = kind === "blank" ? "VGA Blank mode" : `${width} x ${height} Graphic mode`;
  const texts = new Array<string>(columns * rows).fill(" ");
  const styles = new Array<string>(columns * rows).fill(PLAIN);
  const row = Math.floor((rows - 1) / 2);
  const left = Math.max(0, Math.floor((columns - words.length) / 2));
  for (let x = 0; x < Math.min(words.length, columns); x++) {
    texts[row * columns + left + x] = words[x] as string;
    styles[row * columns + left + x] = TOLD;
  }
  return { columns, rows, texts, styles };
}
