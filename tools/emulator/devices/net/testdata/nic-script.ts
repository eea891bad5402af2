// Scripts of accesses to network cards, and what they read here and on QEMU's q35, word by word.

import { Machine } from "../../../host/machine.ts";
import type { NetworkCardOptions } from "../../../machine-options.ts";
import { type Access, busGuest, encodeScript } from "../../../platform/testdata/bus-guest.ts";
import { runOnQemu } from "../../../platform/testdata/qemu.ts";
import { dump, load, pciWrite, store, storeBytes } from "../../ata/testdata/script.ts";

export { dump, load, pciRead, pciWrite, store, storeBytes } from "../../ata/testdata/script.ts";

/** The card's place on the bus, as QEMU has it. */
export const SLOT = 2;
/** Base of its registers, and of those in I/O space; the scripts set them. */
export const BASE = 0xe000_0000;
export const IO_BASE = 0xc100;
export const at = (register: number): number => BASE + register;

/** Where scripts have rings and buffers. */
export const TX_RING = 0x20_0000;
export const RX_RING = 0x21_0000;
export const TX_DATA = 0x30_0000;
export const RX_DATA = 0x40_0000;
export const RX_BYTES = 2048;

const HPET = 0xfed0_0000;

/** Registers are decoded, the card is a bus master. */
export const bringUp = (): Access[] => [
  ...pciWrite(SLOT, 0, 0x10, BASE),
  ...pciWrite(SLOT, 0, 0x14, IO_BASE),
  ...pciWrite(SLOT, 0, 4, 7, 2),
];

/** Bits of the HPET's counter, in units of 10 ns, that are set after 1.3 and 0.7 s. */
const QEMU_WAITS = 0x800_0000;
const BOTH_WAIT = 0x400_0000;
/** A microsecond an instruction: waiting takes a million of them. */
const SLOWLY = ["-icount", "shift=10,sleep=off"] as const;

/** Until the HPET's counter, which starts anew, has one of these bits. */
export const waitUntil = (bits: number): Access[] => [
  store(HPET + 0x10, 0),
  store(HPET + 0xf0, 0),
  store(HPET + 0xf4, 0),
  store(HPET + 0x10, 1),
  ["until-set", HPET + 0xf0, bits],
];

/** QEMU receives nothing for a second after RCTL has been written: it waits, and this emulator does not. */
export const waitForQemu = (): Access[] => waitUntil(QEMU_WAITS);
/** Until a negotiation is over. */
export const waitForLink = (): Access[] => waitUntil(BOTH_WAIT);

/** For longer than QEMU lets interrupts of an e1000e follow each other, whatever ITR says: half a millisecond. */
export const waitBriefly = (): Access[] => waitUntil(0x1_0000);

/** MDIC: reads or writes a register of the PHY, and prints what it reads then. */
export const phy = (register: number, value?: number): Access[] => [
  store(
    at(0x20),
    ((value === undefined ? 0x0800_0000 : 0x0400_0000 | value) | 0x20_0000 | (register << 16)) >>>
      0,
  ),
  ["until-set", at(0x20), 0x1000_0000],
  load(at(0x20)),
];

export interface TransmitDescriptor {
  /** Address of the buffer, or the first two dwords of a context. */
  buffer: number | readonly [number, number];
  /** Third and fourth dword. */
  command: number;
  status?: number;
}

/** A ring of `count` descriptors, the first of which are these, and the transmitter on. */
export const transmitRing = (descriptors: readonly TransmitDescriptor[], count = 8): Access[] => [
  ...descriptors.flatMap(({ buffer, command, status = 0 }, i): Access[] => {
    const [low, high] = typeof buffer === "number" ? [buffer, 0] : buffer;
    return [low, high, command, status].map((v, n) => store(TX_RING + 16 * i + 4 * n, v >>> 0));
  }),
  store(at(0x3800), TX_RING),
  store(at(0x3804), 0),
  store(at(0x3808), count * 16),
  store(at(0x3810), 0),
  store(at(0x3818), 0),
  store(at(0x400), 0x0004_00fa),
];

/** A ring of `count` buffers, of which the guest gives all but one, and the receiver on with these bits of RCTL. */
export const receiveRing = (control: number, count = 8, tail = count - 1): Access[] => [
  ...Array.from({ length: count }, (_, i): Access[] => [
    store(RX_RING + 16 * i, RX_DATA + i * RX_BYTES),
    ...[1, 2, 3].map((n) => store(RX_RING + 16 * i + 4 * n, 0)),
  ]).flat(),
  store(at(0x2800), RX_RING),
  store(at(0x2804), 0),
  store(at(0x2808), count * 16),
  store(at(0x2810), 0),
  store(at(0x2818), tail),
  store(at(0x100), (control | 2) >>> 0),
];

/** What the card sends it receives: the PHY's loopback. */
export const loopback = (): Access[] => [...phy(0, 0x5140)];

/** A frame of `length` bytes, each of which says where it is, in memory. */
export function frameAt(
  address: number,
  length: number,
  destination: readonly number[],
  type = 0x0800,
): Access[] {
  const source = [0x52, 0x54, 0, 1, 2, 3];
  const header = [...destination, ...source, type >> 8, type & 0xff];
  const rest = Array.from({ length: length - header.length }, (_, i) => (i * 7) & 0xff);
  return storeBytes(address, [...header, ...rest]);
}

