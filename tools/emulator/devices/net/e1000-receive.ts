// The card's receiver (Intel 317453, 3.2): which frames it takes, a FIFO for those that find no buffer, and the ring
// of descriptors that they go into. Checksums are left to the guest: every descriptor says so.

import * as R from "./e1000-registers.ts";
import { ringBase, sizeCounter } from "./e1000-transmit.ts";
import { frameCheck } from "./frame-check.ts";
import { FCS_BYTES, MAC_BYTES, MIN_FRAME } from "./network-card.ts";

const DESCRIPTOR_BYTES = 16;

/** Bits of RCTL (13.4.22). */
const RCTL = {
  enable: 0x2,
  storeBad: 0x4,
  unicastPromiscuous: 0x8,
  multicastPromiscuous: 0x10,
  longPackets: 0x20,
  broadcasts: 0x8000,
  vlanFilter: 0x4_0000,
  largerBuffers: 0x200_0000,
  stripCrc: 0x400_0000,
} as const;
const THRESHOLD_SHIFT = 8;
const OFFSET_SHIFT = 12;
const SIZE_SHIFT = 16;

/** Which bits of an address's last 16 choose one of the multicast table, by RCTL.MO. */
const MULTICAST_SHIFTS = [4, 3, 2, 0] as const;
const ADDRESS_VALID = 0x8000_0000;
const ADDRESSES = 16;

/** Status of a descriptor (3.2.3.1): done, end of packet, no checksums, VLAN tag taken out. */
const DD = 0x01;
const EOP = 0x02;
const IXSM = 0x04;
const VP = 0x08;

/** Limits without and with RCTL.LPE, with a VLAN tag and without the check sequence. */
const MAX_SHORT = 1518;
const MAX_LONG = 16380;
const KIB = 1024;

export interface ReceiveHost {
  receiving(): ReceiveState;
  get(register: number): number;
  set(register: number, value: number): void;
  count(register: number, amount?: number): void;
  fetch(address: number, length: number): Uint8Array;
  store(address: number, bytes: Uint8Array): void;
  raise(causes: number): void;
  /** Guest memory can be written. */
  isMaster(): boolean;
}

export interface ReceiveState {
  /** Frames that no buffer has been there for. */
  fifo: Uint8Array[];
}

export const receiveReset = (): ReceiveState => ({ fifo: [] });

const isBroadcast = (frame: Uint8Array): boolean =>
  frame.subarray(0, MAC_BYTES).every((byte) => byte === 0xff);

const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

export class Receiver {
  readonly #host: ReceiveHost;

  constructor(host: ReceiveHost) {
    this.#host = host;
  }

