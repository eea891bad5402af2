// The 82574L's two rings of receive descriptors (82574 datasheet, 7.1): legacy ones, extended ones, and those that split a
// packet into header and data; checksums that are verified, and the queue by a hash.

import { DESCRIPTOR_BYTES, DescriptorRing } from "./descriptor-ring.ts";
import * as R from "./e1000-registers.ts";
import * as E from "./e1000e-registers.ts";
import {
  carriesTcpData,
  headersOf,
  identification,
  isAcknowledgement,
  isIpSumRight,
  isTransportSumRight,
  type PacketHeaders,
} from "./packet-headers.ts";
import {
  type BufferedFrame,
  bufferBytes,
  buffered,
  countReceived,
  type FrameSink,
  type ReceiveHost,
} from "./receive-fifo.ts";
import { hashOf, isScaling, type PacketHash } from "./receive-side-scaling.ts";

const SPLIT_BYTES = 32;
const THRESHOLD_SHIFT = 8;
const KIB = 1024;
/** PSRCTL (10.2.6.3): sizes of the four buffers, in units of 128 bytes and of 1 KiB. */
const HEADER_UNIT = 128;

/** Status and errors (7.1.5.2, tables 7-6 and 7-8); the type of a packet is in bits 19:16. */
const STATUS = {
  done: 0x1,
  endOfPacket: 0x2,
  vlan: 0x8,
  udpSum: 0x10,
  tcpSum: 0x20,
  ipSum: 0x40,
  identification: 0x200,
  acknowledgement: 0x8000,
  tcpError: 0x2000_0000,
  ipError: 0x4000_0000,
} as const;
const TYPE_SHIFT = 16;
/** Types: neither, IPv4 without and with TCP or UDP, IPv6 likewise. */
const TYPES = { other: 0, ipv4: 1, ipv4Transport: 2, ipv6: 5, ipv6Transport: 6 } as const;
/** A header has been split off. */
const HEADER_SPLIT = 0x8000;

export interface QueuedReceiveHost extends ReceiveHost {
  /** Causes of an interrupt for a packet in a queue; `isLow`: descriptors become few. */
  received(queue: 0 | 1, isLow: boolean): number;
}

type Format = "legacy" | "extended" | "split";

interface ReceiveBuffer {
  address: number;
  bytes: number;
}

/** What the last descriptor of a packet says. */
interface Facts {
  status: number;
  vlan: number;
  hash: number;
  hashType: number;
  identification: number;
}

export class ReceiveQueues implements FrameSink {
  readonly #host: QueuedReceiveHost;
  readonly #rings: readonly [DescriptorRing, DescriptorRing];

