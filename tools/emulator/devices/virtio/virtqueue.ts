// Split virtqueues (Virtual I/O Device 1.2, 2.7): descriptor chains that a driver has made available, with indirect
// tables, and the ring of those that the device has used, with event indexes. Nothing that a guest writes there is
// believed: a ring that cannot be is a `RingError`, after which the device needs a reset.

import type { GuestMemory } from "../device.ts";

/** Descriptors of one chain at most, as in QEMU (VIRTQUEUE_MAX_SIZE); longer queues are refused too. */
export const MAX_DESCRIPTORS = 1024;

const DESCRIPTOR_BYTES = 16;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
/** Of the available ring's flags: the driver wants no interrupt. */
const NO_INTERRUPT = 1;
const RING_HEADER = 4;
const USED_ENTRY = 8;

/** What the driver has written is no ring. */
export class RingError extends Error {}

/** An address of 64 bits: its low and its high half. */
export type Address = [low: number, high: number];

const numberOf = ([low, high]: Address): number => high * 2 ** 32 + low;

export interface QueueState {
  /** Entries, a power of two; 0 where there is no such queue. */
  size: number;
  enabled: boolean;
  descriptors: Address;
  available: Address;
  used: Address;
  /** MSI-X message; NO_VECTOR for none. */
  vector: number;
  /** Index in the available ring of what comes next, 16 bits. */
  next: number;
  /** Index in the used ring, 16 bits. */
  usedIndex: number;
  /** Where that was when the driver was last looked at for whether it wants an interrupt; -1 before the first time. */
  told: number;
  /** The driver has notified the device, which has not looked yet. */
  kicked: boolean;
  /** Page number that a legacy driver has written. */
  page: number;
}

export const NO_VECTOR = 0xffff;

export const freshQueue = (size: number): QueueState => ({
  size,
  enabled: false,
  descriptors: [0, 0],
  available: [0, 0],
  used: [0, 0],
  vector: NO_VECTOR,
  next: 0,
  usedIndex: 0,
  told: -1,
  kicked: false,
  page: 0,
});

/** Bytes of guest memory. */
interface Piece {
  address: number;
  bytes: number;
}

/** Guest memory, and what has been negotiated. */
export interface QueueHost {
  readonly memory: GuestMemory;
  readonly eventIndex: boolean;
  readonly indirect: boolean;
  /** Legacy: an interrupt whenever nothing is left to do. */
  readonly notifyOnEmpty: boolean;
}

/** Where the pieces from byte `skip` on are, up to `length` bytes. */
function* part(pieces: readonly Piece[], skip: number, length: number): Generator<Piece> {
  let [over, left] = [skip, length];
  for (const { address, bytes } of pieces) {
    if (left <= 0) return;
    if (over >= bytes) {
      over -= bytes;
      continue;
    }
    const taken = Math.min(bytes - over, left);
    yield { address: address + over, bytes: taken };
    left -= taken;
    over = 0;
  }
}

const bytesOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, p) => sum + p.bytes, 0);

/** A request: what the driver has written, and room for the answer. All of it is RAM. */
export class Chain {
  readonly head: number;
  /** Bytes that the device may read, and write. */
  readonly readable: number;
  readonly writable: number;
  readonly #memory: GuestMemory;
  readonly #out: readonly Piece[];
  readonly #in: readonly Piece[];

  constructor(
    head: number,
    memory: GuestMemory,
    readable: readonly Piece[],
    writable: readonly Piece[],
  ) {
    this.head = head;
    this.#memory = memory;
    this.#out = readable;
    this.#in = writable;
    this.readable = bytesOf(readable);
    this.writable = bytesOf(writable);
  }

