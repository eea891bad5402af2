// The 82574L where QEMU is no oracle: rings that make no sense, messages, throttling, segments, resets and snapshots.

import { describe, expect, test } from "vitest";
import { Machine } from "../../host/machine.ts";
import { type Access, busGuest, encodeScript } from "../../platform/testdata/bus-guest.ts";
import * as R from "./e1000-registers.ts";
import { E1000e } from "./e1000e.ts";
import * as E from "./e1000e-registers.ts";
import { toeplitz } from "./receive-side-scaling.ts";
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
import * as S from "./testdata/nic-script.ts";

const MSIX = 0xe004_0000;
const rig = (...more: (readonly [register: number, value: number])[]) =>
  cardRig("e1000e", E1000e, [[0x1c, MSIX], ...more]);

/** MSI-X with vector n's message to interrupt 40h + n of CPU 0. */
function withMessages() {
  const r = rig([0xa0, 0x8000_0000]);
  for (let vector = 0; vector < E.VECTORS; vector++) {
    [0xfee0_0000, 0, 0x40 + vector, 0].forEach((value, i) => {
      r.board.mmio.write(MSIX + 16 * vector + 4 * i, value, 4);
    });
  }
  r.write(E.IVAR, 0x000c_ba98);
  return r;
}

describe("rings that make no sense", () => {
  test("a head beyond the end comes back to the start", () => {
    const r = rig();
    transmitter(r, 8, EOP_RS | 60);
    r.write(R.TDH, 5000);
    r.write(R.TDT, 3);
    expect(r.read(R.TDH)).toBe(3);
  });

  test("the longest rings of the longest packets take the time of the wire", () => {
    const r = rig();
    transmitter(r, 0xfff8, EOP_RS | 0xffff);
    r.write(R.TDT, 0xfff0);
    const soon = r.sent.length;
    expect(soon).toBeLessThan(10);
    r.advance(10_000_000);
    expect(r.sent.length - soon).toBeGreaterThan(10);
    expect(r.sent.length - soon).toBeLessThan(30);
  });

  test("rings and buffers outside memory", () => {
    const r = rig();
    transmitter(r, 8, EOP_RS | 60, 0xf000_0000);
    r.write(R.TDT, 2);
    expect(r.sent).toHaveLength(2);
    receiver(r);
    for (const control of [0x0400_8002, 0x0400_8402]) {
      r.write(E.RFCTL, control & 0x400 ? E.RFCTL_BITS.extended : 0);
      r.write(R.RCTL, control);
      r.write(R.RDBAH, 0xffff_ffff);
      r.card.receive(frame(100));
      r.write(R.RDBAH, 0);
    }
    expect(r.remarks.some((what) => what.includes("e1000e-0"))).toBe(true);
  });

  test("descriptors without buffers are passed over, and the packet is lost", () => {
    const r = rig();
    receiver(r);
    for (let i = 0; i < 8; i++) r.put(RX_RING + 16 * i, 0, 0, 0, 0);
    r.card.receive(frame(100));
    expect(r.read(R.RDH)).toBe(7);
    expect(r.read(R.MPC)).toBe(1);
  });

  test("buffers of no size take nothing, and nothing hangs", () => {
    const r = rig();
    receiver(r);
    r.write(E.RFCTL, E.RFCTL_BITS.extended);
    r.write(E.PSRCTL, 0);
    r.write(R.RCTL, 0x0400_8402);
    r.card.receive(frame(100));
    expect(r.read(R.RDH)).toBe(0);
  });

  test("every register takes anything", () => {
    for (const r of [rig(), withMessages()]) {
      randomAccesses(r, 0x5d00);
      r.card.reset();
      expect(r.read(R.STATUS)).toBe(0x0008_0283);
    }
  });
});

