// The USB controller and a stick where QEMU is no oracle: memory that is not there, rings that never end, events that
// nobody takes, commands that disagree with their data, media that fail, snapshots.

import { expect, test } from "vitest";
import { Disk } from "../../media/disk.ts";
import { bytesImage } from "../../media/image.ts";
import { ALL_DEVICES, bareBoard } from "../../platform/testdata/bare-board.ts";
import { MassStorage } from "./mass-storage.ts";
import { STS, XHCI_DEVICE } from "./xhci-registers.ts";

const BASE = 0xe000_0000;
const OPERATIONAL = BASE + 0x40;
const RUNTIME = BASE + 0x1000;
const [CONTEXTS, COMMANDS, EVENTS, TABLE] = [0x1_0000, 0x1_1000, 0x1_2000, 0x1_3000];
const SECTORS = 64;

const stick = (readOnly = false): Disk =>
  new Disk("disk0", "disk", bytesImage("stick", new Uint8Array(SECTORS * 512).fill(7)), {
    bus: "usb",
    readOnly,
  });

/** A board whose controller runs, with a stick at the first port. */
function rig() {
  const b = bareBoard(ALL_DEVICES, undefined, { ata: [], floppies: [], usb: [stick()] });
  const { mmio, ports } = b.board;
  const view = new DataView(b.ram.buffer);
  const config = (register: number, value: number): void => {
    ports.write(0xcf8, (0x8000_0000 | (XHCI_DEVICE << 11) | register) >>> 0, 4);
    ports.write(0xcfc, value, 4);
  };
  const write = (at: number, value: number): void => mmio.write(at, value >>> 0, 4);
  const put = (at: number, ...values: number[]): void => {
    values.forEach((value, i) => {
      view.setUint32(at + 4 * i, value >>> 0, true);
    });
  };
  config(0x10, BASE);
  config(4, 6);
  put(TABLE, EVENTS, 0, 16, 0);
  write(OPERATIONAL + 0x30, CONTEXTS);
  write(OPERATIONAL + 0x18, COMMANDS | 1);
  write(RUNTIME + 0x28, 1);
  write(RUNTIME + 0x38, EVENTS);
  write(RUNTIME + 0x30, TABLE);
  write(RUNTIME + 0x34, 0);
  write(OPERATIONAL, 1);
  return {
    ...b,
    write,
    put,
    read: (at: number): number => mmio.read(at, 4),
    dword: (at: number): number => view.getUint32(at, true),
    settle: (ns = 100_000): void => b.advance(ns),
  };
}

test("a command ring of links alone, and one that is no memory, stop the controller", () => {
  for (const ring of ["links", "nowhere"] as const) {
    const r = rig();
    if (ring === "links") r.put(COMMANDS, COMMANDS, 0, 0, (6 << 10) | 1);
    else {
      r.write(OPERATIONAL, 0);
      r.write(OPERATIONAL + 0x18, 0xf000_0001);
      r.write(OPERATIONAL, 1);
    }
    r.write(BASE + 0x2000, 0);
    r.settle();
    expect(r.read(OPERATIONAL + 4) & (STS.hostError | STS.halted)).toBe(STS.hostError | STS.halted);
  }
});

test("a ring that never ends leaves time for others, and events that nobody takes wait for room", () => {
  const r = rig();
  for (let i = 0; i < 64; i++) r.put(COMMANDS + 16 * i, 0, 0, 0, (23 << 10) | 1);
  r.put(COMMANDS + 1024, COMMANDS, 0, 0, (6 << 10) | 1);
  r.write(BASE + 0x2000, 0);
  r.settle();
  // 15 of 16 places are taken; the next one is free until the host has seen some.
  expect(r.dword(EVENTS + 14 * 16 + 12) & 1).toBe(1);
  expect(r.dword(EVENTS + 15 * 16 + 12)).toBe(0);
  r.write(RUNTIME + 0x38, EVENTS + 4 * 16);
  expect(r.dword(EVENTS + 15 * 16 + 12) & 1).toBe(1);
  // The second time around the cycle bit is the other one.
  expect(r.dword(EVENTS + 12) & 1).toBe(0);
  r.settle(2_000_000);
  expect(r.read(OPERATIONAL + 4) & STS.controllerError).toBe(STS.controllerError);
});

test("a snapshot holds the controller and what is attached", () => {
  const r = rig();
  r.write(OPERATIONAL + 0x400, 0x210);
  r.put(COMMANDS, 0, 0, 0, (9 << 10) | 1);
  r.write(BASE + 0x2000, 0);
  const saved = structuredClone(r.board.save());
  const events = [0, 4, 8, 12].map((at) => EVENTS + 16 + at);
  r.settle();
  const first = events.map(r.dword);
  expect(first).toEqual([COMMANDS, 0, 1 << 24, (1 << 24) | (33 << 10) | 1]);
  for (const at of events) r.put(at, 0);
  r.board.restore(saved);
  r.settle();
  expect(events.map(r.dword)).toEqual(first);
});

// ---- The stick by itself

const block = (length: number, flags: number, ...command: number[]): Uint8Array => {
  const bytes = new Uint8Array(31);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x43425355, true);
  view.setUint32(4, 77, true);
  view.setUint32(8, length, true);
  bytes[12] = flags;
  bytes[14] = command.length;
  bytes.set(command, 15);
  return bytes;
};