  constructor(host: QueuedReceiveHost) {
    this.#host = host;
    const [first, second] = E.RECEIVE_RINGS;
    this.#rings = [
      new DescriptorRing(host.registers, first),
      new DescriptorRing(host.registers, second),
    ];
  }

  #get(register: number): number {
    return this.#host.registers.get(register);
  }

  get #format(): Format {
    if (!(this.#get(E.RFCTL) & E.RFCTL_BITS.extended)) return "legacy";
    return this.#get(R.RCTL) & E.RCTL_SPLIT ? "split" : "extended";
  }

  get #descriptorBytes(): number {
    return this.#format === "split" ? SPLIT_BYTES : DESCRIPTOR_BYTES;
  }

  /** Bytes of a descriptor's buffers. */
  get #sizes(): number[] {
    const control = this.#get(R.RCTL);
    if (this.#format === "split") {
      const sizes = this.#get(E.PSRCTL);
      const pages = [8, 16, 24].map((shift) => ((sizes >> shift) & 0x3f) * KIB);
      return [(sizes & 0x7f) * HEADER_UNIT, ...pages];
    }
    const flexible = (control >>> E.RCTL_FLEXIBLE_SHIFT) & 15;
    return [flexible > 0 ? flexible * KIB : bufferBytes(control)];
  }

  #hashOf(bare: Uint8Array): PacketHash | undefined {
    const { registers } = this.#host;
    return isScaling(registers) ? hashOf(registers, bare, headersOf(bare)) : undefined;
  }

  /** Descriptors that are the card's and whole. */
  #free(ring: DescriptorRing): number {
    const units = ring.hasTail ? ring.free : 0;
    return Math.floor(units / (this.#descriptorBytes / DESCRIPTOR_BYTES));
  }

  fits(frame: Uint8Array): boolean {
    const { bare, bytes } = buffered(this.#host.registers, frame);
    const ring = this.#rings[this.#hashOf(bare)?.queue ?? 0];
    const room = this.#sizes.reduce((sum, size) => sum + size, 0);
    return room > 0 && bytes.length <= this.#free(ring) * room;
  }

  deliver(frame: Uint8Array): void {
    const { registers } = this.#host;
    const data = buffered(registers, frame);
    const headers = headersOf(data.bare);
    const hash = isScaling(registers) ? hashOf(registers, data.bare, headers) : undefined;
    const queue = hash?.queue ?? 0;
    if (!this.#fill(this.#rings[queue], data, headers, this.#facts(data, headers, hash))) {
      registers.count(R.MPC);
      this.#host.raise(R.CAUSE.receiveOverrun);
      return;
    }
    countReceived(registers, data);
    this.#tell(queue, data, headers);
  }

  #tell(queue: 0 | 1, { bare, bytes }: BufferedFrame, headers: PacketHeaders): void {
    const ring = this.#rings[queue];
    const shift = ((this.#get(R.RCTL) >> THRESHOLD_SHIFT) & 3) + 1;
    let causes = this.#host.received(queue, ring.free === (ring.length >> shift) >> 4);
    if (bytes.length < this.#get(E.RSRPD)) causes |= E.CAUSE.smallPacket;
    const isTold = !(this.#get(E.RFCTL) & E.RFCTL_BITS.noAcknowledgements);
    if (isTold && this.#isToldAcknowledgement(bare, headers)) causes |= E.CAUSE.acknowledged;
    this.#host.raise(causes);
  }

  #isToldAcknowledgement(frame: Uint8Array, headers: PacketHeaders): boolean {
    if (!isAcknowledgement(frame, headers)) return false;
    const withData = !(this.#get(E.RFCTL) & E.RFCTL_BITS.noAcknowledgingData);
    return withData || !carriesTcpData(frame, headers);
  }

  // ---- What is told about a packet (7.1.5.2, 7.1.12)

  #facts(data: BufferedFrame, h: PacketHeaders, hash: PacketHash | undefined): Facts {
    const { bare, vlan } = data;
    const facts: Facts = {
      status: STATUS.done | STATUS.endOfPacket | (vlan === undefined ? 0 : STATUS.vlan),
      vlan: vlan ?? 0,
      hash: hash?.hash ?? 0,
      hashType: hash === undefined ? 0 : hash.type | (hash.queue << 8),
      identification: 0,
    };
    if (!(this.#get(E.RXCSUM) & E.RXCSUM_BITS.hash) && h.version === 4) {
      facts.status |= STATUS.identification;
      facts.identification = identification(bare, h);
    }
    if (this.#isToldAcknowledgement(bare, h)) facts.status |= STATUS.acknowledgement;
    facts.status |= this.#typeOf(h) << TYPE_SHIFT;
    const isSummed = h.version !== 6 || !(this.#get(E.RFCTL) & E.RFCTL_BITS.noIpv6Checksums);
    if (isSummed) facts.status |= this.#sums(bare, h);
    return facts;
  }

  #typeOf({ version, transport }: PacketHeaders): number {
    if (version === 0) return TYPES.other;
    if (version === 4) return transport === undefined ? TYPES.ipv4 : TYPES.ipv4Transport;
    if (this.#get(E.RFCTL) & E.RFCTL_BITS.noIpv6) return TYPES.other;
    return transport === undefined ? TYPES.ipv6 : TYPES.ipv6Transport;
  }

  /** Checksums that have been looked at, and those that are wrong. */
  #sums(bare: Uint8Array, h: PacketHeaders): number {
    const wanted = this.#get(E.RXCSUM);
    let status = 0;
    const ip = wanted & E.RXCSUM_BITS.ip ? isIpSumRight(bare, h) : undefined;
    if (ip !== undefined) status |= STATUS.ipSum | (ip ? 0 : STATUS.ipError);
    const transport = wanted & E.RXCSUM_BITS.transport ? isTransportSumRight(bare, h) : undefined;
    if (transport === undefined) return status;
    const isUdp = h.transport === "udp";
    return status | STATUS.tcpSum | (isUdp ? STATUS.udpSum : 0) | (transport ? 0 : STATUS.tcpError);
  }

  // ---- Descriptors

  /** Bytes of a header that goes into the first buffer alone; 0 for a packet that is not split (7.1.5.3). */
  #splitAt({ bare }: BufferedFrame, h: PacketHeaders): number {
    if (this.#format !== "split" || h.version === 0) return 0;
    if (h.isFragment && this.#get(E.RFCTL) & E.RFCTL_BITS.noSplitFragments) return 0;
    const isWhole = !h.isFragment && h.transport !== undefined;
    const bytes = isWhole ? h.payloadAt : h.transportAt;
    return bytes > (this.#sizes[0] as number) || bytes > bare.length ? 0 : bytes;
  }

  /** Puts a packet into descriptors; false if they have no room. Those without a buffer are passed over. */
  #fill(ring: DescriptorRing, data: BufferedFrame, h: PacketHeaders, facts: Facts): boolean {
    const { bytes } = data;
    const header = this.#splitAt(data, h);
    let at = 0;
    for (let left = this.#free(ring); left > 0; left--) {
      const { address } = ring;
      const descriptor = this.#host.fetch(address, this.#descriptorBytes).slice();
      const lengths = this.#store(descriptor, bytes, at, header);
      at += lengths.reduce((sum, length) => sum + length, 0);
      const isLast = at >= bytes.length;
      this.#write(descriptor, lengths, header, isLast ? facts : undefined);
      this.#host.store(address, descriptor);
      ring.advance(this.#descriptorBytes / DESCRIPTOR_BYTES);
      if (isLast) return true;
    }
    return false;
  }

  /** Puts bytes from `from` on into a descriptor's buffers; how many into each. */
  #store(descriptor: Uint8Array, bytes: Uint8Array, from: number, header: number): number[] {
    const view = new DataView(descriptor.buffer, descriptor.byteOffset, descriptor.length);
    const buffers = this.#sizes.map((size, i): ReceiveBuffer => {
      const address = view.getUint32(8 * i, true) + view.getUint32(8 * i + 4, true) * 2 ** 32;
      return { address, bytes: size };
    });
    if (buffers[0]?.address === 0) return buffers.map(() => 0);
    let at = from;
    return buffers.map((buffer, i) => {
      // The header has the first buffer of the first descriptor for itself, and data none of the others.
      const room = header === 0 || i > 0 ? buffer.bytes : from === 0 ? header : 0;
      const taken = Math.min(room, bytes.length - at);
      if (taken > 0) this.#host.store(buffer.address, bytes.subarray(at, at + taken));
      at += taken;
      return taken;
    });
  }

  /** What a descriptor says (7.1.4, 7.1.5); `facts` with the last one of a packet. */
  #write(
    descriptor: Uint8Array,
    lengths: readonly number[],
    header: number,
    facts: Facts | undefined,
  ): void {
    const view = new DataView(descriptor.buffer, descriptor.byteOffset, descriptor.length);
    const status = facts?.status ?? STATUS.done;
    const length = lengths[0] as number;
    const format = this.#format;
    if (format === "legacy") {
      view.setUint16(8, length, true);
      view.setUint16(10, 0, true);
      view.setUint8(12, status & 0xff);
      view.setUint8(13, status >>> 24);
      if (facts !== undefined && facts.status & STATUS.vlan) view.setUint16(14, facts.vlan, true);
      return;
    }
    descriptor.fill(0);
    view.setUint32(0, facts?.hashType ?? 0, true);
    if (facts !== undefined && facts.status & STATUS.identification)
      view.setUint16(4, facts.identification, true);
    else view.setUint32(4, facts?.hash ?? 0, true);
    view.setUint32(8, status, true);
    view.setUint16(12, length, true);
    view.setUint16(14, facts?.vlan ?? 0, true);
    if (format === "extended") return;
    view.setUint16(16, header === 0 ? 0 : header | HEADER_SPLIT, true);
    lengths.slice(1).forEach((bytes, i) => {
      view.setUint16(18 + 2 * i, bytes, true);
    });
  }
}
