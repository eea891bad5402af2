// The chipset of the board pc where QEMU is no oracle: snapshots, resets, and guests that write anything anywhere.

import { expect, test } from "vitest";
import { Machine } from "../host/machine.ts";
import { DEVICE_KINDS } from "../platform/devices.ts";
import { ALL_DEVICES, type BareBoard, bareBoard } from "../platform/testdata/bare-board.ts";
import { guest } from "../platform/testdata/guest.ts";
import { random } from "../platform/testdata/random-accesses.ts";
import { I440FX } from "./chipset.ts";
import { NO_MEDIA } from "./device.ts";

const board = (): BareBoard => bareBoard(ALL_DEVICES, DEVICE_KINDS, NO_MEDIA, I440FX);

const configure = ({ board: { ports } }: BareBoard, place: number, value: number): void => {
  ports.write(0xcf8, (0x8000_0000 | place) >>> 0, 4);
  ports.write(0xcfc, value, 4);
};
/** Registers of 0:1.0 and 0:1.3. */
const [ROUTES, PMBASE, PM_MISC, SMBUS] = [0x0860, 0x0b40, 0x0b80, 0x0b90];

test("a restored board has power management, SMBus and routes where the saved one had them", () => {
  const b = board();
  configure(b, PMBASE, 0x4001);
  configure(b, SMBUS, 0x5001);
  configure(b, ROUTES, 0x8080_8005);
  b.board.ports.write(0x4002, 0x120, 2);
  b.board.ports.write(0x5003, 0x77, 1);
  b.board.ports.write(0x5002, 0x48, 1);
  const other = board();
  other.board.restore(structuredClone(b.board.save()));
  const { ports, lines } = other.board;
  expect(ports.read(0x4002, 2)).toBe(0x120);
  expect([ports.read(0x5003, 1), ports.read(0x5000, 1)]).toEqual([0x77, 4]);
  expect(ports.read(0x602, 2)).toBe(0xffff);
  expect(lines.state.routes.slice(0, 4)).toEqual([5, -1, -1, -1]);
  expect(other.board.save().devices).toEqual(b.board.save().devices);
});

test("a reset takes everything back, and power management can be turned off", () => {
  const b = board();
  const before = b.board.save().devices;
  configure(b, PM_MISC, 0);
  expect(b.board.ports.read(0x604, 2)).toBe(0xffff);
  configure(b, SMBUS, 0x5001);
  b.board.ports.write(0x5005, 1, 1);
  b.board.ports.write(0xafe2, 0x5a, 1);
  b.board.reset();
  expect(b.board.save().devices).toEqual(before);
});

test("whatever is written into the functions and their ports, the board goes on", () => {
  const b = board();
  const next = random(7);
  for (let i = 0; i < 20_000; i++) {
    const fn = [0, 0x0800, 0x0900, 0x0b00][next() & 3] as number;
    const port = [0x600, 0x700, 0xafe0, 0xb2, 0xcf9][next() % 5] as number;
    configure(b, fn | (next() & 0xfc), next());
    const at = port + (next() & 15);
    if (next() & 1) b.board.ports.write(at, next() & 0xff, 1);
    else b.board.ports.read(at, [1, 2, 4][next() % 3] as number);
  }
  const other = board();
  other.board.restore(structuredClone(b.board.save()));
  expect(other.board.save().devices).toEqual(b.board.save().devices);
});

test("a snapshot of one board is not for the other", async () => {
  const kernel = guest((a) => a.jmp("poweroff"));
  const pc = await Machine.create({ machine: "pc", kernel });
  const saved = pc.snapshot();
  const again = await Machine.create({ machine: "pc", kernel });
  again.restore(saved);
  expect(again.stateHash()).toBe(pc.stateHash());
  expect(again.runSync()).toEqual({ kind: "power-off" });
  const q35 = await Machine.create({ kernel });
  expect(() => q35.restore(saved)).toThrow(/has a device \S+, .* has none/);
});

test("boards that there are not are refused, and so are more drives than a board has", async () => {
  const disks = Array.from({ length: 5 }, () => ({
    kind: "disk" as const,
    image: new Uint8Array(512),
  }));
  await expect(Machine.create({ machine: "isapc" as "pc", disks })).rejects.toThrow(
    "machine isapc: expected one of q35, pc",
  );
  await expect(Machine.create({ machine: "pc", disks })).rejects.toThrow(
    "5 disks and CDs: expected at most 4",
  );
});
