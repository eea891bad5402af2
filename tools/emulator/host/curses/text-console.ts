// A console of its own for a character device, QEMU's `vc`: what a serial port or the monitor sends, as a terminal
// (xterm) shows it, while the real one shows it or something else.

import headless, { type IBufferCell } from "@xterm/headless";
import type { Sink } from "../output.ts";
import { type Frame, PLAIN } from "./terminal-screen.ts";
import type { Keypress } from "./typed-keys.ts";

/** Lines that can be scrolled back to. */
const SCROLLBACK = 1000;
const FLUSH_BYTES = 4096;

/** SGR parameters of a colour: the first eight, their bright ones, the palette of 256, RGB. */
function colour(cell: IBufferCell, which: "Fg" | "Bg"): string {
  const base = which === "Fg" ? 30 : 40;
  const value = which === "Fg" ? cell.getFgColor() : cell.getBgColor();
  const isRgb = which === "Fg" ? cell.isFgRGB() : cell.isBgRGB();
  const isPalette = which === "Fg" ? cell.isFgPalette() : cell.isBgPalette();
  if (isRgb) return `;${base + 8};2;${value >> 16};${(value >> 8) & 255};${value & 255}`;
  if (!isPalette) return "";
  if (value < 8) return `;${base + value}`;
  return value < 16 ? `;${base + 60 + value - 8}` : `;${base + 8};5;${value}`;
}

function styleOf(cell: IBufferCell): string {
  const flags = [
    ...[cell.isBold(), cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isBlink(), 0],
    ...[cell.isInverse(), cell.isInvisible(), cell.isStrikethrough()],
  ];
  const set = flags.map((on, i) => (on ? `;${i + 1}` : "")).join("");
  return `${PLAIN}${set}${colour(cell, "Fg")}${colour(cell, "Bg")}`;
}

export class TextConsole implements Sink {
  readonly #terminal = new headless.Terminal({
    scrollback: SCROLLBACK,
    convertEol: true,
    allowProposedApi: true,
  });
  readonly #buffer = new Uint8Array(FLUSH_BYTES);
  #used = 0;
  /** What is typed, and what the terminal answers when it is asked. */
  onBytes: (bytes: Uint8Array) => void = () => {};

  constructor(title: string) {
    this.#terminal.onData((text) => this.#type(text));
    this.text(`${title} console\r\n`);
  }

  #type(text: string): void {
    this.onBytes(new TextEncoder().encode(text));
  }

  write(byte: number): void {
    this.#buffer[this.#used++] = byte;
    if (this.#used === FLUSH_BYTES) this.flush();
  }

  text(text: string): void {
    this.flush();
    this.#terminal.write(text);
  }

  flush(): void {
    if (this.#used > 0) this.#terminal.write(this.#buffer.slice(0, this.#used));
    this.#used = 0;
  }

  /** A key: Ctrl or Shift with Page Up and Page Down scroll, whatever else goes to the other side. */
  key({ name, sequence, ctrl, shift }: Keypress): void {
    const pages = name === "pageup" ? -1 : name === "pagedown" ? 1 : 0;
    if (pages !== 0 && (ctrl || shift)) {
      this.#terminal.scrollPages(pages);
      return;
    }
    this.#terminal.scrollToBottom();
    this.#type(sequence);
  }

  /** What a terminal of `columns` × `rows` shows of it. */
  frame(columns: number, rows: number): Frame {
    const terminal = this.#terminal;
    if (terminal.cols !== columns || terminal.rows !== rows) terminal.resize(columns, rows);
    const { active } = terminal.buffer;
    const texts = new Array<string>(columns * rows).fill(" ");
    const styles = new Array<string>(columns * rows).fill(PLAIN);
    const cell = active.getNullCell();
    for (let y = 0; y < rows; y++) {
      const line = active.getLine(active.viewportY + y);
      for (let x = 0; x < columns; x++) {
        if (line?.getCell(x, cell) === undefined) continue;
        const at = y * columns + x;
        texts[at] = cell.getWidth() === 0 ? "" : cell.getChars() || " ";
        styles[at] = styleOf(cell);
      }
    }
    const column = Math.min(active.cursorX, columns - 1);
    const isAtEnd = active.viewportY === active.baseY;
    return {
      columns,
      rows,
      texts,
      styles,
      cursor: isAtEnd ? { column, row: active.cursorY } : undefined,
    };
  }
}
