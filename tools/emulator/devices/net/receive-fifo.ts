// The receiving end of the controllers of this family: which frames are taken from the wire, and a FIFO for those that find
// no buffer (Intel 317453, 3.2; 82574 datasheet, 7.1). What a ring's descriptors say is the card's own.

import { isBroadcast, isMulticast, isTagged, isWanted, word } from "./e1000-filter.ts";
import * as R from "./e1000-registers.ts";
import { frameCheck } from "./frame-check.ts";
import { FCS_BYTES, MIN_FRAME } from "./network-card.ts";
import type { RegisterFile } from "./register-file.ts";

/** Limits without and with RCTL.LPE, with a VLAN tag and without the check sequence. */
const MAX_SHORT = 1518;
const MAX_LONG = 16380;
const KIB = 1024;
/** The packet buffer of the largest of them, KiB: PBA cannot share out more (Intel 317453, 13.4.24). */
const MAX_FIFO_KIB = 64;

export interface ReceiveHost {
  readonly registers: RegisterFile;
  receiving(): ReceiveState;
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

/** Where frames go. */
export interface FrameSink {
  /** There are buffers for all of a frame. */
  fits(frame: Uint8Array): boolean;
  deliver(frame: Uint8Array): void;
}

export class Receiver {
  readonly #host: ReceiveHost;
  readonly #sink: FrameSink;

  constructor(host: ReceiveHost, sink: FrameSink) {
    this.#host = host;
    this.#sink = sink;
  }

  get #control(): number {
    return this.#host.registers.get(R.RCTL);
  }

  get #isOn(): boolean {
    const isUp = (this.#host.registers.get(R.STATUS) & R.STATUS_LINK_UP) !== 0;
    return isUp && (this.#control & R.RCTL_BITS.enable) !== 0;
  }

  /** A frame is on the wire. */
  receive(given: Uint8Array): void {
    if (!this.#isOn) return;
    const { registers } = this.#host;
    const frame = padded(given);
    const limit = this.#control & R.RCTL_BITS.longPackets ? MAX_LONG : MAX_SHORT;
    if (frame.length > limit && !(this.#control & R.RCTL_BITS.storeBad)) {
      registers.count(R.ROC);
      return;
    }
    if (!isWanted(registers, frame)) return;
    const { fifo } = this.#host.receiving();
    const used = fifo.reduce((sum, { length }) => sum + length, 0);
    const size = Math.min(registers.get(R.PBA) & 0xffff, MAX_FIFO_KIB) * KIB;
    if (used + frame.length > size) {
      registers.count(R.MPC);
      this.#host.raise(R.CAUSE.receiveOverrun);
      return;
    }
    fifo.push(frame);
    this.drain();
    if (fifo.includes(frame)) registers.count(R.RNBC);
  }

  /** There may be buffers for what waits. */
  drain(): void {
    const { fifo } = this.#host.receiving();
    while (
      this.#isOn &&
      this.#host.isMaster() &&
      fifo[0] !== undefined &&
      this.#sink.fits(fifo[0])
    ) {
      this.#sink.deliver(fifo.shift() as Uint8Array);
    }
  }
}

/** A frame as it goes into buffers: without the tag that is taken out of it, with the check sequence unless that is stripped. */
export interface BufferedFrame {
  bare: Uint8Array;
  bytes: Uint8Array;
  /** The tag that has been taken out. */
  vlan: number | undefined;
}

export function buffered(registers: RegisterFile, frame: Uint8Array): BufferedFrame {
  const isTaken = (registers.get(R.CTRL) & R.CTRL_VME) !== 0 && isTagged(registers, frame);
  const bare = isTaken ? untagged(frame) : frame;
  const bytes = registers.get(R.RCTL) & R.RCTL_BITS.stripCrc ? bare : withCrc(bare);
  return { bare, bytes, vlan: isTaken ? word(frame, 14) : undefined };
}

/** Bytes of a buffer, by RCTL. */
export function bufferBytes(control: number): number {
  const size = (control >> R.BUFFER_SIZE_SHIFT) & 3;
  const larger = control & R.RCTL_BITS.largerBuffers && size > 0;
  return (2048 >> size) * (larger ? 16 : 1);
}

/** Counts a frame that a guest has got. */
export function countReceived(registers: RegisterFile, { bare }: BufferedFrame): void {
  const bytes = bare.length + FCS_BYTES;
  registers.count(R.sizeCounter(R.PRC64, bytes));
  registers.count(R.TPR);
  registers.count(R.GPRC);
  registers.count(R.TORL, bytes);
  registers.count(R.GORCL, bytes);
  if (isBroadcast(bare)) registers.count(R.BPRC);
  else if (isMulticast(bare)) registers.count(R.MPRC);
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
