// The transmitter of the controllers of this family (Intel 317453, 3.3 to 3.6; 82574 datasheet, 7.2 and 7.3): a ring of
// legacy, context and data descriptors, checksums that are put in, TCP segments that are cut. A frame takes as long as its bytes do at 1 Gb/s; up to `AHEAD_NS` of them are
// taken at once, so that a ring without an end costs the guest's time and not the host's.

import { checksumOf, sumOfWords } from "./checksum.ts";
import { DESCRIPTOR_BYTES, DescriptorRing, type RingRegisters } from "./descriptor-ring.ts";
import { isBroadcast, isMulticast, word } from "./e1000-filter.ts";
import * as R from "./e1000-registers.ts";
import { FCS_BYTES } from "./network-card.ts";
import type { RegisterFile } from "./register-file.ts";

const MAX_PACKET = 0x1_0000;

/** How far the transmitter may be ahead of the wire, ns. */
const AHEAD_NS = 2_000_000;
/** At 1 Gb/s: a byte; preamble, check sequence and the gap between frames; fetching a descriptor. */
const BYTE_NS = 8;
const FRAME_NS = 24 * BYTE_NS;
const DESCRIPTOR_NS = 64;

/** Bits of a descriptor's third dword (3.3.3.1, 3.3.6, 3.3.7). */
const EOP = 0x0100_0000;
/** Legacy: insert a checksum. Context: the packet is TCP, otherwise UDP. */
const IC = 0x0400_0000;
const TCP = 0x0100_0000;
const IPV4 = 0x0200_0000;
const TSE = 0x0400_0000;
const DEXT = 0x2000_0000;
const VLE = 0x4000_0000;
const DTYP_DATA = 0x0010_0000;
/** … and of the fourth: done; what else is there of status; what shall be put in. */
const DD = 1;
const STATUS_ERRORS = 0x0e;
const IXSM = 1;
const TXSM = 2;

/** Where checksums go and what they are of, and how segments are cut: a context descriptor. */
export interface TransmitContext {
  ipStart: number;
  ipOffset: number;
  /** The last byte that is summed, 0 for the end of the packet. */
  ipEnd: number;
  start: number;
  offset: number;
  end: number;
  payload: number;
  header: number;
  mss: number;
  isIpv4: boolean;
  isTcp: boolean;
}

const EMPTY_CONTEXT: TransmitContext = {
  ...{ ipStart: 0, ipOffset: 0, ipEnd: 0, start: 0, offset: 0, end: 0, payload: 0, header: 0 },
  ...{ mss: 0, isIpv4: false, isTcp: false },
};

export interface TransmitState {
  /** Of packets that are cut into segments, and of others. */
  segmenting: TransmitContext;
  plain: TransmitContext;
  /** The packet so far, and the header of one that is cut. */
  packet: Uint8Array;
  header: Uint8Array;
  /** Bytes of the present descriptor that have been taken. */
  taken: number;
  /** Segments of the packet that have been sent. */
  segments: number;
  options: number;
  /** The tag to be put in, -1 for none. */
  vlan: number;
  /** Descriptors until the ring has been gone around once. */
  left: number;
  /** When the wire is free again, ns. */
  wireFree: number;
}

export const transmitReset = (): TransmitState => ({
  segmenting: { ...EMPTY_CONTEXT },
  plain: { ...EMPTY_CONTEXT },
  packet: new Uint8Array(0),
  header: new Uint8Array(0),
  ...{ taken: 0, segments: 0, options: 0, vlan: -1, left: 0, wireFree: 0 },
});

/** What the transmitter needs of the card. */
export interface TransmitHost {
  readonly registers: RegisterFile;
  transmitting(): TransmitState;
  /** The ring's descriptors may be taken. */
  isOn(ring: DescriptorRing): boolean;
  /** Causes of an interrupt when a descriptor with this command is done; undefined: the guest is not told. */
  writtenBack(command: number): number | undefined;
  /** `length` bytes of guest memory, zeros where there is none. */
  fetch(address: number, length: number): Uint8Array;
  store(address: number, bytes: Uint8Array): void;
  raise(causes: number): void;
  send(frame: Uint8Array): void;
  now(): number;
  /** Lets `transmit` be called again then. */
  resumeAt(when: number): void;
}

const put16 = (bytes: Uint8Array, at: number, value: number): void => {
  if (at + 1 >= bytes.length) return;
  bytes[at] = (value >> 8) & 0xff;
  bytes[at + 1] = value & 0xff;
};

