// The network card where QEMU is no oracle: rings that make no sense, memory that is not there, interrupts, the wire's
// speed, frames that wait, and snapshots.

import { describe, expect, test } from "vitest";
import { Machine } from "../../host/machine.ts";
import { flashImage } from "../../platform/testdata/flash-guest.ts";
import { E1000 } from "./e1000.ts";
import * as R from "./e1000-registers.ts";
import { frameCheck } from "./frame-check.ts";
import {
  BUFFERS,
  cardRig,
  EOP_RS,
  frame,
  RX_RING,
  randomAccesses,
  receiver,
  TX_RING,
  transmitter,
} from "./testdata/card-rig.ts";

const rig = () => cardRig("e1000", E1000);

describe("rings that make no sense", () => {
  test("a head beyond the end comes back to the start", () => {
    const r = rig();
    transmitter(r, 8, EOP_RS | 60);
    r.write(R.TDH, 5000);
    r.write(R.TDT, 3);
    expect(r.read(R.TDH)).toBe(3);
  });

  test("a head that never meets its tail goes around once", () => {
    const r = rig();
    transmitter(r, 8, EOP_RS | 60);
    r.write(R.TDT, 0xffff);
    expect(r.read(R.TDH)).toBe(0);
    expect(r.sent).toHaveLength(8);
  });

  test("the longest ring of the longest packets takes the time of the wire", () => {
    const r = rig();
    transmitter(r, 0xfff8, EOP_RS | 0xffff);
    r.write(R.TDT, 0xfff0);
    const soon = r.sent.length;
    expect(soon).toBeLessThan(10);
    r.advance(10_000_000);
    // 64 KiB at 1 Gb/s are half a millisecond.
    expect(r.sent.length - soon).toBeGreaterThan(10);
    expect(r.sent.length - soon).toBeLessThan(30);
  });

  test("segments of a byte from a MiB come at the speed of the wire, too", () => {
    const r = rig();
    transmitter(r, 8, 0);
    // Data in segments of one byte behind a header of none.
    r.put(TX_RING, 0, 0, 0x2c00_0000, 1 << 16, BUFFERS, 0, 0x2d1f_ffff, 0);
    r.write(R.TDT, 2);
    const soon = r.sent.length;
    expect(soon).toBeLessThan(20_000);
    r.advance(1_000_000);
    expect(r.sent.length).toBeLessThan(soon + 20_000);
    expect(r.read(R.TDH)).toBe(1);
  });

  test("segments without a size take nothing, and end", () => {
    const r = rig();
    transmitter(r, 8, 0);
    r.put(TX_RING, 0, 0, 0x2c00_0000, 0, BUFFERS, 0, 0x2d1f_ffff, 0);
    r.write(R.TDT, 2);
    expect(r.read(R.TDH)).toBe(2);
    expect(r.sent).toHaveLength(0);
  });

  test("rings and buffers outside memory", () => {
    const r = rig();
    transmitter(r, 8, EOP_RS | 60, 0xf000_0000);
    r.write(R.TDT, 2);
    expect(r.sent.map((f) => f.every((byte) => byte === 0))).toEqual([true, true]);
    r.write(R.TDBAH, 0xffff_ffff);
    r.write(R.TDT, 7);
    expect(r.read(R.TDH)).toBe(7);
    expect(r.remarks.some((what) => what.includes("e1000-0"))).toBe(true);
    receiver(r);
    r.write(R.RDBAH, 0xffff_ffff);
    r.card.receive(frame(100));
    expect(r.read(R.RDH)).toBe(7);
  });

  test("every register takes anything", () => {
    const r = rig();
    randomAccesses(r, 0x6000);
    r.card.reset();
    expect(r.read(R.STATUS)).toBe(0x8008_0783);
  });
});