/** Rings, descriptors and packets of random bytes, with the card on; what takes longest, ms. */
function randomRings(first: number): number {
  let seed = first;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed >>> 7) | (seed << 25);
  };
  const below = (limit: number): number => (random() >>> 0) % limit;
  const r = below(2) === 0 ? rig() : withMessages();
  const view = new DataView(r.ram.buffer);
  for (let at = 0; at < r.ram.length; at += 4) {
    view.setUint32(at, (below(3) === 0 ? below(r.ram.length) : random()) >>> 0, true);
  }
  const always: Record<number, number> = { [R.RCTL]: 2, [R.TCTL]: 2, [E.TARC[0]]: E.TARC_ENABLE };
  const registers = [
    ...[R.RCTL, R.TCTL, R.VET, R.PBA, R.IMS, R.ICS, E.RFCTL, E.PSRCTL, E.MRQC, E.RXCSUM, E.IVAR],
    ...[E.EIAC, E.CTRL_EXT, E.RSRPD, E.TARC[0]],
    ...[...E.RECEIVE_RINGS, ...E.TRANSMIT_RINGS].flatMap((ring) => Object.values(ring)),
  ];
  const lengths = new Set([...E.RECEIVE_RINGS, ...E.TRANSMIT_RINGS].map(({ length }) => length));
  let longest = 0;
  for (let i = 0; i < 200; i++) {
    const register = registers[below(registers.length)] as number;
    const given = frame(60 + below(1500)).map((byte, at) => (at < 12 ? byte : random()));
    given.set([[0x08, 0x00, 0x45] as const, [0x86, 0xdd, 0x60] as const][i & 1] ?? [], 12);
    given[23] = i & 2 ? 6 : 17;
    // Long rings are another test's.
    const value = lengths.has(register)
      ? below(0x1000)
      : below(2) === 0
        ? random()
        : below(0x10_0000);
    const start = performance.now();
    r.write(register, value | (always[register] ?? 0));
    if (i % 5 === 0) r.card.receive(given);
    if (i % 7 === 0) r.advance(1_000_000);
    longest = Math.max(longest, performance.now() - start);
  }
  return longest;
}

test("rings, descriptors and packets of random bytes neither throw nor go on for ever", () => {
  const longest = Array.from({ length: 30 }, (_, i) => randomRings(7919 * (i + 1)));
  expect(Math.max(...longest)).toBeLessThan(5000);
});

describe("headers that lie", () => {
  const types = [
    [8, 0],
    [0x86, 0xdd],
    [0x81, 0],
    [0x88, 0xa8],
  ];
  test("a packet may end anywhere", () => {
    const r = rig();
    receiver(r);
    r.write(E.RFCTL, E.RFCTL_BITS.extended);
    r.write(E.MRQC, 0x1f_0001);
    for (const hash of [0, E.RXCSUM_BITS.hash]) {
      r.write(E.RXCSUM, hash | E.RXCSUM_BITS.ip | E.RXCSUM_BITS.transport);
      for (let fill = 0; fill < 256; fill++) {
        for (const type of types) {
          const given = frame(60 + (fill % 7), fill);
          given.set(type, 12);
          given[20] = [0, 6, 17, 43, 44, 60][fill % 6] as number;
          r.put(RX_RING + 16 * r.read(R.RDH), BUFFERS, 0, 0, 0);
          r.card.receive(given);
          r.write(R.RDT, (r.read(R.RDH) + 7) & 7);
        }
      }
    }
    expect(r.read(R.GPRC)).toBe(2048);
  });
});

describe("interrupts", () => {
  const pin = (r: ReturnType<typeof rig>): boolean => {
    r.board.ports.write(0xcf8, 0x8000_1004, 4);
    return (r.board.ports.read(0xcfc, 4) & 0x0008_0000) !== 0;
  };

  test("the pin follows cause and mask, as often as ITR lets it", () => {
    const r = rig();
    r.write(R.IMS, R.CAUSE.receiveTimer);
    r.write(R.ITR, 1000);
    receiver(r);
    r.card.receive(frame(60));
    expect(pin(r)).toBe(true);
    expect(r.read(R.ICR)).toBe((R.CAUSE.receiveTimer | E.CAUSE.asserted) >>> 0);
    expect(pin(r)).toBe(false);
    r.card.receive(frame(60));
    expect(pin(r)).toBe(false);
    r.advance(256_000);
    expect(pin(r)).toBe(true);
    expect(r.read(E.IAC)).toBe(2);
  });

  test("reading ICR masks what IAM says", () => {
    const r = rig();
    r.write(E.CTRL_EXT, E.CTRL_EXT_BITS.readMasks);
    r.write(E.IAM, R.CAUSE.linkChange);
    r.write(R.IMS, 0x84);
    r.write(R.ICS, 0x84);
    r.read(R.ICR);
    expect(r.read(R.IMS)).toBe(0x80);
  });

  test("one message for causes that are new, as often as ITR lets it", () => {
    const r = rig([0xd4, 0xfee0_0000], [0xdc, 0x51], [0xd0, 0x1_0000]);
    r.write(R.IMS, 0x84);
    r.write(R.ITR, 1000);
    r.write(R.ICS, 0x80);
    expect(r.vectors).toEqual([0x51]);
    r.write(R.ICS, 0x80);
    r.write(R.ICS, 0x04);
    expect(r.vectors).toEqual([0x51]);
    r.advance(256_000);
    expect(r.vectors).toEqual([0x51, 0x51]);
    r.advance(512_000);
    expect(r.vectors).toEqual([0x51, 0x51]);
    expect(pin(r)).toBe(false);
  });

  test("a vector a cause, each as often as its EITR lets it", () => {
    const r = withMessages();
    r.write(E.EITR, 1000);
    r.write(E.EIAC, 0x01f0_0000);
    r.write(R.IMS, 0x01f0_0000);
    for (const cause of [...E.CAUSE.receive, ...E.CAUSE.transmit, R.CAUSE.linkChange]) {
      r.write(R.ICS, cause);
    }
    expect(r.vectors).toEqual([0x40, 0x41, 0x42, 0x43, 0x44]);
    // EIAC cleared causes and masks.
    expect(r.read(R.IMS)).toBe(0);
    r.write(R.IMS, 0x01f0_0000);
    r.write(R.ICS, 0x30_0000);
    expect(r.vectors.slice(5)).toEqual([0x44, 0x41]);
    r.advance(256_000);
    expect(r.vectors.slice(7)).toEqual([0x40]);
  });
});

