// Keys through the keyboard, INT 09h and INT 16h: the words that programs get are SeaBIOS's, recorded
// from QEMU 7.2 with `sendkey`; AH=12h follows Ralf Brown's interrupt list.

import { expect, test } from "vitest";
import { ah, ax, eax, edi } from "../../../asm/index.ts";
import { Machine } from "../../host/machine.ts";
import { bootSector } from "../testdata/boot-sector.ts";

/** A key by its set 1 code, with prefix E0 or without. */
interface Key {
  code: number;
  extended?: boolean;
}
const SHIFT: Key = { code: 0x2a };
const CONTROL: Key = { code: 0x1d };
const ALT: Key = { code: 0x38 };
const CAPS: Key = { code: 0x3a };
const NUM: Key = { code: 0x45 };

const plain = (...codes: number[]): Key[] => codes.map((code) => ({ code }));
const extended = (...codes: number[]): Key[] => codes.map((code) => ({ code, extended: true }));

/** Esc 1 2 6 - = Backspace Tab Q P [ ] Enter A ; ' ` \ Z , . / keypad* space F1 F10 F11 F12 <. */
const MAIN = plain(
  ...[0x01, 0x02, 0x03, 0x07, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x19, 0x1a, 0x1b, 0x1c, 0x1e, 0x27],
  ...[0x28, 0x29, 0x2b, 0x2c, 0x33, 0x34, 0x35, 0x37, 0x39, 0x3b, 0x44, 0x57, 0x58, 0x56],
);
/** 7 8 9 - 4 5 6 + 1 2 3 0 dot. */
const KEYPAD = plain(...Array.from({ length: 13 }, (_, i) => 0x47 + i));
/** Home Up PageUp Left Right End Down PageDown Insert Delete, keypad Enter and /. */
const ADDED = extended(0x47, 0x48, 0x49, 0x4b, 0x4d, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x1c, 0x35);

const words = (text: string): string[] => text.trim().split(/\s+/);
const NONE = "----";

/** With a modifier: keys, and the words that AH=10h gives. */
const RECORDED: readonly [held: Key[], keys: Key[], words: string[]][] = [
  [
    [],
    MAIN,
    words(`011b 0231 0332 0736 0c2d 0d3d 0e08 0f09 1071 1970 1a5b 1b5d 1c0d 1e61 273b 2827 2960 2b5c
      2c7a 332c 342e 352f 372a 3920 3b00 4400 8500 8600 565c`),
  ],
  [
    [SHIFT],
    MAIN,
    words(`011b 0221 0340 075e 0c5f 0d2b 0e08 0f00 1051 1950 1a7b 1b7d 1c0d 1e41 273a 2822 297e 2b7c
      2c5a 333c 343e 353f 372a 3920 5400 5d00 8700 8800 567c`),
  ],
  [
    [CONTROL],
    MAIN,
    words(`011b ---- 0300 071e 0c1f ---- 0e7f 9400 1011 1910 1a1b 1b1d 1c0a 1e01 ---- ---- ---- 2b1c
      2c1a ---- ---- ---- 9600 3920 5e00 6700 8900 8a00 ----`),
  ],
  [
    [ALT],
    MAIN,
    words(`0100 7800 7900 7d00 8200 8300 0e00 a500 1000 1900 1a00 1b00 1c00 1e00 2700 2800 2900 2b00
      2c00 3300 3400 3500 3700 3920 6800 7100 8b00 8c00 ----`),
  ],
  [[], KEYPAD, words("4700 4800 4900 4a2d 4b00 4c00 4d00 4e2b 4f00 5000 5100 5200 5300")],
  [[SHIFT], KEYPAD, words("4737 4838 4939 4a2d 4b34 4c35 4d36 4e2b 4f31 5032 5133 5230 532e")],
  [[CONTROL], KEYPAD, words("7700 8d00 8400 8e00 7300 8f00 7400 9000 7500 9100 7600 9200 9300")],
  [[ALT], KEYPAD, words("---- ---- ---- 4a00 ---- ---- ---- 4e00 ---- ---- ---- ---- ----")],
  [[], ADDED, words("47e0 48e0 49e0 4be0 4de0 4fe0 50e0 51e0 52e0 53e0 e00d e02f")],
  [[SHIFT], ADDED, words("47e0 48e0 49e0 4be0 4de0 4fe0 50e0 51e0 52e0 53e0 e00d e02f")],
  [[CONTROL], ADDED, words("77e0 8de0 84e0 73e0 74e0 75e0 91e0 76e0 92e0 93e0 e00a 9500")],
  [[ALT], ADDED, words("9700 9800 9900 9b00 9d00 9f00 a000 a100 a200 a300 a600 a400")],
];

/** A machine that prints what INT 16h gives it with `command` in AH, key after key, at its prompt. */
async function reader(command: number): Promise<Machine> {
  const image = bootSector((a) => {
    a.label("again");
    a.mov(ah, command).int(0x16).and(eax, 0xffff).call("hex").jmp("again");
  });
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  machine.runSync({ nanoseconds: 2e9 });
  return machine;
}

/** Lets the machine take what has been pressed; what it printed. */
function printed(machine: Machine): string[] {
  const before = machine.serialOutput.length;
  machine.runSync({ nanoseconds: 50e6 });
  return words(machine.serialOutput.slice(before)).map((word) => word.slice(4));
}