describe("receiving", () => {
  test("what finds no buffer waits, up to the size of the FIFO", () => {
    const r = rig();
    receiver(r, 8);
    r.write(R.RDT, 0);
    for (let i = 0; i < 40; i++) r.card.receive(frame(1514, i));
    // 48 KiB are 32 frames.
    expect(r.read(0x40a0)).toBe(32);
    expect(r.read(R.MPC)).toBe(8);
    r.write(R.RDT, 7);
    expect(r.read(R.RDH)).toBe(7);
    expect(r.ram[BUFFERS + 6 * 2048 + 14]).toBe(6);
    r.write(R.RDT, 6);
    expect(r.read(R.RDH)).toBe(6);
    expect(r.ram[BUFFERS + 5 * 2048 + 14]).toBe(13);
  });

  test("the check sequence is in the buffer unless it is taken off", () => {
    const r = rig();
    receiver(r, 8, 0x8002);
    const given = frame(100);
    r.card.receive(given);
    const view = new DataView(r.ram.buffer);
    expect(view.getUint16(RX_RING + 8, true)).toBe(104);
    expect(view.getUint32(BUFFERS + 100, true)).toBe(frameCheck(given));
    // Of IEEE 802.3's polynomial.
    expect(frameCheck(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
  });

  test("without bus mastering nothing moves", () => {
    const r = rig();
    receiver(r);
    r.board.ports.write(0xcf8, 0x8000_1004, 4);
    r.board.ports.write(0xcfc, 3, 2);
    r.card.receive(frame(100));
    expect(r.read(R.RDH)).toBe(0);
    r.board.ports.write(0xcfc, 7, 2);
    expect(r.read(R.RDH)).toBe(1);
  });
});

describe("interrupts", () => {
  test("the pin follows cause and mask, as often as ITR lets it", () => {
    const r = rig();
    const pin = (): boolean => {
      r.board.ports.write(0xcf8, 0x8000_1004, 4);
      return (r.board.ports.read(0xcfc, 4) & 0x0008_0000) !== 0;
    };
    r.write(R.IMS, R.CAUSE.receiveTimer);
    r.write(R.ITR, 1000);
    receiver(r);
    r.card.receive(frame(60));
    expect(pin()).toBe(true);
    expect(r.read(R.ICR)).toBe(R.CAUSE.receiveTimer);
    expect(pin()).toBe(false);
    r.card.receive(frame(60));
    expect(pin()).toBe(false);
    r.advance(256_000);
    expect(pin()).toBe(true);
    r.write(R.IMC, R.CAUSE.receiveTimer);
    expect(pin()).toBe(false);
  });
});

test("a reset by the guest puts registers back, and leaves the PHY alone", () => {
  const r = rig();
  r.write(R.MDIC, 0x0424_1234);
  transmitter(r, 8, EOP_RS | 60);
  r.write(R.TDT, 2);
  r.write(R.CTRL, 0x0400_0000);
  expect([R.TDH, R.TDT, R.TDLEN, R.TCTL].map((register) => r.read(register))).toEqual([0, 0, 0, 0]);
  expect(r.read(R.CTRL)).toBe(0x0014_0240);
  r.write(R.MDIC, 0x0824_0000);
  expect(r.read(R.MDIC) & 0xffff).toBe(0x1234);
});

test.each(["e1000", "e1000e"] as const)(
  "firmware of the guest's finds the ROM of %s",
  async (model) => {
    const rom = Uint8Array.from({ length: 3000 }, (_, i) => i & 0xff);
    const card = { model, rom };
    const machine = await Machine.create({ bios: flashImage([], 0x1_0000), networkCards: [card] });
    const { ports, mmio } = machine.board;
    for (const [register, value] of [
      [0x30, 0xe000_0001],
      [0x04, 2],
    ] as const) {
      ports.write(0xcf8, 0x8000_1000 | register, 4);
      ports.write(0xcfc, value, 4);
    }
    expect(mmio.read(0xe000_0104, 4)).toBe(0x0706_0504);
    expect(mmio.read(0xe000_0ffc, 4)).toBe(0);
  },
);

test("registers are in I/O space, too", () => {
  const r = rig();
  r.board.ports.write(0xcf8, 0x8000_1014, 4);
  r.board.ports.write(0xcfc, 0xc100, 4);
  r.board.ports.write(0xc100, R.STATUS, 4);
  expect(r.board.ports.read(0xc104, 4)).toBe(0x8008_0783);
});

test("a checksum of a legacy descriptor", () => {
  const r = rig();
  transmitter(r, 8, 0);
  r.ram.set([0x12, 0x34, 0x00, 0x00], BUFFERS + 56);
  r.put(TX_RING, BUFFERS, 0, EOP_RS | 0x0400_0000 | (58 << 16) | 60, 56 << 8);
  r.write(R.TDT, 1);
  expect([...(r.sent[0] as Uint8Array).subarray(56, 60)]).toEqual([0x12, 0x34, 0xed, 0xcb]);
});

test("a snapshot in the middle of a packet and with frames that wait goes on", () => {
  const r = rig();
  transmitter(r, 8, 0x0800_0000 | 30);
  r.write(R.TDT, 1);
  receiver(r);
  r.write(R.RDT, 0);
  r.card.receive(frame(100));
  const saved = r.board.save();
  const other = rig();
  other.ram.set(r.ram);
  other.board.restore(saved);
  for (const each of [r, other]) {
    each.put(TX_RING + 24, EOP_RS | 30);
    each.write(R.TDT, 2);
    each.write(R.RDT, 7);
    expect(each.sent.map(({ length }) => length)).toEqual([60]);
    expect(each.read(R.RDH)).toBe(1);
  }
  expect(other.card.state).toEqual(r.card.state);
});
