// Frames as a terminal emulator that we did not write shows them: random screens of the guest, and random output of
// whoever is at a console, on terminals that change their size.

import headless, { type Terminal } from "@xterm/headless";
import { expect, test } from "vitest";
import { CODE_PAGE_437 } from "../../../screen/font.ts";
import { cellAt } from "../../../testing/pty.ts";
import type { TextScreen } from "../../devices/vga-scanout.ts";
import { random } from "../../platform/testdata/random-accesses.ts";
import { GuestScreen } from "./guest-screen.ts";
import { TerminalScreen } from "./terminal-screen.ts";
import { TextConsole } from "./text-console.ts";

const settled = (terminal: Terminal): Promise<void> =>
  new Promise((resolve) => terminal.write("", resolve));

function terminalOf(columns: number, rows: number) {
  const terminal = new headless.Terminal({ cols: columns, rows, allowProposedApi: true });
  const written = { bytes: 0 };
  const screen = new TerminalScreen((text) => {
    written.bytes += text.length;
    terminal.write(text);
  });
  screen.enter();
  return { terminal, screen, written };
}

/** The sixteen colours as the VGA's palette has them after a mode is set: six bits each, widened. */
const PALETTE = [
  ...[0x000000, 0x0000a8, 0x00a800, 0x00a8a8, 0xa80000, 0xa800a8, 0xa85700, 0xa8a8a8],
  ...[0x575757, 0x5757ff, 0x57ff57, 0x57ffff, 0xff5757, 0xff57ff, 0xffff57, 0xffffff],
];

const CHARACTERS = [...CODE_PAGE_437].map((c) => c.replace("\u00a0", " "));

/** Bits 0 and 2 of a colour change places between VGA and ANSI. */
const ansi = [0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15];

test("random text screens of any size on random terminals: each cell has its character and colours", async () => {
  const next = random(7);
  const pick = (n: number): number => next() % n;
  const { terminal, screen } = terminalOf(80, 25);
  const view = new GuestScreen();
  let text: TextScreen | undefined;
  for (let round = 0; round < 120; round++) {
    if (text === undefined || pick(6) === 0) {
      const [columns, rows] = [
        [40, 80, 80, 132][pick(4)] as number,
        [25, 25, 50, 60][pick(4)] as number,
      ];
      const cells = Uint8Array.from({ length: columns * rows * 2 }, () => pick(256));
      text = { columns, rows, cells, blink: pick(2) === 0, palette: PALETTE };
    }
    for (let i = pick(40); i > 0; i--) text.cells[pick(text.cells.length)] = pick(256);
    const cursor = { column: pick(text.columns), row: pick(text.rows), first: 0, last: 1 };
    text = { ...text, cursor: pick(4) === 0 ? undefined : cursor };
    if (pick(4) === 0) terminal.resize(1 + pick(140), 1 + pick(70));
    const { cols, rows } = terminal;
    screen.show(view.frame(text, cols, rows));
    await settled(terminal);
    const [width, height] = [Math.min(cols, text.columns), Math.min(rows, text.rows)];
    const [left, top] = [Math.floor((cols - width) / 2), Math.floor((rows - height) / 2)];
    const { active } = terminal.buffer;
    // Where the screen is cut off, the cursor says which part of it shows.
    const isWhole = width === text.columns && height === text.rows;
    if (!isWhole && text.cursor === undefined) continue;
    const shiftX = isWhole ? 0 : cursor.column - (active.cursorX - left);
    const shiftY = isWhole ? 0 : cursor.row - (active.cursorY - top);
    expect([shiftX >= 0, shiftX + width <= text.columns]).toEqual([true, true]);
    expect([shiftY >= 0, shiftY + height <= text.rows]).toEqual([true, true]);
    if (text.cursor !== undefined) {
      const place = [active.cursorX, active.cursorY];
      expect(place).toEqual([left + cursor.column - shiftX, top + cursor.row - shiftY]);
    }
    const wrong: string[] = [];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = ((y + shiftY) * text.columns + x + shiftX) * 2;
        const [code, attribute] = [text.cells[at] as number, text.cells[at + 1] as number];
        const cell = cellAt(terminal, left + x, top + y);
        const back = ansi[(attribute >> 4) & (text.blink ? 7 : 15)];
        const blink = text.blink && attribute >= 0x80;
        const wanted = {
          text: CHARACTERS[code],
          front: ansi[attribute & 15],
          back,
          bold: false,
          blink,
        };
        if (JSON.stringify(cell) !== JSON.stringify(wanted)) wrong.push(`${x},${y} of ${round}`);
      }
    }
    expect(wrong).toEqual([]);
  }
});