  /** Up to `length` bytes of what the driver has written, from `offset` on. */
  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(Math.max(0, Math.min(length, this.readable - offset)));
    let at = 0;
    for (const { address, bytes } of part(this.#out, offset, out.length)) {
      out.set(this.#memory.read(address, bytes), at);
      at += bytes;
    }
    return out;
  }

  /** Puts bytes into the answer at `offset`; what there is no room for is dropped. */
  write(offset: number, contents: Uint8Array): void {
    let at = 0;
    for (const { address, bytes } of part(this.#in, offset, contents.length)) {
      this.#memory.write(address, contents.subarray(at, at + bytes));
      at += bytes;
    }
  }
}

export class Virtqueue {
  readonly number: number;
  /** Size before a driver chooses a smaller one. */
  readonly maximum: number;
  state: QueueState;
  readonly #host: QueueHost;

  constructor(number: number, maximum: number, host: QueueHost) {
    this.number = number;
    this.maximum = maximum;
    this.#host = host;
    this.state = freshQueue(maximum);
  }

  reset(): void {
    this.state = freshQueue(this.maximum);
  }

  /** Places the rings as legacy drivers do: one behind the other from page `page` on (2.7.2). */
  placeLegacy(page: number): void {
    const s = this.state;
    const at = page * 4096;
    const available = at + DESCRIPTOR_BYTES * s.size;
    const used = Math.ceil((available + RING_HEADER + 2 * s.size + 2) / 4096) * 4096;
    s.page = page;
    const address = (n: number): Address => [n % 2 ** 32, Math.floor(n / 2 ** 32)];
    [s.descriptors, s.available, s.used] = [address(at), address(available), address(used)];
    s.enabled = page !== 0;
  }

  // ---- Memory

  #read(address: number, length: number): DataView {
    const bytes = this.#host.memory.read(address, length);
    if (bytes.length !== length) throw new RingError(`ring at 0x${address.toString(16)}`);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  #read16(address: number): number {
    return this.#read(address, 2).getUint16(0, true);
  }

  #write(address: number, ...words: readonly [value: number, bytes: 2 | 4][]): void {
    const length = words.reduce((sum, [, bytes]) => sum + bytes, 0);
    const view = this.#read(address, length);
    let at = 0;
    for (const [value, bytes] of words) {
      if (bytes === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += bytes;
    }
    this.#host.memory.write(address, new Uint8Array(view.buffer, view.byteOffset, length));
  }

  // ---- What the driver has made available

  /** The number of requests that wait. Throws `RingError` for more than the ring holds. */
  get waiting(): number {
    const s = this.state;
    if (!s.enabled) return 0;
    const count = (this.#read16(numberOf(s.available) + 2) - s.next) & 0xffff;
    if (count > s.size) throw new RingError(`index ${count} beyond a ring of ${s.size}`);
    return count;
  }

  /** The next request, or undefined. Throws `RingError`. */
  pop(): Chain | undefined {
    const s = this.state;
    if (this.waiting === 0) return undefined;
    const ring = numberOf(s.available) + RING_HEADER;
    const head = this.#read16(ring + 2 * (s.next % s.size));
    if (head >= s.size) throw new RingError(`descriptor ${head} of ${s.size}`);
    s.next = (s.next + 1) & 0xffff;
    this.askForNotification();
    return this.#chain(head);
  }

  /** Takes back the last `pop`: the request is there again. */
  putBack(): void {
    this.state.next = (this.state.next - 1) & 0xffff;
  }

  /** The requests that wait now, and no others: rings that lie over each other could have more of them for ever. */
  *requests(): Generator<Chain> {
    for (let left = this.waiting; left > 0; left--) {
      const chain = this.pop();
      if (chain === undefined) return;
      yield chain;
    }
  }

  /** With event indexes: the driver shall notify when it makes the next request available (2.7.10). */
  askForNotification(): void {
    const s = this.state;
    if (!this.#host.eventIndex) return;
    this.#write(numberOf(s.used) + RING_HEADER + USED_ENTRY * s.size, [s.next, 2]);
  }

  #chain(head: number): Chain {
    const s = this.state;
    const readable: Piece[] = [];
    const writable: Piece[] = [];
    let table = numberOf(s.descriptors);
    let entries = s.size;
    let isIndirect = false;
    let seen = 0;
    for (let number = head; ; ) {
      if (number >= entries) throw new RingError(`descriptor ${number} of ${entries}`);
      if (++seen > entries) throw new RingError("a chain without an end");
      const d = this.#read(table + number * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES);
      const address = numberOf([d.getUint32(0, true), d.getUint32(4, true)]);
      const bytes = d.getUint32(8, true);
      const flags = d.getUint16(12, true);
      if (flags & INDIRECT) {
        // Once, at the end of what may be a chain, and only if that has been negotiated (2.7.5.3).
        const fits = bytes > 0 && bytes % DESCRIPTOR_BYTES === 0;
        if (isIndirect || !this.#host.indirect || flags & NEXT || !fits) {
          throw new RingError(`indirect table of ${bytes} bytes`);
        }
        [table, entries, isIndirect, seen] = [address, bytes / DESCRIPTOR_BYTES, true, 0];
        number = 0;
        continue;
      }
      this.#add(flags & WRITE ? writable : readable, address, bytes);
      // What the device writes comes behind all that it reads (2.7.4.2).
      if (!(flags & WRITE) && writable.length > 0) throw new RingError("order of descriptors");
      if (readable.length + writable.length > MAX_DESCRIPTORS) throw new RingError("chain length");
      if (!(flags & NEXT)) break;
      number = d.getUint16(14, true);
    }
    return new Chain(head, this.#host.memory, readable, writable);
  }

  #add(pieces: Piece[], address: number, bytes: number): void {
    if (bytes === 0) throw new RingError("a buffer of no bytes");
    if (!this.#host.memory.holds(address, bytes)) {
      throw new RingError(`buffer at 0x${address.toString(16)}`);
    }
    pieces.push({ address, bytes });
  }

  // ---- What the device has used

  /** Gives a request back; `written` bytes of the answer are there. Throws `RingError`. */
  push(chain: Chain, written: number): void {
    const s = this.state;
    const ring = numberOf(s.used);
    this.#write(
      ring + RING_HEADER + USED_ENTRY * (s.usedIndex % s.size),
      [chain.head, 4],
      [written, 4],
    );
    s.usedIndex = (s.usedIndex + 1) & 0xffff;
    this.#write(ring + 2, [s.usedIndex, 2]);
  }

  /** Whether the driver wants an interrupt for what has been used since this was last asked (2.7.7). Throws `RingError`. */
  wantsInterrupt(): boolean {
    const s = this.state;
    const before = s.told;
    s.told = s.usedIndex;
    if (before === s.usedIndex) return false;
    const available = numberOf(s.available);
    if (this.#host.notifyOnEmpty && this.waiting === 0) return true;
    if (!this.#host.eventIndex) return (this.#read16(available) & NO_INTERRUPT) === 0;
    if (before < 0) return true;
    const event = this.#read16(available + RING_HEADER + 2 * s.size);
    return ((s.usedIndex - event - 1) & 0xffff) < ((s.usedIndex - before) & 0xffff);
  }
}
