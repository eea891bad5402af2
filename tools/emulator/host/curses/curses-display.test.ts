// -display curses on a pseudo terminal, read by a terminal emulator: what it shows is the guest's screen, beside QEMU's
// own curses display as well; what is typed arrives; the terminal is as it was afterwards, however the run ends.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Assembler, al, bl, byte, eax, ebx, ecx, edi, word } from "../../../asm/index.ts";
import { CODE_PAGE_437 } from "../../../screen/font.ts";
import { QEMU } from "../../../testing/host-tools.ts";
import { hasPty, Pty, type PtyCell } from "../../../testing/pty.ts";
import { guest, outb, print } from "../../platform/testdata/guest.ts";
import { parseArguments } from "../cli-options.ts";
import { builtCore } from "../core.ts";

const emu = fileURLToPath(new URL("../../../bin/emu", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "emu-curses-"));
const open: Pty[] = [];
beforeAll(async () => {
  await builtCore();
});
afterEach(() => {
  for (const pty of open.splice(0)) pty.kill();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function kernel(name: string, body: (a: Assembler) => void): string {
  const path = join(folder, name);
  writeFileSync(path, guest(body));
  return path;
}

const ATTRIBUTE_STEP = 37;
const CURSOR = { column: 7, row: 13 };

/** Every character, every attribute: cell n has character n and attribute 37 n, in 25 rows; then the guest waits. */
const allCells = kernel("cells", (a) => {
  a.mov(edi, 0xb8000).mov(ecx, 2000).xor(ebx, ebx);
  a.label("cell");
  a.mov(al, bl).mov(byte(edi), al);
  a.imul(eax, ebx, ATTRIBUTE_STEP);
  a.mov(byte(edi, { disp: 1 }), al)
    .inc(edi)
    .inc(edi)
    .inc(ebx)
    .dec(ecx)
    .jnz("cell");
  const at = CURSOR.row * 80 + CURSOR.column;
  for (const [register, value] of [
    [10, 14],
    [11, 15],
    [14, at >> 8],
    [15, at & 255],
  ] as const) {
    outb(a, 0x3d4, register);
    outb(a, 0x3d5, value);
  }
  a.label("for_ever");
  a.pause().jmp("for_ever");
});

/** Shows scan codes of the keyboard as two digits each, from the upper left corner on; "q" (10) switches off. */
const showsKeys = kernel("keys", (a) => {
  a.mov(edi, 0xb8000).mov(ecx, 2000);
  a.label("clear");
  a.mov(word(edi), 0x0720).inc(edi).inc(edi).dec(ecx).jnz("clear");
  a.mov(edi, 0xb8000);
  print(a, "hello", "hello\n");
  a.label("wait");
  a.in(al, 0x64).test(al, 1).jz("wait");
  a.in(al, 0x60).cmp(al, 0x10).je("poweroff");
  a.mov(bl, al).shr(al, 4).call("digit").mov(al, bl).and(al, 15).call("digit").jmp("wait");
  a.label("digit");
  a.cmp(al, 10).jb("decimal").add(al, 39);
  a.label("decimal");
  a.add(al, 48).mov(byte(edi), al).inc(edi).inc(edi).ret();
});

function run(args: readonly string[], columns = 80, rows = 25, after = ""): Pty {
  const pty = new Pty([process.execPath, emu, "-m", "16M", ...args], columns, rows, after);
  open.push(pty);
  return pty;
}

/** Colours in the order of attributes; a bold one is the bright one, and so is the back of what blinks. */
const swapped = (colour: number): number =>
  (colour & 8) | (colour & 2) | ((colour & 1) << 2) | ((colour >> 2) & 1);
const attributeOf = ({ front, back, bold, blink }: PtyCell): number =>
  swapped(front | (bold ? 8 : 0)) | (swapped(back | (blink ? 8 : 0)) << 4);

/** Text and attribute of each cell of a screen at a place of the terminal. */
function cells(pty: Pty, left: number, top: number, columns = 80, rows = 25): string[] {
  return Array.from({ length: columns * rows }, (_, i) => {
    const cell = pty.cell(left + (i % columns), top + Math.floor(i / columns));
    return `${cell.text} ${attributeOf(cell).toString(16)}`;
  });
}

const expectedCell = (n: number): string => {
  const text = ([...CODE_PAGE_437][n & 255] as string).replace("\u00a0", " ");
  return `${text} ${((n * ATTRIBUTE_STEP) & 255).toString(16)}`;
};
const expectedCells = Array.from({ length: 2000 }, (_, n) => expectedCell(n));

/** Resolves when cells from a place of the terminal on are as wanted, and the cursor is. */
async function shows(
  pty: Pty,
  wanted: readonly string[],
  [left, top, columns, rows]: readonly [number, number, number, number],
  cursor: readonly [column: number, row: number],
): Promise<void> {
  await pty.until(() => {
    const { cursorX, cursorY } = pty.terminal.buffer.active;
    if (cursorX !== cursor[0] || cursorY !== cursor[1]) return false;
    return cells(pty, left, top, columns, rows).every((cell, i) => cell === wanted[i]);
  });
}

describe.skipIf(!hasPty)("on a terminal", () => {
  test("every character and attribute of the text screen, its cursor, and the middle of a larger terminal", async () => {
    const pty = run(["-display", "curses", "-kernel", allCells], 100, 31);
    const cursor = [10 + CURSOR.column, 3 + CURSOR.row] as const;
    await shows(pty, expectedCells, [10, 3, 80, 25], cursor);
    expect(pty.cell(9, 3)).toEqual({ text: " ", front: -1, back: -1, bold: false, blink: false });
  });

  test("of a screen that is too large the part around the cursor, and another size whenever it comes", async () => {
    const pty = run(["-display", "curses", "-kernel", allCells], 60, 10);
    const part = Array.from({ length: 600 }, (_, i) =>
      // The cursor's row 13 is the last one.
      expectedCell((4 + Math.floor(i / 60)) * 80 + (i % 60)),
    );
    await shows(pty, part, [0, 0, 60, 10], [CURSOR.column, 9]);
    pty.resize(90, 25);
    await shows(pty, expectedCells, [5, 0, 80, 25], [5 + CURSOR.column, CURSOR.row]);
  });

  test("keys arrive as they are typed: characters, control, Alt, Escape alone, function and cursor keys", async () => {
    const pty = run(["-display", "curses", "-kernel", showsKeys]);
    await pty.until(() => pty.output.includes("\x1b[?1049h"));
    const codes = (): string => pty.rows.join("");
    let shown = "";
    for (const [typed, wanted] of [
      ["a", "1e9e"],
      ["A", "2a1e9eaa"],
      ["\x01", "1d1e9e9d"],
      ["\x1ba", "381e9eb8"],
      ["é€", ""],
      ["\x1b[", "381a9ab8"],
      ["\x1b[A", "e048e0c8"],
      ["\x1bOP", "3bbb"],
      ["\x1b[1;5C", "1de04de0cd9d"],
      ["~", "2a29a9aa"],
      ["\r", "1c9c"],
    ] as const) {
      shown += wanted;
      pty.type(typed);
      if (wanted !== "") await pty.until(() => codes() === shown);
    }
    pty.type("\x1b");
    shown += "0181";
    await pty.until(() => codes() === shown);
    pty.type("q");
    expect(await pty.ended).toBe(0);
  });

  test("what is pasted arrives whole", async () => {
    const pty = run(["-display", "curses", "-kernel", showsKeys]);
    await pty.until(() => pty.output.includes("\x1b[?1049h"));
    pty.type("abc".repeat(60));
    await pty.until(() => pty.rows.join("") === "1e9e30b02eae".repeat(60));
  });

  test("Alt-2 is the monitor, Alt-3 the serial line, Alt-1 the screen, and the monitor's quit ends", async () => {
    const pty = run(["-display", "curses", "-kernel", showsKeys]);
    await pty.until(() => pty.output.includes("\x1b[?1049h"));
    pty.type("\x1b3");
    await pty.until("hello");
    expect(pty.rows.slice(0, 2)).toEqual(["serial0 console", "hello"]);
    pty.type("\x1b2");
    await pty.until("(qemu)");
    pty.type("info stat\tus\x7f\x7f\x7f\r");
    await pty.until("VM status: running");
    pty.type("sendkey b\r");
    pty.type("\x1b1");
    await pty.until("30b0");
    expect(pty.rows.join("")).toBe("30b0");
    pty.type("\x1b2");
    await pty.until("VM status: running");
    pty.type("quit\r");
    expect(await pty.ended).toBe(0);
  });

  test("nothing is written while nothing changes, and one cell costs a few bytes", async () => {
    const pty = run(["-display", "curses", "-kernel", showsKeys]);
    await pty.until(() => pty.output.includes("\x1b[?1049h"));
    pty.type("a");
    await pty.until("1e9e");
    const before = pty.output.length;
    pty.type("\x1b4\x1b5\x1b6");
    pty.type("b");
    await pty.until("1e9e30b0");
    expect(pty.output.length - before).toBeLessThan(80);
  });

  test.each<[string, number, (pty: Pty) => void]>([
    ["power-off", 0, (pty) => pty.type("q")],
    ["SIGTERM", 143, (pty) => process.kill(pty.pid, "SIGTERM")],
    ["SIGHUP", 129, (pty) => process.kill(pty.pid, "SIGHUP")],
    ["SIGQUIT", 131, (pty) => process.kill(pty.pid, "SIGQUIT")],
  ])("the terminal is given back after %s", async (_, status, end) => {
    const state = join(folder, "state");
    const pty = run(["-display", "curses", "-kernel", showsKeys], 80, 25, `stty -g >${state}`);
    const usual = new Pty(["true"], 80, 25, `stty -g >${state}.usual`);
    await usual.ended;
    await pty.until(() => pty.output.includes("\x1b[?1049h"));
    end(pty);
    expect(await pty.ended).toBe(status);
    expect(readFileSync(state, "utf8")).toBe(readFileSync(`${state}.usual`, "utf8"));
    const { modes, buffer } = pty.terminal;
    expect([modes.wraparoundMode, buffer.active.type]).toEqual([true, "normal"]);
    expect(pty.output.lastIndexOf("\x1b[?25h")).toBeGreaterThan(
      pty.output.lastIndexOf("\x1b[?25l"),
    );
  });

  test("a crash is told on the terminal's own screen", async () => {
    const crashes = kernel("crash", (a) => a.cli().hlt());
    const pty = run(["-display", "curses", "-kernel", crashes]);
    expect(await pty.ended).toBe(1);
    expect(pty.terminal.buffer.active.type).toBe("normal");
    expect(pty.output).toContain("\x1b[?1049l\r\nemu: every CPU halts");
    expect(pty.output).toContain("CR0=");
  });

  test.skipIf(!hasQemuCurses())("beside QEMU's curses display, cell by cell", async () => {
    const ours = run(["-display", "curses", "-kernel", allCells], 100, 31);
    const qemu = ["-accel", "tcg", "-m", "16M", "-net", "none", "-display", "curses"];
    const theirs = new Pty([QEMU, ...qemu, "-kernel", allCells], 100, 31);
    open.push(theirs);
    await shows(ours, expectedCells, [10, 3, 80, 25], [10 + CURSOR.column, 3 + CURSOR.row]);
    const characters = (pty: Pty): string => pty.rows.join("\n").replaceAll("\u00a0", " ");
    await theirs.until(() => characters(theirs) === characters(ours));
    const [here, there] = [cells(ours, 10, 3), cells(theirs, 10, 3)];
    // QEMU lets nothing blink, and shows black on black, bright or not, as white.
    const steady = (cell: string, n: number): string =>
      `${n}: ${cell[0]?.replace("\u00a0", " ")} ${(Number.parseInt(cell.slice(2), 16) & 0x7f).toString(16)}`;
    const different = here.map(steady).filter((cell, n) => {
      const isBlack = ((n * ATTRIBUTE_STEP) & 0x77) === 0;
      return !isBlack && cell !== steady(there[n] as string, n);
    });
    expect(different).toEqual([]);
  });
});

function hasQemuCurses(): boolean {
  const { stdout } = spawnSync(QEMU, ["-display", "help"], { encoding: "utf8" });
  return hasPty && (stdout ?? "").includes("curses");
}

test.each([
  [["-serial", "stdio"], /^-serial stdio: -display curses has the terminal/],
  [["-serial", "mon:stdio"], /^-serial stdio: -display curses has the terminal/],
  [["-monitor", "stdio"], /^-monitor stdio: -display curses has the terminal/],
  [["-qmp", "stdio"], /^-qmp stdio: /],
  [["-debugcon", "stdio"], /^-debugcon stdio: /],
  [["-nographic"], /^-nographic and -display curses exclude each other$/],
])("the terminal is nobody else's: %s", (args, message) => {
  expect(() => parseArguments(["-kernel", "x", "-display", "curses", ...args])).toThrow(message);
});

test("consoles are there with -display curses alone, where nothing else is asked for", () => {
  const { serials, monitors } = parseArguments(["-kernel", "x", "-display", "curses"]);
  expect([serials, monitors]).toEqual([[{ kind: "vc" }], [{ kind: "vc" }]]);
  const without = ["-kernel", "x", "-display", "curses", "-serial", "null", "-monitor", "none"];
  expect(parseArguments(without)).toMatchObject({
    serials: [{ kind: "null" }],
    monitors: [{ kind: "none" }],
  });
  expect(() => parseArguments(["-kernel", "x", "-serial", "vc"])).toThrow(
    "-serial vc needs -display curses",
  );
});

test("without a terminal it is one line", () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [emu, "-kernel", allCells, "-display", "curses"],
    {
      encoding: "utf8",
    },
  );
  expect([status, stderr]).toEqual([
    1,
    "emu: -display curses: standard output is not a terminal\n",
  ]);
});
