// The list of devices: adding one to it is all that a device needs to be found on its ports, in
// memory, on its interrupt line, in resets, snapshots and lists; devices that want the same are refused.

import { expect, test } from "vitest";
import type { Device, DeviceKind, Slot } from "../devices/device.ts";
import type { IrqLine } from "../devices/interrupt-lines.ts";
import type { Timer } from "../devices/timers.ts";
import { DEVICE_KINDS } from "./devices.ts";
import { ALL_DEVICES, bareBoard } from "./testdata/bare-board.ts";

/** A byte that a guest can set; writing 0x80 to it interrupts one microsecond later. */
class Latch implements Device {
  readonly name: string;
  state = { value: 0 };
  readonly memory = new Uint8Array(16);
  readonly #irq: IrqLine;
  readonly #timer: Timer;
  readonly #slot: Slot;

  constructor(slot: Slot, iobase: number) {
    this.name = slot.name;
    this.#slot = slot;
    this.#irq = slot.isaIrq(5);
    this.#timer = slot.timer(() => this.#irq.set(true), "delay");
    slot.ports(iobase, 2, {
      read: () => this.state.value,
      write: (_port, value) => {
        this.state.value = value;
        if (value === 0x80) this.#timer.set(this.#slot.clock.now() + 1000);
      },
    });
    slot.mmio(0xfea00000, 16, {
      read: (offset) => this.memory[offset] as number,
      write: (offset, value) => {
        this.memory[offset] = value;
      },
    });
  }

  reset(): void {
    this.state.value = 0x11;
    this.#irq.set(false);
    this.#timer.cancel();
  }
}

const latch: DeviceKind<{ iobase: number }> = {
  name: "latch",
  what: "a latch for tests",
  options: { iobase: { default: 0x300, minimum: 0x100, maximum: 0x3ff } },
  nameOf: ({ iobase }) => `latch-${iobase.toString(16)}`,
  create: (slot, { iobase }) => new Latch(slot, iobase),
};

const withLatch = (options?: { iobase: number }) =>
  bareBoard([...ALL_DEVICES, { kind: "latch", options }], [...DEVICE_KINDS, latch]);

test("a device of the list answers on its ports and addresses and is reset", () => {
  const { board } = withLatch();
  expect(board.ports.read(0x300, 1)).toBe(0x11);
  board.ports.write(0x301, 0x42, 1);
  expect(board.ports.read(0x300, 1)).toBe(0x42);
  board.mmio.write(0xfea00003, 7, 1);
  expect(board.mmio.read(0xfea00003, 1)).toBe(7);
  board.reset();
  expect(board.ports.read(0x300, 1)).toBe(0x11);
  const { board: moved } = withLatch({ iobase: 0x310 });
  expect(moved.ports.read(0x300, 1)).toBe(0xff);
  expect(moved.ports.read(0x310, 1)).toBe(0x11);
});

test("its timer and interrupt line work", () => {
  const { board, advance } = withLatch();
  board.ports.write(0x300, 0x80, 1);
  advance(999);
  expect(board.pic.state.chips[0].irr & 0x20).toBe(0);
  advance(2);
  expect(board.pic.state.chips[0].irr & 0x20).toBe(0x20);
});

test("its state, memory and timer are in the snapshot", () => {
  const { board, advance } = withLatch();
  board.ports.write(0x300, 0x80, 1);
  board.mmio.write(0xfea00000, 9, 1);
  const saved = board.save();
  advance(5000);
  board.ports.write(0x300, 1, 1);
  board.mmio.write(0xfea00000, 1, 1);
  const other = withLatch();
  other.board.restore(saved);
  expect(other.board.ports.read(0x300, 1)).toBe(0x80);
  expect(other.board.mmio.read(0xfea00000, 1)).toBe(9);
  other.advance(1001);
  expect(other.board.pic.state.chips[0].irr & 0x20).toBe(0x20);
});

test("it is in the list of devices with what it occupies", () => {
  expect(withLatch().board.describe().at(-1)).toBe(
    "latch-300: IRQ 5, timer latch-300-delay, port 0x300–0x301, memory 0xfea00000–0xfea0000f",
  );
});

test("a snapshot of a machine with other devices is refused by name", () => {
  expect(() => bareBoard().board.restore(withLatch().board.save())).toThrow(
    "the snapshot has a device latch-300, this machine has none",
  );
  expect(() => withLatch().board.restore(bareBoard().board.save())).toThrow(
    "this machine has a device latch-300, the snapshot has none",
  );
});

test.each([
  [{ iobase: 0x3c1 }, "latch-3c1 wants ports 0x3c1–0x3c2, but vga has 0x3b0–0x3df"],
  [{ iobase: 0x3af }, "latch-3af wants ports 0x3af–0x3b0, but vga has 0x3b0–0x3df"],
  [{ iobase: 0x400 }, "device latch: iobase is 1024, expected 256 to 1023"],
  [{ iobase: 0x300, size: 1 }, "device latch has no option size; it has iobase"],
])("options %o are refused", (options, message) => {
  expect(() => withLatch(options)).toThrow(message);
});

test("devices that want the same memory, the same name or do not exist are refused", () => {
  const two = [{ kind: "latch" }, { kind: "latch", options: { iobase: 0x310 } }];
  expect(() => bareBoard(two, [...DEVICE_KINDS, latch])).toThrow(
    "latch-310 wants memory 0xfea00000–0xfea0000f, but latch-300 has 0xfea00000–0xfea0000f",
  );
  expect(() => bareBoard([{ kind: "VGA" }, { kind: "VGA" }])).toThrow(
    "there is a device vga already",
  );
  expect(() => bareBoard([{ kind: "sb16" }])).toThrow(/^there is no device sb16; there are pic, /);
});
