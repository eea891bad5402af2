// A display keeps up with the screen by the parts that changed, whatever a guest does to the VGA; input arrives at
// points of virtual time, so that a run with it can be repeated.

import { expect, test } from "vitest";
import { al, dx, word } from "../asm/index.ts";
import { KEYS, type Key, keyOfDom, keyOfName } from "./devices/keys.ts";
import { Display, type Rectangle } from "./display.ts";
import { Machine } from "./host/machine.ts";
import type { RecordedInput } from "./input.ts";
import { guest } from "./platform/testdata/guest.ts";
import { random } from "./platform/testdata/random-accesses.ts";

const halted = guest((a) => {
  a.cli().hlt();
});

async function machineOf(kernel: Uint8Array): Promise<Machine> {
  return Machine.create({ kernel, memory: "16M" });
}

async function displayed(): Promise<{ machine: Machine; display: Display }> {
  const machine = await machineOf(halted);
  const display = Display.of(machine);
  if (display === undefined) throw new Error("there is no display adapter");
  return { machine, display };
}

const PORTS = [0x3c0, 0x3c2, 0x3c4, 0x3c6, 0x3c8, 0x3c9, 0x3ce, 0x3d4] as const;

/** Something that a guest may do to the display adapter. */
function disturb({ board }: Machine, next: () => number): void {
  const pick = (n: number): number => next() % n;
  switch (pick(8)) {
    case 0: {
      const port = PORTS[pick(PORTS.length)] as number;
      board.ports.write(port, pick(256), 1);
      if (port !== 0x3c2) board.ports.write(port === 0x3c0 ? port : port + 1, pick(256), 1);
      break;
    }
    case 1:
      if (pick(4) > 0) break;
      board.vga?.setMode({
        width: 8 * (1 + pick(60)),
        height: 1 + pick(300),
        depth: [8, 15, 16, 24, 32][pick(5)] as number,
      });
      break;
    case 2:
      if (pick(4) === 0) board.vga?.leaveLinearMode();
      break;
    case 3:
      if (pick(8) === 0) board.vga?.reset();
      break;
    case 4:
    case 5:
      for (let i = pick(50); i > 0; i--) {
        board.mmio.write(0xfd000000 + pick(300_000), pick(1 << 30), 4);
      }
      break;
    default:
      for (let i = pick(50); i > 0; i--) {
        board.mmio.write(0xb8000 + pick(4000), pick(65536), 2);
        board.mmio.write(0xa0000 + pick(65536), pick(256), 1);
      }
  }
}

const covers = (parts: readonly Rectangle[], x: number, y: number): boolean =>
  parts.some((p) => x >= p.x && x < p.x + p.width && y >= p.y && y < p.y + p.height);

test.each([1, 2, 3, 4])("a display shows what a whole look shows, seed %i", async (seed) => {
  const { machine, display } = await displayed();
  const next = random(0x9e3779b9 * seed);
  for (let round = 0; round < 50; round++) {
    const before = new Uint32Array(display.data.slice().buffer);
    for (let i = next() % 6; i > 0; i--) disturb(machine, next);
    const { resized, changed } = display.look();
    const whole = machine.screenRgba();
    expect([display.width, display.height]).toEqual([whole?.width, whole?.height]);
    const now = new Uint32Array(display.data.buffer);
    const want = new Uint32Array((whole as { data: Uint8ClampedArray }).data.buffer);
    expect(now.findIndex((pixel, at) => pixel !== want[at])).toBe(-1);
    if (resized) continue;
    const missed = now.findIndex(
      (pixel, at) =>
        pixel !== before[at] &&
        !covers(changed, at % display.width, Math.floor(at / display.width)),
    );
    expect(missed).toBe(-1);
  }
});

test("what does not change is not reported, and a character is a small part", async () => {
  const { machine, display } = await displayed();
  expect(display.look()).toEqual({
    resized: true,
    changed: [{ x: 0, y: 0, width: 720, height: 400 }],
  });
  expect(display.look()).toEqual({ resized: false, changed: [] });
  // A full block in column 3 of row 2, white on black, and the same again.
  machine.board.mmio.write(0xb8000 + (2 * 80 + 3) * 2, 0x0fdb, 2);
  const block = { x: 27, y: 32, width: 9, height: 16 };
  expect(display.look()).toEqual({ resized: false, changed: [block] });
  expect([...display.part(block).subarray(0, 4)]).toEqual([255, 255, 255, 255]);
  machine.board.mmio.write(0xb8000 + (2 * 80 + 3) * 2, 0x0fdb, 2);
  expect(display.look().changed).toEqual([]);
});