/** Puts the checksum of bytes `start` … `end` (0 for the last one) at `offset`; 0 is sent as all ones. */
function insertChecksum(packet: Uint8Array, offset: number, start: number, end: number): void {
  const length = end !== 0 && end < packet.length ? end + 1 : packet.length;
  put16(
    packet.subarray(0, length),
    offset,
    checksumOf(sumOfWords(packet, start, length)) || 0xffff,
  );
}

function contextOf(view: DataView): TransmitContext {
  const command = view.getUint32(8, true);
  return {
    ipStart: view.getUint8(0),
    ipOffset: view.getUint8(1),
    ipEnd: view.getUint16(2, true),
    start: view.getUint8(4),
    offset: view.getUint8(5),
    end: view.getUint16(6, true),
    payload: command & 0xfffff,
    header: view.getUint8(13),
    mss: view.getUint16(14, true),
    isTcp: (command & TCP) !== 0,
    isIpv4: (command & IPV4) !== 0,
  };
}

export class Transmitter {
  readonly #host: TransmitHost;
  readonly #ring: DescriptorRing;
  /** The packet under way; between calls `state.packet` has it. */
  readonly #packet = new Uint8Array(MAX_PACKET);
  #size = 0;

  constructor(host: TransmitHost, ring: RingRegisters) {
    this.#host = host;
    this.#ring = new DescriptorRing(host.registers, ring);
  }