  get #control(): number {
    return this.#host.get(R.RCTL);
  }

  get #isOn(): boolean {
    return (
      (this.#host.get(R.STATUS) & R.STATUS_LINK_UP) !== 0 && (this.#control & RCTL.enable) !== 0
    );
  }

  /** A frame is on the wire. */
  receive(given: Uint8Array): void {
    if (!this.#isOn) return;
    const frame = padded(given);
    const limit = this.#control & RCTL.longPackets ? MAX_LONG : MAX_SHORT;
    if (frame.length > limit && !(this.#control & RCTL.storeBad)) {
      this.#host.count(R.ROC);
      return;
    }
    if (!this.#isWanted(frame)) return;
    const { fifo } = this.#host.receiving();
    const used = fifo.reduce((sum, { length }) => sum + length, 0);
    if (used + frame.length > (this.#host.get(R.PBA) & 0xffff) * KIB) {
      this.#host.count(R.MPC);
      this.#host.raise(R.CAUSE.receiveOverrun);
      return;
    }
    fifo.push(frame);
    this.drain();
    if (fifo.includes(frame)) this.#host.count(R.RNBC);
  }

  /** There may be buffers for what waits. */
  drain(): void {
    const { fifo } = this.#host.receiving();
    while (this.#isOn && this.#host.isMaster() && fifo[0] !== undefined && this.#fits(fifo[0])) {
      this.#deliver(fifo.shift() as Uint8Array);
    }
  }

  // ---- Filters (13.5)

  #isWanted(frame: Uint8Array): boolean {
    return this.#isVlanWanted(frame) && this.#isAddressWanted(frame);
  }

  #isTagged(frame: Uint8Array): boolean {
    return word(frame, 12) === (this.#host.get(R.VET) & 0xffff);
  }

  #isVlanWanted(frame: Uint8Array): boolean {
    if (!(this.#control & RCTL.vlanFilter) || !this.#isTagged(frame)) return true;
    const vlan = word(frame, 14) & 0xfff;
    return ((this.#host.get(R.VFTA + 4 * (vlan >> 5)) >>> (vlan & 31)) & 1) !== 0;
  }

  #isAddressWanted(frame: Uint8Array): boolean {
    const control = this.#control;
    if (isBroadcast(frame)) {
      if (control & RCTL.broadcasts) return true;
    } else if ((frame[0] as number) & 1) {
      if (control & RCTL.multicastPromiscuous) return true;
    } else if (control & RCTL.unicastPromiscuous) return true;
    const view = new DataView(frame.buffer, frame.byteOffset);
    const [low, high] = [view.getUint32(0, true), view.getUint16(4, true)];
    for (let i = 0; i < ADDRESSES; i++) {
      const upper = this.#host.get(R.RA + 8 * i + 4);
      if (
        upper & ADDRESS_VALID &&
        (upper & 0xffff) === high &&
        this.#host.get(R.RA + 8 * i) === low
      )
        return true;
    }
    const shift = MULTICAST_SHIFTS[(control >> OFFSET_SHIFT) & 3] as number;
    const hash = (high >> shift) & 0xfff;
    return ((this.#host.get(R.MTA + 4 * (hash >> 5)) >>> (hash & 31)) & 1) !== 0;
  }

  // ---- The ring (3.2.6)

  get #bufferBytes(): number {
    const size = (this.#control >> SIZE_SHIFT) & 3;
    const larger = this.#control & RCTL.largerBuffers && size > 0;
    return (2048 >> size) * (larger ? 16 : 1);
  }

  /** Descriptors that the guest has given. */
  get #free(): number {
    const [head, tail] = [this.#host.get(R.RDH), this.#host.get(R.RDT)];
    const count = Math.floor(this.#host.get(R.RDLEN) / DESCRIPTOR_BYTES);
    if (count === 0 || head === tail) return 0;
    return head < tail ? tail - head : Math.max(0, count + tail - head);
  }

  get #crcBytes(): number {
    return this.#control & RCTL.stripCrc ? 0 : FCS_BYTES;
  }

  #isTagTaken(frame: Uint8Array): boolean {
    return (this.#host.get(R.CTRL) & R.CTRL_VME) !== 0 && this.#isTagged(frame);
  }

  #fits(frame: Uint8Array): boolean {
    const bytes = frame.length - (this.#isTagTaken(frame) ? 4 : 0) + this.#crcBytes;
    return bytes <= this.#free * this.#bufferBytes;
  }

  #deliver(frame: Uint8Array): void {
    const host = this.#host;
    const isTagTaken = this.#isTagTaken(frame);
    const bare = isTagTaken ? untagged(frame) : frame;
    const bytes = this.#crcBytes === 0 ? bare : withCrc(bare);
    const special = isTagTaken ? word(frame, 14) : 0;
    const status = DD | (isTagTaken ? VP : 0);
    let at = 0;
    // Descriptors without a buffer are passed over; there is an end to them.
    for (let left = this.#free; left > 0 && at < bytes.length; left--) {
      at += this.#fill(bytes, at, status, special);
    }
    if (at < bytes.length) {
      host.count(R.MPC);
      host.raise(R.CAUSE.receiveOverrun);
      return;
    }
    host.count(sizeCounter(R.PRC64, bare.length + FCS_BYTES));
    host.count(R.TPR);
    host.count(R.GPRC);
    host.count(R.TORL, bare.length + FCS_BYTES);
    host.count(R.GORCL, bare.length + FCS_BYTES);
    if (isBroadcast(frame)) host.count(R.BPRC);
    else if ((frame[0] as number) & 1) host.count(R.MPRC);
    const threshold = host.get(R.RDLEN) >> (((this.#control >> THRESHOLD_SHIFT) & 3) + 1);
    const isLow = this.#free * DESCRIPTOR_BYTES <= threshold;
    host.raise(R.CAUSE.receiveTimer | (isLow ? R.CAUSE.receiveMinimum : 0));
  }

  /** Puts bytes from `from` on into the next descriptor's buffer, and says how many. */
  #fill(bytes: Uint8Array, from: number, status: number, special: number): number {
    const host = this.#host;
    const head = host.get(R.RDH);
    const address = ringBase(host.get(R.RDBAH), host.get(R.RDBAL)) + head * DESCRIPTOR_BYTES;
    const descriptor = host.fetch(address, DESCRIPTOR_BYTES);
    const view = new DataView(descriptor.buffer, descriptor.byteOffset, DESCRIPTOR_BYTES);
    const buffer = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
    const taken = buffer === 0 ? 0 : Math.min(bytes.length - from, this.#bufferBytes);
    if (buffer !== 0) {
      host.store(buffer, bytes.subarray(from, from + taken));
      view.setUint16(8, taken, true);
    }
    const isLast = buffer !== 0 && from + taken >= bytes.length;
    view.setUint8(12, status | (isLast ? EOP | IXSM : 0));
    view.setUint8(13, 0);
    view.setUint16(14, special, true);
    host.store(address, descriptor);
    const next = head + 1;
    host.set(R.RDH, next * DESCRIPTOR_BYTES >= host.get(R.RDLEN) ? 0 : next);
    return taken;
  }
}

function padded(frame: Uint8Array): Uint8Array {
  if (frame.length >= MIN_FRAME) return frame.slice();
  const out = new Uint8Array(MIN_FRAME);
  out.set(frame);
  return out;
}

/** Without the four bytes behind the addresses. */
function untagged(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(frame.length - 4);
  out.set(frame.subarray(0, 12));
  out.set(frame.subarray(16), 12);
  return out;
}

function withCrc(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(frame.length + FCS_BYTES);
  out.set(frame);
  new DataView(out.buffer).setUint32(frame.length, frameCheck(frame), true);
  return out;
}