test("a frame that has not changed costs nothing, and a cell its place and itself", async () => {
  const { screen, written } = terminalOf(80, 25);
  const view = new GuestScreen();
  const cells = new Uint8Array(4000).fill(7);
  const text: TextScreen = { columns: 80, rows: 25, cells, blink: true, palette: PALETTE };
  screen.show(view.frame(text, 80, 25));
  written.bytes = 0;
  screen.show(view.frame(text, 80, 25));
  expect(written.bytes).toBe(0);
  cells[2 * 85] = 0x41;
  screen.show(view.frame(text, 80, 25));
  expect(written.bytes).toBe("\x1b[2;6HA".length);
});

test("colours follow the guest's palette", async () => {
  const { terminal, screen } = terminalOf(80, 25);
  const cells = new Uint8Array(4000).fill(0x1f);
  const palette = PALETTE.map((_, i) => (i === 15 ? 0x00f0f0 : i === 1 ? 0x101010 : 0xffffff));
  const text: TextScreen = { columns: 80, rows: 25, cells, blink: true, palette };
  screen.show(new GuestScreen().frame(text, 80, 25));
  await settled(terminal);
  expect(cellAt(terminal, 3, 3)).toMatchObject({ front: 14, back: 0 });
});

test("graphics modes are told in words", async () => {
  const { terminal, screen } = terminalOf(80, 24);
  screen.show(new GuestScreen().frame({ kind: "graphics", width: 1024, height: 768 }, 80, 24));
  await settled(terminal);
  const row = terminal.buffer.active.getLine(11)?.translateToString(true);
  expect(row?.trim()).toBe("1024 x 768 Graphic mode");
  screen.show(new GuestScreen().frame({ kind: "graphics", width: 1024, height: 768 }, 5, 1));
});

test("a console shows what a terminal shows that is given the same, wide characters and colours too", async () => {
  const next = random(11);
  const pick = (n: number): number => next() % n;
  const pieces = [
    ...["a", "Z", "é", "漢", "字", "─", "😀", "e\u0301", "\r\n", "\n", "\r", "\b", "\t", "\x1b[K"],
    ...["\x1b[31m", "\x1b[0m", "\x1b[1;44m", "\x1b[38;5;200m", "\x1b[48;2;1;2;3m", "\x1b[7m"],
    ...[
      "\x1b[H",
      "\x1b[5;9H",
      "\x1b[2J",
      "\x1b[L",
      "\x1b[M",
      "\x1b[3@",
      "\x1b[P",
      "\xff",
      "\x1b]0;title\x07",
    ],
    ...["\x1bP broken", "\x1b\\", "\x1b[?25l", "\x1b[9999;9999H", "\x1b[3S"],
  ];
  const { terminal, screen } = terminalOf(40, 12);
  const wanted = new headless.Terminal({
    cols: 40,
    rows: 12,
    convertEol: true,
    allowProposedApi: true,
  });
  const console = new TextConsole("serial0");
  console.frame(40, 12);
  wanted.write("serial0 console\r\n");
  for (let round = 0; round < 60; round++) {
    const text = Array.from({ length: 1 + pick(60) }, () => pieces[pick(pieces.length)]).join("");
    for (const byte of new TextEncoder().encode(text)) console.write(byte);
    console.flush();
    await new Promise<void>((resolve) => wanted.write(text, resolve));
    await new Promise((resolve) => setTimeout(resolve, 1));
    screen.show(console.frame(40, 12));
    await settled(terminal);
    const rows = (one: Terminal): string[] =>
      Array.from({ length: 12 }, (_, y) => {
        const { active } = one.buffer;
        return active.getLine(active.viewportY + y)?.translateToString(false) ?? "";
      });
    expect(rows(terminal)).toEqual(rows(wanted));
    for (let i = 0; i < 480; i++) {
      const [x, y] = [i % 40, Math.floor(i / 40)];
      expect(cellAt(terminal, x, y)).toEqual(cellAt(wanted, x, y));
    }
  }
});
