// A board with one of Intel's network cards, whose registers a test accesses itself.

import { ALL_DEVICES, type BareBoard, bareBoard } from "../../../platform/testdata/bare-board.ts";
import type { Device, DeviceClass } from "../../device.ts";
import * as R from "../e1000-registers.ts";
import type { NetworkCard } from "../network-card.ts";

const BASE = 0xe000_0000;
export const TX_RING = 0x1_0000;
export const RX_RING = 0x2_0000;
export const BUFFERS = 0x3_0000;
export const EOP_RS = 0x0900_0000;
const OWN = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x52, 0x54, 0, 1, 2, 3, 8, 0);

export interface CardRig<C extends NetworkCard & Device = NetworkCard & Device> extends BareBoard {
  card: C;
  sent: Uint8Array[];
  read(register: number): number;
  write(register: number, value: number): void;
  put(address: number, ...values: number[]): void;
}

/** A board with a card of this kind, which decodes its registers and is a bus master; more of configuration space may be set. */
export function cardRig<C extends NetworkCard & Device>(
  kind: string,
  device: DeviceClass<C>,
  more: readonly (readonly [register: number, value: number])[] = [],
): CardRig<C> {
  const b = bareBoard([...ALL_DEVICES, { kind }]);
  const { mmio, ports } = b.board;
  for (const [register, value] of [[0x10, BASE] as const, ...more, [0x04, 7] as const]) {
    ports.write(0xcf8, 0x8000_1000 | register, 4);
    ports.write(0xcfc, value, 4);
  }
  const card = b.board.find(device) as C;
  const sent: Uint8Array[] = [];
  card.onFrame = (frame) => sent.push(frame);
  const view = new DataView(b.ram.buffer);
  return Object.assign(b, {
    card,
    sent,
    read: (register: number) => mmio.read(BASE + register, 4),
    write: (register: number, value: number) => mmio.write(BASE + register, value >>> 0, 4),
    put: (address: number, ...values: number[]) => {
      values.forEach((value, i) => {
        view.setUint32(address + 4 * i, value >>> 0, true);
      });
    },
  });
}

/** A ring of `count` equal descriptors, and the transmitter on. */
export function transmitter(r: CardRig, count: number, command: number, buffer = BUFFERS): void {
  for (let i = 0; i < Math.min(count, 256); i++) r.put(TX_RING + 16 * i, buffer, 0, command, 0);
  r.write(R.TDBAL, TX_RING);
  r.write(R.TDLEN, count * 16);
  r.write(R.TCTL, 2);
}

export function receiver(r: CardRig, count = 8, control = 0x0400_8002): void {
  for (let i = 0; i < count; i++) r.put(RX_RING + 16 * i, BUFFERS + 2048 * i, 0, 0, 0);
  r.write(R.RDBAL, RX_RING);
  r.write(R.RDLEN, count * 16);
  r.write(R.RDT, count - 1);
  r.write(R.RCTL, control);
}

export function frame(length: number, fill = 1): Uint8Array {
  const out = new Uint8Array(length).fill(fill);
  out.set(OWN);
  return out;
}

/** Reads and writes of registers up to `end` for the most part, frames that arrive, and time that passes. */
export function randomAccesses(r: CardRig, end: number): void {
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed;
  };
  for (let i = 0; i < 20_000; i++) {
    const register = random() % 8 === 0 ? random() & 0x1fffc : (random() % end) & ~3;
    if (random() & 1) r.write(register, random());
    else r.read(register);
    if (i % 50 === 0) r.card.receive(frame(60 + (random() % 3000)));
    if (i % 500 === 0) r.advance(100_000);
  }
}