function press(machine: Machine, key: Key, down: boolean): void {
  machine.board.keyboard.key(key.code, down, key.extended);
}

function typed(machine: Machine, key: Key): string {
  press(machine, key, true);
  press(machine, key, false);
  return printed(machine).join() || NONE;
}

test("INT 16h, AH=10h gives the words that SeaBIOS gives, for every kind of key and modifier", async () => {
  const machine = await reader(0x10);
  for (const [held, keys, expected] of RECORDED) {
    for (const key of held) press(machine, key, true);
    expect(keys.map((key) => typed(machine, key))).toEqual(expected);
    for (const key of held) press(machine, key, false);
  }
});

test("INT 16h, AH=00h gives added keys as those that they double", async () => {
  const machine = await reader(0x00);
  expect(ADDED.map((key) => typed(machine, key))).toEqual(
    words("4700 4800 4900 4b00 4d00 4f00 5000 5100 5200 5300 1c0d 352f"),
  );
});

test("Caps Lock is for letters, Num Lock for the keypad; Shift undoes both", async () => {
  const machine = await reader(0x10);
  expect(typed(machine, CAPS)).toBe(NONE);
  expect(plain(0x1e, 0x02).map((key) => typed(machine, key))).toEqual(["1e41", "0231"]);
  press(machine, SHIFT, true);
  expect(plain(0x1e, 0x02).map((key) => typed(machine, key))).toEqual(["1e61", "0221"]);
  press(machine, SHIFT, false);
  typed(machine, NUM);
  expect(plain(0x47, 0x4c).map((key) => typed(machine, key))).toEqual(["4737", "4c35"]);
  press(machine, SHIFT, true);
  expect(typed(machine, { code: 0x47 })).toBe("4700");
  press(machine, SHIFT, false);
  // A key that repeats while it is held toggles once.
  press(machine, CAPS, true);
  press(machine, CAPS, true);
  press(machine, CAPS, false);
  expect(typed(machine, { code: 0x1e })).toBe("1e61");
});

test("INT 16h, AH=02h and 12h tell which keys are held and which locks are on", async () => {
  const image = bootSector((a) => {
    a.label("again");
    a.mov(ax, 0x0277).int(0x16).and(eax, 0xff).call("hex");
    a.mov(ax, 0x1277).int(0x16).and(eax, 0xffff).call("hex");
    // Waits for the next key.
    a.mov(ah, 0x10).int(0x16).jmp("again");
  });
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  machine.runSync({ nanoseconds: 2e9 });
  expect(words(machine.serialOutput)).toEqual(["00000000", "00000000"]);
  const key: Key = { code: 0x01 };
  const flags = (): string[] => {
    press(machine, key, true);
    press(machine, key, false);
    return printed(machine);
  };
  const holding = (held: Key): string[] => {
    press(machine, held, true);
    const seen = flags();
    press(machine, held, false);
    return seen;
  };
  expect(holding(SHIFT)).toEqual(["0002", "0002"]);
  expect(holding({ code: 0x36 })).toEqual(["0001", "0001"]);
  expect(holding(CONTROL)).toEqual(["0004", "0104"]);
  expect(holding({ code: 0x1d, extended: true })).toEqual(["0004", "0404"]);
  expect(holding(ALT)).toEqual(["0008", "0208"]);
  expect(holding({ code: 0x38, extended: true })).toEqual(["0008", "0808"]);
  expect(holding(CAPS)).toEqual(["0040", "4040"]);
  expect(flags()).toEqual(["0040", "0040"]);
});

test("Ctrl, Alt and Delete reset", async () => {
  const machine = await reader(0x10);
  for (const key of [CONTROL, ALT]) press(machine, key, true);
  press(machine, { code: 0x53, extended: true }, true);
  expect(machine.runSync({ nanoseconds: 1e9 })).toEqual({ kind: "reset" });
});

/** A machine that asks for keys with AH=01h and does nothing else, counting, until there is one. */
async function poller(icount: boolean): Promise<Machine> {
  const image = bootSector((a) => {
    a.xor(edi, edi);
    a.label("again");
    a.inc(edi).mov(ah, 0x01).int(0x16).jz("again");
    a.mov(eax, edi).call("hex").cli().hlt();
  });
  return Machine.create({ disks: [{ kind: "disk", image }], icount });
}

test("a program that waits for a key executes little, and notices the key within a millisecond", async () => {
  const waiting = await poller(false);
  expect(waiting.runSync({ nanoseconds: 2e9 }).kind).toBe("limit");
  expect(waiting.core.instructions()).toBeLessThan(200_000);
  press(waiting, { code: 0x1e }, true);
  waiting.runSync({ nanoseconds: 2e6 });
  // Two seconds of 1000 questions each, and those of the first milliseconds.
  expect(Number.parseInt(waiting.serialOutput, 16)).toBeGreaterThan(2000);
  expect(Number.parseInt(waiting.serialOutput, 16)).toBeLessThan(2300);
  const counting = await poller(true);
  counting.runSync({ nanoseconds: 10e6 });
  expect(counting.core.instructions()).toBeGreaterThan(9_000_000);
});
