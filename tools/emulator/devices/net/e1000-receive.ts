// The 82540EM's ring of receive descriptors (Intel 317453, 3.2.3 and 3.2.6). Checksums are left to the guest: every
// descriptor says so.

import { DESCRIPTOR_BYTES, DescriptorRing, ringAt } from "./descriptor-ring.ts";
import * as R from "./e1000-registers.ts";
import {
  bufferBytes,
  buffered,
  countReceived,
  type FrameSink,
  type ReceiveHost,
} from "./receive-fifo.ts";

const THRESHOLD_SHIFT = 8;

/** Status of a descriptor (3.2.3.1): done, end of packet, no checksums, VLAN tag taken out. */
const DD = 0x01;
const EOP = 0x02;
const IXSM = 0x04;
const VP = 0x08;

export class ReceiveRing implements FrameSink {
  readonly #host: ReceiveHost;
  readonly #ring: DescriptorRing;

  constructor(host: ReceiveHost) {
    this.#host = host;
    this.#ring = new DescriptorRing(host.registers, ringAt(R.RDBAL));
  }

  get #bufferBytes(): number {
    return bufferBytes(this.#host.registers.get(R.RCTL));
  }

  fits(frame: Uint8Array): boolean {
    const { bytes } = buffered(this.#host.registers, frame);
    return bytes.length <= this.#ring.free * this.#bufferBytes;
  }

  deliver(frame: Uint8Array): void {
    const host = this.#host;
    const data = buffered(host.registers, frame);
    const { bytes, vlan } = data;
    const status = DD | (vlan === undefined ? 0 : VP);
    let at = 0;
    // Descriptors without a buffer are passed over; there is an end to them.
    for (let left = this.#ring.free; left > 0 && at < bytes.length; left--) {
      at += this.#fill(bytes, at, status, vlan ?? 0);
    }
    if (at < bytes.length) {
      host.registers.count(R.MPC);
      host.raise(R.CAUSE.receiveOverrun);
      return;
    }
    countReceived(host.registers, data);
    const shift = (host.registers.get(R.RCTL) >> THRESHOLD_SHIFT) & 3;
    const isLow = this.#ring.free * DESCRIPTOR_BYTES <= this.#ring.length >> (shift + 1);
    host.raise(R.CAUSE.receiveTimer | (isLow ? R.CAUSE.receiveMinimum : 0));
  }

  /** Puts bytes from `from` on into the next descriptor's buffer, and says how many. */
  #fill(bytes: Uint8Array, from: number, status: number, special: number): number {
    const host = this.#host;
    const { address } = this.#ring;
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
    this.#ring.advance();
    return taken;
  }
}
