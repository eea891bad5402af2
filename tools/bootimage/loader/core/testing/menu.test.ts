// Console, menu and editor: the same on screen and serial line, driven by keys of the keyboard and by a terminal's
// escape sequences.

import { describe, expect, it } from "vitest";
import { elfFile, header1, withHeader } from "./kernels.ts";
import { LoaderMachine, type LoaderOptions } from "./machine.ts";
import { terminal } from "./terminal.ts";

const KERNEL = 0x20_0000;
const UP = 0x101;
const DOWN = 0x102;
const LEFT = 0x103;
const RIGHT = 0x104;
const HOME = 0x105;
const END = 0x106;
const DELETE = 0x107;
const ENTER = 13;
const BACKSPACE = 8;
const ESCAPE = 27;
const E = 0x65;

const kernel = elfFile({
  entry: KERNEL,
  segments: [{ vaddr: KERNEL, data: withHeader(header1(3), 100) }],
});
const codes = (text: string) => [...Buffer.from(text, "latin1")];
const three =
  "title One\nkernel k one\ntitle Two\nkernel k two words\ntitle Three\nkernel k three\n";

async function machine(config: string, options: LoaderOptions = {}) {
  return LoaderMachine.create({
    ...options,
    files: { "boot/boot.conf": Buffer.from(config), k: kernel },
  });
}

/** The command line that the kernel is started with. */
async function started(config: string, options: LoaderOptions = {}): Promise<string> {
  const m = await machine(config, options);
  const at = Number(m.boot().rbx);
  return m.text(m.view.getUint32(at + 16, true));
}

describe("the console", () => {
  it("shows the same on screen and serial line, and nothing but text without a menu", async () => {
    const m = await machine("title One\nkernel k one\n");
    m.boot();
    expect(m.serial).toBe(m.screen.replaceAll("\n", "\r\n"));
    expect(m.serial).toBe(
      `Trihedron boot loader\r\nstarting One\r\nloading k, ${kernel.length} bytes \r\n`,
    );
  });

  it("does without a serial line", async () => {
    const m = await machine("title One\nkernel k one\n", { uart: false });
    m.boot();
    expect(m.serial).toBe("");
    expect(m.screen).toContain("starting One\n");
  });
});

describe("the menu", () => {
  it("waits where there are several entries, and starts what is chosen", async () => {
    expect(await started(three, { keys: [ENTER] })).toBe("one");
    expect(await started(three, { keys: [DOWN, ENTER] })).toBe("two words");
    expect(await started(three, { keys: [DOWN, DOWN, DOWN, UP, UP, UP, UP, DOWN, ENTER] })).toBe(
      "two words",
    );
    expect(await started(three, { keys: [END, ENTER] })).toBe("three");
    expect(await started(`default 3\n${three}`, { keys: [HOME, ENTER] })).toBe("one");
  });

  it("takes a terminal's sequences of the serial line", async () => {
    expect(await started(three, { serial: "\x1b[B\r" })).toBe("two words");
    expect(await started(three, { serial: "\x1bOB\x1b[1;2B\x1b[A\n" })).toBe("two words");
    expect(await started(three, { serial: "\x1b[F\r" })).toBe("three");
    expect(await started(three, { serial: "\x1b[4~\r" })).toBe("three");
    // Sequences that mean nothing here do nothing.
    expect(await started(three, { serial: "\x1b[B\x1b[5~\x1b[?25h\x1bM\x1b[15;2~\r" })).toBe(
      "two words",
    );
  });

  it("shows the same on screen and terminal at each key, with the bar on the chosen entry", async () => {
    let looks = 0;
    const options: LoaderOptions = {
      keys: [DOWN, E, LEFT, 0x78, HOME, DELETE, ESCAPE, DOWN, UP, E, END, BACKSPACE, ENTER],
      onKey: (m) => {
        looks++;
        const line = terminal(m.serial);
        expect(line.rows()).toEqual(m.grid.rows());
        expect([line.x, line.y]).toEqual([m.grid.x, m.grid.y]);
        expect(line.highlighted.at(-1)).toBe(m.grid.highlighted.at(-1));
      },
    };
    expect(await started(three, options)).toBe("two word");
    expect(looks).toBe(13);
  });

  it("scrolls where there are more entries than rows", async () => {
    const many = Array.from({ length: 60 }, (_, i) => `title Entry ${i}\nkernel k ${i}\n`).join("");
    const keys = [...Array<number>(45).fill(DOWN), UP, ENTER];
    const seen: string[][] = [];
    const onKey = (m: LoaderMachine) => seen.push(m.grid.rows());
    expect(await started(many, { keys, onKey })).toBe("44");
    for (const [index, rows] of seen.slice(0, 46).entries()) {
      expect(rows.some((row) => row.trim() === `Entry ${index}`)).toBe(true);
    }
    expect(await started(many, { keys: [END, HOME, ENTER] })).toBe("0");
  });

  it("starts the default when the time is over, unless a key stops that", async () => {
    const config = `timeout 2\ndefault 2\n${three}`;
    expect(await started(config)).toBe("two words");
    // A key that does nothing stops the count: Down comes long after it.
    let looks = 0;
    const late: LoaderOptions = {
      onKey: () => {
        looks++;
      },
      keys: [0x20, ...Array<number>(6000).fill(-1), DOWN, ENTER],
    };
    expect(await started(config, late)).toBe("three");
    expect(looks).toBeGreaterThan(6000);
    expect(await started(`timeout 0\n${three}`)).toBe("one");
    expect(await started("timeout 1\ntitle One\nkernel k one\n", { keys: [E, 0x21, ENTER] })).toBe(
      "one!",
    );
  });
});

describe("the editor", () => {
  const edited = (keys: number[], line = "two words") =>
    started(`title T\nkernel k ${line}\ntitle U\nkernel k\n`, { keys: [E, ...keys, ENTER] });

  it("inserts, deletes and moves", async () => {
    expect(await edited(codes(" more"))).toBe("two words more");
    expect(await edited([HOME, ...codes("a ")])).toBe("a two words");
    expect(await edited([BACKSPACE, BACKSPACE])).toBe("two wor");
    expect(await edited([HOME, DELETE, DELETE])).toBe("o words");
    expect(await edited([HOME, BACKSPACE, END, DELETE])).toBe("two words");
    expect(await edited([LEFT, LEFT, ...codes("X"), RIGHT, ...codes("Y")])).toBe("two worXdYs");
    expect(await edited([HOME, ...Array<number>(20).fill(DELETE)])).toBe("");
    expect(
      await edited([
        ...Array<number>(20).fill(LEFT),
        ...codes("z"),
        ...Array<number>(20).fill(RIGHT),
        ...codes("!"),
      ]),
    ).toBe("ztwo words!");
  });

  it("goes back by Escape, and forgets what was typed", async () => {
    expect(await started(three, { keys: [E, 0x58, ESCAPE, ENTER] })).toBe("one");
    expect(
      await started(three, {
        serial: "eX\x1b",
        keys: Array<number>(400).fill(-1).concat(DOWN, ENTER),
      }),
    ).toBe("two words");
  });

  it("scrolls lines longer than the screen, and stops at the longest one", async () => {
    const long = Array.from({ length: 60 }, (_, i) => `w${i}`).join(" ");
    expect(await edited([...codes(" end"), HOME, ...codes("start ")], long)).toBe(
      `start ${long} end`,
    );
    const full = "x".repeat(4095);
    expect(await edited([0x79], full)).toBe(full);
    expect(await edited([HOME, DELETE, 0x79], full)).toBe(`y${full.slice(1)}`);
  });
});