  get #state(): TransmitState {
    return this.#host.transmitting();
  }

  /** The tail, or whether the transmitter is on, has been written. */
  start(): void {
    this.#state.left = Math.max(1, this.#ring.count);
    this.transmit();
  }

  /** Works through the ring as far as time allows. */
  transmit(): void {
    const s = this.#state;
    const host = this.#host;
    if (!host.isOn(this.#ring)) return;
    const now = host.now();
    s.wireFree = Math.max(s.wireFree, now);
    let causes = 0;
    this.#size = s.packet.length;
    this.#packet.set(s.packet);
    while (!this.#ring.isEmpty && s.left > 0) {
      if (s.wireFree > now + AHEAD_NS) {
        host.resumeAt(s.wireFree - AHEAD_NS / 2);
        this.#keep();
        host.raise(causes);
        return;
      }
      causes |= this.#descriptor(now + AHEAD_NS);
    }
    this.#keep();
    host.raise(causes | R.CAUSE.transmitQueueEmpty);
  }

  #keep(): void {
    this.#state.packet = this.#packet.slice(0, this.#size);
  }

  /** Takes what is at the head as far as time allows; the causes of interrupts that come of it. */
  #descriptor(until: number): number {
    const s = this.#state;
    const host = this.#host;
    const at = this.#ring.address;
    const bytes = host.fetch(at, DESCRIPTOR_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, DESCRIPTOR_BYTES);
    s.wireFree += DESCRIPTOR_NS;
    if (!this.#take(view, until)) return 0;
    s.taken = 0;
    s.left--;
    this.#ring.advance();
    const cause = host.writtenBack(view.getUint32(8, true));
    if (cause === undefined) return 0;
    view.setUint32(12, (view.getUint32(12, true) | DD) & ~STATUS_ERRORS, true);
    host.store(at + 12, bytes.subarray(12, 16));
    return cause;
  }

  /** False if time is up before all of it has been taken. */
  #take(view: DataView, until: number): boolean {
    const s = this.#state;
    const command = view.getUint32(8, true);
    const extended = (command & DEXT) !== 0;
    if (extended && !(command & DTYP_DATA)) {
      s[command & TSE ? "segmenting" : "plain"] = contextOf(view);
      if (command & TSE) s.segments = 0;
      return true;
    }
    const cuts = extended && (command & TSE) !== 0;
    if (extended && this.#size === 0) s.options = view.getUint8(13);
    const isVlan = this.#host.registers.get(R.CTRL) & R.CTRL_VME && command & VLE;
    if (isVlan && (cuts || command & EOP)) s.vlan = view.getUint16(14, true);
    const address = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
    if (cuts) {
      if (!this.#cut(address, command & 0xfffff, until)) return false;
    } else {
      const room = Math.min(command & (extended ? 0xfffff : 0xffff), MAX_PACKET - this.#size);
      this.#packet.set(this.#host.fetch(address, room), this.#size);
      this.#size += room;
    }
    if (!(command & EOP)) return true;
    if (!extended && command & IC) {
      const { offset, start } = { offset: view.getUint8(10), start: view.getUint8(13) };
      insertChecksum(this.#packet.subarray(0, this.#size), offset, start, 0);
    }
    const { header } = s.segmenting;
    const isLeft = cuts ? this.#size > header || (s.segments === 0 && this.#size === header) : true;
    if (isLeft && this.#size > 0) this.#sendPacket(cuts);
    Object.assign(s, { segments: 0, options: 0, vlan: -1 });
    this.#size = 0;
    return true;
  }

  /** Adds a descriptor's bytes to the packet, and sends a segment whenever there is enough for one. */
  #cut(address: number, length: number, until: number): boolean {
    const s = this.#state;
    const { header, mss } = s.segmenting;
    const whole = Math.min(header + mss, MAX_PACKET);
    while (s.taken < length) {
      // A context that no segment comes of: nothing more is taken.
      if (this.#size >= whole) return true;
      if (s.wireFree > until) return false;
      const bytes = Math.min(length - s.taken, whole - this.#size);
      this.#packet.set(this.#host.fetch(address + s.taken, bytes), this.#size);
      const before = this.#size;
      this.#size += bytes;
      s.taken += bytes;
      if (before < header && this.#size >= header) s.header = this.#packet.slice(0, header);
      if (this.#size < whole) continue;
      this.#sendPacket(true);
      this.#packet.set(s.header.subarray(0, header));
      this.#size = header;
    }
    return true;
  }

  /** Sends what there is of the packet, with the fields of a segment's headers (3.5.5 to 3.5.8). */
  #sendPacket(isSegment: boolean): void {
    const s = this.#state;
    const packet = this.#packet.subarray(0, this.#size);
    const context = isSegment ? s.segmenting : s.plain;
    if (isSegment) this.#segmentHeaders(packet, context);
    if (s.options & TXSM) insertChecksum(packet, context.offset, context.start, context.end);
    if (s.options & IXSM) insertChecksum(packet, context.ipOffset, context.ipStart, context.ipEnd);
    this.#send(s.vlan < 0 || packet.length < 12 ? packet.slice() : this.#tagged(packet));
  }

  #segmentHeaders(packet: Uint8Array, c: TransmitContext): void {
    const s = this.#state;
    const length = packet.length - c.ipStart;
    if (c.isIpv4) {
      put16(packet, c.ipStart + 2, length);
      put16(packet, c.ipStart + 4, word(packet, c.ipStart + 4) + s.segments);
    } else put16(packet, c.ipStart + 4, length - 40);
    const ofTransport = packet.length - c.start;
    const sent = s.segments * c.mss;
    if (c.isTcp) {
      const sequence = word(packet, c.start + 4) * 0x10000 + word(packet, c.start + 6) + sent;
      put16(packet, c.start + 4, Math.floor(sequence / 0x10000));
      put16(packet, c.start + 6, sequence);
      if (c.payload - sent > c.mss) {
        // PSH and FIN are the last segment's.
        const flags = c.start + 13;
        if (flags < packet.length) packet[flags] = (packet[flags] as number) & ~9;
      } else if (s.segments > 0) this.#host.registers.count(R.TSCTC);
    } else put16(packet, c.start + 4, ofTransport);
    if (s.options & TXSM) {
      // The sum of the pseudo header is there, without the length.
      const sum = word(packet, c.offset) + ofTransport;
      put16(packet, c.offset, (sum & 0xffff) + (sum >> 16));
    }
    s.segments++;
  }

  /** With the tag behind the addresses (IEEE 802.1Q). */
  #tagged(packet: Uint8Array): Uint8Array {
    const frame = new Uint8Array(packet.length + 4);
    frame.set(packet.subarray(0, 12));
    put16(frame, 12, this.#host.registers.get(R.VET));
    put16(frame, 14, this.#state.vlan);
    frame.set(packet.subarray(12), 16);
    return frame;
  }

  #send(frame: Uint8Array): void {
    const { registers } = this.#host;
    const bytes = frame.length + FCS_BYTES;
    this.#state.wireFree += frame.length * BYTE_NS + FRAME_NS;
    if (isBroadcast(frame)) registers.count(R.BPTC);
    else if (isMulticast(frame)) registers.count(R.MPTC);
    registers.count(R.sizeCounter(R.PTC64, bytes));
    registers.count(R.TPT);
    registers.count(R.GPTC);
    registers.count(R.TOTL, bytes);
    registers.count(R.GOTCL, bytes);
    this.#host.send(frame);
  }
}