test("pixels of 32 bits are kept as they are stored; another order at the same size changes the whole picture", async () => {
  const { machine, display } = await displayed();
  const mode = { width: 64, height: 8 };
  const whole = { x: 0, y: 0, ...mode };
  const shown = (): number[] => [...new Uint8Array(display.part(whole).buffer).subarray(0, 8)];
  machine.board.vga?.setMode({ ...mode, depth: 32 });
  machine.board.mmio.write(0xfd000000, 0x77123456, 4);
  machine.board.mmio.write(0xfd000004, 0xff563412, 4);
  display.look();
  const stored = display.storedPart(whole);
  expect(stored.order).toBe("bgrx");
  expect([...stored.bytes.subarray(0, 4)]).toEqual([0x56, 0x34, 0x12, 0x77]);
  expect(shown()).toEqual([0x12, 0x34, 0x56, 255, 0x56, 0x34, 0x12, 255]);
  machine.board.vga?.setMode({ ...mode, depth: 24 });
  expect(display.look()).toEqual({ resized: false, changed: [whole] });
  expect(display.storedPart(whole).order).toBe("rgba");
});

test("each display finds the changes since its own last look", async () => {
  const { machine, display } = await displayed();
  const other = Display.of(machine) as Display;
  display.look();
  other.look();
  machine.board.mmio.write(0xb8000, 0x0fdb, 2);
  expect(display.look().changed.length).toBe(1);
  expect(other.look().changed.length).toBe(1);
});

test("a snapshot's picture replaces the one that showed", async () => {
  const { machine, display } = await displayed();
  const saved = machine.snapshot();
  machine.board.mmio.write(0xb8000, 0x0fdb, 2);
  display.look();
  machine.restore(saved);
  expect(display.look().changed.length).toBe(1);
  const whole = machine.screenRgba()?.data as Uint8ClampedArray;
  expect(display.data.findIndex((byte, at) => byte !== whole[at])).toBe(-1);
});

test("the cursor and blinking characters come and go in virtual time", async () => {
  const machine = await machineOf(
    guest((a) => {
      a.mov(word(0xb8000 + 10), 0x0720);
      a.mov(dx, 0x3d4).mov(al, 0x0f).out(dx, al).inc(dx).mov(al, 5).out(dx, al);
      a.label("wait");
      a.in(al, 0x80).jmp("wait");
    }),
  );
  const display = Display.of(machine, { blinking: true }) as Display;
  const cursorShows = (): boolean => {
    display.look();
    return display.data[(14 * 720 + 5 * 9) * 4] !== 0;
  };
  const states = new Set<boolean>();
  for (let i = 0; i < 6; i++) {
    machine.runSync({ nanoseconds: 50e6 });
    states.add(cursorShows());
  }
  expect(states).toEqual(new Set([true, false]));
});

test("text comes with its cursor and colours", async () => {
  const { machine, display } = await displayed();
  machine.board.mmio.write(0xb8000, 0x1f41, 2);
  const text = display.text();
  expect(text).toMatchObject({ columns: 80, rows: 25, blink: true });
  expect(text?.cells.slice(0, 2)).toEqual(new Uint8Array([0x41, 0x1f]));
  expect(text?.cursor).toEqual({ column: 0, row: 0, first: 13, last: 14 });
  expect(text?.palette[15]).toBe(0xffffff);
  machine.board.vga?.setMode({ width: 64, height: 64, depth: 32 });
  expect(display.text()).toBeUndefined();
});

/** Sends each scan code that arrives on COM1, until Escape goes up. */
const scanCodes = guest((a) => {
  a.label("wait");
  a.in(al, 0x64).test(al, 1).jz("wait").in(al, 0x60).call("putc");
  a.cmp(al, 0x81).jne("wait");
});

test("a run with input is repeated by what was recorded of it", async () => {
  const first = await machineOf(scanCodes);
  const inputs: RecordedInput[] = [];
  first.onInput = (input) => inputs.push(input);
  const display = Display.of(first) as Display;
  first.runSync({ nanoseconds: 5_300_000 });
  for (const name of ["a", "ret", "up"]) {
    const key = keyOfName(name);
    if (key === undefined) throw new Error(`no key ${name}`);
    display.key(key, true);
    first.runSync({ nanoseconds: 3_700_001 });
    display.key(key, false);
    first.runSync({ nanoseconds: 1_000_000 });
  }
  display.movePointer(3, 4);
  const esc = keyOfDom("Escape") as Key;
  for (const down of [true, false]) display.key(esc, down);
  expect(first.runSync()).toEqual({ kind: "power-off" });
  expect(first.serialOutput).toBe("\x1e\x9e\x1c\x9c\xe0\x48\xe0\xc8\x01\x81");
  expect(inputs.map(({ event }) => event.kind)).toEqual([
    ...new Array(6).fill("key"),
    "pointer",
    "key",
    "key",
  ]);

  const again = await machineOf(scanCodes);
  again.replay(inputs);
  expect(again.runSync()).toEqual({ kind: "power-off" });
  expect(again.stateHash()).toBe(first.stateHash());
});

test("keys have one name, one code and one code of browsers each", () => {
  const distinct = (values: readonly unknown[]): void => {
    expect(new Set(values).size).toBe(values.length);
  };
  distinct(KEYS.map(({ name }) => name));
  distinct(KEYS.map(({ code, extended }) => `${extended} ${code}`));
  distinct(KEYS.map(({ dom }) => dom).filter((dom) => dom !== ""));
});