export const OWN = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
export const OTHER = [0x52, 0x54, 0x00, 0x99, 0x99, 0x99];
export const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
export const GROUP = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb];

/** Bits of a descriptor's third dword. */
export const EOP_RS_FCS = 0x0b00_0000;
/** RCTL: broadcasts, the check sequence taken off, which QEMU counts and does not store otherwise. */
export const USUAL = 0x0400_8000;

export const send = (tail: number): Access[] => [store(at(0x3818), tail), load(at(0x3810))];
export const causes = (): Access => load(at(0xc0));
export const received = (count: number, bytes = 64): Access[] => [
  load(at(0x2810)),
  ...Array.from({ length: count }, (_, i) => [
    ...dump(RX_RING + 16 * i, 16),
    ...dump(RX_DATA + 2048 * i, bytes),
  ]).flat(),
];

/** A ring each way in loopback, with frames of these lengths and destinations. */
export function looped(
  frames: readonly (readonly [length: number, destination: readonly number[], type?: number])[],
  control = USUAL,
  before: readonly Access[] = [],
): Access[] {
  return [
    ...bringUp(),
    ...loopback(),
    ...frames.flatMap(([length, destination, type], i) =>
      frameAt(TX_DATA + 0x4000 * i, length, destination, type),
    ),
    ...transmitRing(
      frames.map(([length], i) => ({ buffer: TX_DATA + 0x4000 * i, command: EOP_RS_FCS | length })),
    ),
    ...before,
    ...receiveRing(control),
    ...waitForQemu(),
    ...send(frames.length),
  ];
}

/** IPv4 with TCP or UDP from byte 14 on, with `payload` bytes. */
export function datagram(address: number, protocol: number, payload: number): Access[] {
  const header = protocol === 6 ? 20 : 8;
  const length = 20 + header + payload;
  const ip = [0x45, 0, length >> 8, length & 0xff, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0];
  const bytes = [...ip, 10, 0, 2, 15, 10, 0, 2, 2, 0x12, 0x34, 0, 80];
  if (protocol === 6) bytes.push(1, 2, 3, 0xf0, 0, 0, 0, 1, 0x50, 0x19, 16, 0, 0xab, 0xcd, 0, 0);
  else bytes.push((8 + payload) >> 8, (8 + payload) & 0xff, 0xab, 0xcd);
  return [
    ...frameAt(address, 14, OWN),
    ...wordsAt(address, [...OWN, 0x52, 0x54, 0, 1, 2, 3, 8, 0, ...bytes], payload),
  ];
}
function wordsAt(address: number, head: readonly number[], payload: number): Access[] {
  const bytes = [...head, ...Array.from({ length: payload }, (_, i) => (i * 13 + 5) & 0xff)];
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Array.from({ length: bytes.length / 4 }, (_, i) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(4 * i, 4 * i + 4);
    return store(address + 4 * i, (a | (b << 8) | (c << 16) | (d << 24)) >>> 0);
  });
}

/** The context of such a datagram: checksums of IP header and of TCP or UDP, and how it is cut. */
export const context = (tcp: boolean, more = 0, mss = 0, payload = 0) =>
  ({
    buffer: [0x0021_180e, tcp ? 0x0000_3222 : 0x0000_2822],
    command: (0x2000_0000 | 0x0200_0000 | (tcp ? 0x0100_0000 : 0) | more | payload) >>> 0,
    status: ((mss << 16) | ((tcp ? 54 : 42) << 8)) >>> 0,
  }) as const;

export interface Answers {
  ours: string[];
  theirs: string[];
}

/** What the script reads, here and there, in bits that are compared. */
export async function answers(
  script: readonly Access[],
  card: NetworkCardOptions = { model: "e1000" },
  model = "e1000,romfile=",
): Promise<Answers> {
  const guest = busGuest();
  const isOurs = (a: Access): boolean => a[0] !== "until-set" || a[2] !== QEMU_WAITS;
  let output = "";
  const machine = await Machine.create({
    kernel: guest,
    modules: [{ file: encodeScript(script.filter(isOurs)) }],
    networkCards: [card],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  machine.runSync({ nanoseconds: 10e9 });
  const extra = [...SLOWLY, "-nic", "none", "-device", model];
  const oracle = runOnQemu(guest, [encodeScript(script)], extra).debugcon;
  return { ours: shown(script, output), theirs: shown(script, oracle) };
}

function shown(script: readonly Access[], output: string): string[] {
  const reads = script.filter((a) => a[0] === "in" || a[0] === "load");
  const lines = output.split("\n");
  return reads.map((a, i) => {
    const mask = (a[0] === "load" || a[0] === "in" ? a[3] : undefined) ?? -1;
    const value = lines[i] === undefined || lines[i] === "" ? "nothing" : lines[i];
    const bits = (Number.parseInt(value as string, 16) & mask) >>> 0;
    return `${a[0]} ${a[1].toString(16)} ${value === "nothing" ? value : bits.toString(16)}`;
  });
}