/** Residue and status of a command that is over. */
function status(device: MassStorage): [residue: number, status: number] {
  const bytes = device.dataIn(0x81, 13) as Uint8Array;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 13);
  expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([0x53425355, 77]);
  return [view.getUint32(8, true), view.getUint8(12)];
}

const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const INQUIRY = [0x12, 0, 0, 0, 36, 0];

test("what is no command halts the endpoints until the transport is reset", () => {
  const device = new MassStorage(stick(), "1");
  for (const bytes of [new Uint8Array(31), block(0, 0, 0).subarray(0, 30), block(0, 0)]) {
    expect(device.dataOut(2, bytes)).toBe(false);
    expect(device.dataIn(0x81, 13)).toBe("stall");
    expect(device.dataOut(2, block(0, 0, 0))).toBe(false);
    const reset = { requestType: 0x21, request: 0xff, value: 0, index: 0, length: 0 };
    device.control(reset, new Uint8Array(0));
    for (const index of [2, 0x81]) {
      const clear = { requestType: 2, request: 1, value: 0, index, length: 0 };
      expect(device.control(clear, new Uint8Array(0))).toEqual(new Uint8Array(0));
    }
    expect(device.dataOut(2, block(0, 0, 0, 0, 0, 0, 0, 0))).toBe(true);
    expect(status(device)).toEqual([0, 0]);
  }
});

test("a host that expects more, less, nothing or the other way is told so", () => {
  const device = new MassStorage(stick(), "1");
  const send = (bytes: Uint8Array): void => expect(device.dataOut(2, bytes)).toBe(true);
  // More than there is: a short packet ends it.
  send(block(512, 0x80, ...INQUIRY));
  expect((device.dataIn(0x81, 512) as Uint8Array).length).toBe(36);
  expect(status(device)).toEqual([476, 0]);
  // Exactly so many packets as there are bytes: an empty one ends it.
  send(block(1024, 0x80, ...READ));
  expect((device.dataIn(0x81, 512) as Uint8Array).length).toBe(512);
  expect((device.dataIn(0x81, 512) as Uint8Array).length).toBe(0);
  expect(status(device)).toEqual([512, 0]);
  // Less: no more is moved than it wants.
  send(block(100, 0x80, ...READ));
  expect((device.dataIn(0x81, 512) as Uint8Array).length).toBe(100);
  expect(status(device)).toEqual([0, 2]);
  send(block(0, 0, ...READ));
  expect(status(device)).toEqual([0, 2]);
  send(block(512, 0, ...READ));
  expect(device.dataOut(2, new Uint8Array(512))).toBe(true);
  expect(status(device)).toEqual([0, 2]);
});

test("beyond the end, read-only, unknown and failing: the sense says why", () => {
  const sense = (device: MassStorage): number[] => {
    device.dataOut(2, block(18, 0x80, 3, 0, 0, 0, 18, 0));
    const bytes = device.dataIn(0x81, 18) as Uint8Array;
    expect(status(device)).toEqual([0, 0]);
    return [bytes[2] as number, bytes[12] as number];
  };
  const device = new MassStorage(stick(), "1");
  device.dataOut(2, block(512, 0x80, 0x28, 0, 0, 0, 0, SECTORS, 0, 0, 1, 0));
  expect((device.dataIn(0x81, 512) as Uint8Array).length).toBe(0);
  expect([status(device), sense(device), sense(device)]).toEqual([
    [512, 1],
    [5, 0x21],
    [0, 0],
  ]);
  device.dataOut(2, block(0, 0, 0xff, 0, 0, 0, 0, 0));
  expect([status(device), sense(device)]).toEqual([
    [0, 1],
    [5, 0x20],
  ]);

  const locked = new MassStorage(stick(true), "1");
  locked.dataOut(2, block(512, 0, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0));
  expect(locked.dataOut(2, new Uint8Array(512))).toBe(true);
  expect([status(locked), sense(locked)]).toEqual([
    [0, 1],
    [7, 0x27],
  ]);

  const failing = {
    ...bytesImage("bad", new Uint8Array(4096)),
    read: () => {
      throw new Error("no");
    },
  };
  const broken = new MassStorage(new Disk("disk0", "disk", failing, { bus: "usb" }), "1");
  broken.dataOut(2, block(512, 0x80, ...READ));
  expect((broken.dataIn(0x81, 512) as Uint8Array).length).toBe(0);
  expect([status(broken), sense(broken)]).toEqual([
    [512, 1],
    [3, 0x11],
  ]);
});

test("sectors come in pieces of any size", () => {
  const disk = stick();
  const device = new MassStorage(disk, "1");
  const bytes = Uint8Array.from({ length: 1024 }, (_, i) => i % 251);
  device.dataOut(2, block(1024, 0, 0x2a, 0, 0, 0, 0, 5, 0, 0, 2, 0));
  for (const [from, to] of [
    [0, 100],
    [100, 700],
    [700, 1024],
  ] as const) {
    expect(device.dataOut(2, bytes.subarray(from, to))).toBe(true);
  }
  expect(status(device)).toEqual([0, 0]);
  expect(disk.read(5, 2)).toEqual(bytes);
  device.dataOut(2, block(1024, 0x80, 0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0));
  const parts = [100, 600, 324].flatMap((n) => [...(device.dataIn(0x81, n) as Uint8Array)]);
  expect(Uint8Array.from(parts)).toEqual(bytes);
  expect(status(device)).toEqual([0, 0]);
});