test("two queues of messages by a hash", () => {
  const r = withMessages();
  receiver(r);
  r.write(0x2900, RX_RING + 0x1000);
  r.write(0x2908, 128);
  r.write(0x2918, 7);
  for (let i = 0; i < 8; i++)
    r.put(RX_RING + 0x1000 + 16 * i, BUFFERS + 0x8000 + 2048 * i, 0, 0, 0);
  r.write(E.RFCTL, E.RFCTL_BITS.extended);
  r.write(E.RXCSUM, E.RXCSUM_BITS.hash);
  r.write(E.MRQC, 0x2_0001);
  for (let i = 0; i < 32; i++) r.write(E.RETA + 4 * i, 0x8000_8000);
  // Bit 31 of the key: the lowest of the first 32.
  r.write(E.RSSRK, 0x0100_0000);
  r.write(R.IMS, 0x01f0_0000);
  const given = frame(100, 0);
  given.set([8, 0, 0x45], 12);
  for (const last of [0, 0xff]) {
    given.fill(last, 26, 34);
    r.card.receive(given);
  }
  const view = new DataView(r.ram.buffer);
  const types = [RX_RING, RX_RING + 0x1000].map((ring) => view.getUint32(ring, true));
  const hashes = [RX_RING, RX_RING + 0x1000].map((ring) => view.getUint32(ring + 4, true));
  expect(hashes.map((hash) => hash & 1)).toEqual([0, 1]);
  expect(types).toEqual([0x002, 0x102]);
  expect(r.vectors).toEqual([0x40, 0x41]);
});

test("the hash is Toeplitz's, by Microsoft's example", () => {
  const key = [
    ...[0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3],
    ...[0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3],
    ...[0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa],
  ];
  // 66.9.149.187:2794 to 161.142.100.80:1766.
  const addresses = [66, 9, 149, 187, 161, 142, 100, 80];
  expect(toeplitz(key, addresses)).toBe(0x323e_8fc2);
  expect(toeplitz(key, [...addresses, 0x0a, 0xea, 0x06, 0xe6])).toBe(0x51cc_c178);
});

test("TCP is cut into segments, with checksums", () => {
  const r = rig();
  transmitter(r, 8, 0);
  const packet = frame(54 + 250, 0);
  packet.set([8, 0, 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2], 12);
  // The sum of the pseudo header without a length.
  packet.set([0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x19, 1, 0, 0x18, 0x17], 34);
  r.ram.set(packet, BUFFERS);
  r.put(TX_RING, 0x0021_180e, 0x0000_3222, 0x2f00_00fa, (100 << 16) | (54 << 8));
  r.put(TX_RING + 16, BUFFERS, 0, 0x2f10_0000 | packet.length, 0x300);
  r.write(R.TDT, 2);
  expect(r.sent.map(({ length }) => length)).toEqual([154, 154, 104]);
  const word = (f: Uint8Array, at: number): number =>
    ((f[at] as number) << 8) | (f[at + 1] as number);
  const sum = (bytes: Uint8Array, start: number): number => {
    let total = start;
    for (let at = 0; at < bytes.length; at += 2) total += word(bytes, at);
    while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
    return total;
  };
  for (const [i, f] of r.sent.entries()) {
    expect(word(f, 40)).toBe(9 + 100 * i);
    expect(word(f, 16)).toBe(f.length - 14);
    expect(sum(f.subarray(14, 34), 0)).toBe(0xffff);
    expect(sum(f.subarray(34), sum(f.subarray(26, 34), 6 + f.length - 34))).toBe(0xffff);
  }
  expect(r.read(R.TSCTC)).toBe(1);
});

test("a reset by the guest puts registers back, and leaves NVM, PHY and MSI-X alone", () => {
  const r = withMessages();
  r.write(R.MDIC, 0x0424_1234);
  r.write(E.EEWR, 0xabcd_0029);
  transmitter(r, 8, EOP_RS | 60);
  r.write(R.TDT, 2);
  r.write(R.CTRL, 0x0400_0000);
  expect([R.TDH, R.TDT, R.TDLEN, R.TCTL].map((register) => r.read(register))).toEqual([0, 0, 0, 0]);
  expect(r.read(R.CTRL)).toBe(0x0014_0241);
  r.write(R.MDIC, 0x0824_0000);
  expect(r.read(R.MDIC) & 0xffff).toBe(0x1234);
  r.write(R.EERD, 0x29);
  expect(r.read(R.EERD) >>> 16).toBe(0xabcd);
  expect(r.board.mmio.read(MSIX + 8, 4)).toBe(0x40);
  r.card.reset();
  expect(r.board.mmio.read(MSIX + 8, 4)).toBe(0);
});

test("a snapshot in the middle of packets, with frames and vectors that wait, goes on", () => {
  const r = withMessages();
  transmitter(r, 8, 0x0800_0000 | 30);
  r.write(R.TDT, 1);
  receiver(r);
  r.write(R.RDT, 0);
  r.card.receive(frame(100));
  r.write(E.EITR, 1000);
  r.write(R.IMS, 0x10_0000);
  r.write(R.ICS, 0x10_0000);
  r.write(R.ICR, 0x10_0000);
  r.write(R.ICS, 0x10_0000);
  expect(r.vectors).toEqual([0x40]);
  const saved = r.board.save();
  const other = rig();
  other.ram.set(r.ram);
  other.board.restore(saved);
  // Nothing happens by restoring it.
  expect(other.board.save().devices).toEqual(saved.devices);
  expect(other.vectors).toEqual([]);
  r.vectors.length = 0;
  for (const each of [r, other]) {
    each.put(TX_RING + 24, EOP_RS | 30);
    each.write(R.TDT, 2);
    each.write(R.RDT, 7);
    expect(each.sent.map(({ length }) => length)).toEqual([60]);
    expect(each.read(R.RDH)).toBe(1);
    each.advance(300_000);
  }
  expect(other.card.state).toEqual(r.card.state);
  expect(other.vectors).toContain(0x40);
});

test("a machine that is restored while it waits for a frame goes on as the first one does", async () => {
  const script: Access[] = [
    ...S.bringUp(),
    ...S.pciWrite(S.SLOT, 0, 0x1c, MSIX),
    ...S.frameAt(S.TX_DATA, 300, S.OTHER),
    ...S.transmitRing([{ buffer: S.TX_DATA, command: S.EOP_RS_FCS | 300 }]),
    ...S.receiveRing(S.USUAL),
    ...S.send(1),
    ["until-set", S.at(R.RDH), 2],
    ...S.received(2),
    S.causes(),
  ];
  const create = async (modules: { file: Uint8Array }[]) => {
    const machine = await Machine.create({
      kernel: busGuest(),
      modules,
      networkCards: [{ model: "e1000e" }],
      debugExit: { iobase: 0xf4, iosize: 4 },
    });
    return machine;
  };
  const modules = [{ file: encodeScript(script) }];
  const first = await create(modules);
  // Before the guest has touched the card, too.
  const untouched = await create(modules);
  untouched.restore(first.snapshot());
  expect(untouched.stateHash()).toBe(first.stateHash());
  first.runSync({ nanoseconds: 20_000_000 });
  first.input({ kind: "frame", card: 0, bytes: frame(100) });
  first.runSync({ nanoseconds: 1_000_000 });
  const saved = first.snapshot();
  const second = await create(modules);
  second.restore(saved);
  expect(second.stateHash()).toBe(first.stateHash());
  for (const machine of [first, second]) {
    machine.input({ kind: "frame", card: 0, bytes: frame(200) });
    expect(machine.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  }
  expect(second.stateHash()).toBe(first.stateHash());
});
