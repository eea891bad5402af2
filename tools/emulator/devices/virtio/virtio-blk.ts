// The block device (Virtual I/O Device 1.2, 5.2), as QEMU 7.2 has it: reading, writing, flushing, the serial number,
// discarding and writing zeroes, one queue for each CPU. Requests are performed whole, one behind the other.

import type { Disk } from "../../media/disk.ts";
import { physical } from "../../media/geometry.ts";
import type { DeviceKind } from "../device.ts";
import type { VirtioFunction, VirtioTransport } from "./virtio-function.ts";
import { VIRTIO_OPTIONS, type VirtioOptions, VirtioPci, virtioName } from "./virtio-pci.ts";
import { type Chain, RingError, type Virtqueue } from "./virtqueue.ts";

const TYPE = 2;
const FEATURE = {
  segmentsMax: 2,
  geometry: 4,
  readOnly: 5,
  blockSize: 6,
  flush: 9,
  topology: 10,
  writeCache: 11,
  queues: 12,
  discard: 13,
  writeZeroes: 14,
} as const;

const QUEUE_SIZE = 256;
const SECTOR = 512;

/** Requests (5.2.6). Bit 0 says that the driver gives data. */
const REQUEST = { read: 0, write: 1, flush: 4, id: 8, discard: 11, writeZeroes: 13 } as const;
/** Long ago a request could be a barrier; QEMU leaves the bit out of consideration. */
const BARRIER = 0x8000_0000;
const HEADER_BYTES = 16;
const SEGMENT_BYTES = 16;
const ID_BYTES = 20;
const DONE = 0;
const FAILED = 1;
const UNSUPPORTED = 2;
/** The one flag of a segment to write zeroes to: the blocks need not stay allocated. */
const UNMAP = 1;

/** Sectors that one segment may discard or write zeroes to: as many as 31 bits of bytes have. */
const MAX_SEGMENT_SECTORS = 0x3f_ffff;
/** Bytes that disk and memory exchange at once. */
const PIECE = 0x2_0000;
/** Bytes of one request at most, in QEMU BDRV_REQUEST_MAX_SECTORS. */
const MAX_REQUEST = 0x7fff_fe00;

const CONFIG = {
  ...{ capacity: 0, segmentsMax: 12, cylinders: 16, heads: 18, sectors: 19, blockSize: 20 },
  ...{ writeCache: 32, queues: 34, maxDiscard: 36, maxDiscardSegments: 40, discardAlignment: 44 },
  ...{ maxZeroes: 48, maxZeroesSegments: 52, mayUnmap: 56, bytes: 57 },
} as const;

export class VirtioBlk implements VirtioFunction {
  readonly type = TYPE;
  readonly classCode = 0x010000;
  readonly features: readonly number[];
  readonly queueSizes: readonly number[];
  /** Writes may wait for a flush. */
  state = { writeBack: true };
  readonly disk: Disk;
  readonly #transport: VirtioTransport;

  constructor(disk: Disk, queues: number, transport: VirtioTransport) {
    this.disk = disk;
    this.#transport = transport;
    this.queueSizes = new Array<number>(queues).fill(QUEUE_SIZE);
    const f = FEATURE;
    this.features = [
      ...[f.segmentsMax, f.geometry, f.blockSize, f.flush, f.topology, f.writeCache],
      ...[f.discard, f.writeZeroes],
      ...(disk.readOnly ? [f.readOnly] : []),
      ...(queues > 1 ? [f.queues] : []),
    ];
  }

  /** Sectors of 512 bytes, whatever the medium's own are. */
  get #capacity(): number {
    return (this.disk.sectors * this.disk.sectorBytes) / SECTOR;
  }

  config(): Uint8Array {
    const view = new DataView(new ArrayBuffer(CONFIG.bytes));
    const geometry = physical(this.#capacity);
    view.setBigUint64(CONFIG.capacity, BigInt(this.#capacity), true);
    // A header and a status take two descriptors.
    view.setUint32(CONFIG.segmentsMax, QUEUE_SIZE - 2, true);
    view.setUint16(CONFIG.cylinders, geometry.cylinders, true);
    view.setUint8(CONFIG.heads, geometry.heads);
    view.setUint8(CONFIG.sectors, geometry.sectors);
    view.setUint32(CONFIG.blockSize, SECTOR, true);
    view.setUint8(CONFIG.writeCache, this.state.writeBack ? 1 : 0);
    view.setUint16(CONFIG.queues, this.queueSizes.length, true);
    view.setUint32(CONFIG.maxDiscard, MAX_SEGMENT_SECTORS, true);
    view.setUint32(CONFIG.maxDiscardSegments, 1, true);
    view.setUint32(CONFIG.discardAlignment, 1, true);
    view.setUint32(CONFIG.maxZeroes, MAX_SEGMENT_SECTORS, true);
    view.setUint32(CONFIG.maxZeroesSegments, 1, true);
    view.setUint8(CONFIG.mayUnmap, 1);
    return new Uint8Array(view.buffer);
  }

  writeConfig(offset: number, value: number, size: number): void {
    const at = CONFIG.writeCache - offset;
    if (at >= 0 && at < size) this.state.writeBack = ((value >>> (8 * at)) & 0xff) !== 0;
  }

  reset(): void {
    this.state.writeBack = true;
  }

  /** A driver that knows neither flushes nor the cache gets a disk without one (5.2.5.2). */
  started(): void {
    if (this.#transport.has(FEATURE.writeCache)) return;
    this.state.writeBack = this.#transport.has(FEATURE.flush);
  }

  perform(queue: Virtqueue): void {
    for (const chain of queue.requests()) {
      if (chain.readable < HEADER_BYTES || chain.writable < 1) {
        throw new RingError("a request without header or status");
      }
      const status = this.#request(chain, queue);
      if (status === undefined) {
        queue.putBack();
        return;
      }
      chain.write(chain.writable - 1, Uint8Array.of(status));
      queue.push(chain, chain.writable);
    }
  }

  /** Its status; undefined where the medium could not be read, and the machine stops to have that tried again. */
  #request(chain: Chain, queue: Virtqueue): number | undefined {
    const header = chain.read(0, HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
    const type = (view.getUint32(0, true) & ~BARRIER) >>> 0;
    const sector = Number(view.getBigUint64(8, true));
    switch (type) {
      case REQUEST.read:
        return this.#read(chain, sector, () => this.#transport.use(queue, (q) => this.perform(q)));
      case REQUEST.write:
        return this.#write(chain, sector);
      case REQUEST.flush:
        return this.disk.flush() ? DONE : FAILED;
      case REQUEST.id:
        return this.#tellId(chain);
      case REQUEST.discard:
      case REQUEST.writeZeroes:
        return this.#segment(chain, type === REQUEST.writeZeroes);
    }
    return UNSUPPORTED;
  }

  #isRange(sector: number, bytes: number): boolean {
    return (
      bytes % SECTOR === 0 && bytes <= MAX_REQUEST && sector + bytes / SECTOR <= this.#capacity
    );
  }

  #read(chain: Chain, sector: number, again: () => void): number | undefined {
    const bytes = chain.writable - 1;
    if (!this.#isRange(sector, bytes)) return FAILED;
    for (let at = 0; at < bytes; at += PIECE) {
      const contents = this.#contents(sector * SECTOR + at, Math.min(PIECE, bytes - at), again);
      if (contents === undefined) return this.disk.waits ? undefined : FAILED;
      chain.write(at, contents);
    }
    return DONE;
  }

  /** Bytes of the disk, whose own sectors may be larger. */
  #contents(offset: number, bytes: number, again: () => void): Uint8Array | undefined {
    const { sectorBytes } = this.disk;
    const first = Math.floor(offset / sectorBytes);
    const end = Math.ceil((offset + bytes) / sectorBytes);
    const whole = this.disk.read(first, end - first, again);
    const skip = offset - first * sectorBytes;
    return whole?.subarray(skip, skip + bytes);
  }

  #write(chain: Chain, sector: number): number {
    const bytes = chain.readable - HEADER_BYTES;
    if (!this.#isRange(sector, bytes)) return FAILED;
    for (let at = 0; at < bytes; at += PIECE) {
      const contents = chain.read(HEADER_BYTES + at, Math.min(PIECE, bytes - at));
      if (!this.disk.write(sector + at / SECTOR, contents)) return FAILED;
    }
    return this.#written();
  }

  #written(): number {
    return this.state.writeBack || this.disk.flush() ? DONE : FAILED;
  }

  #tellId(chain: Chain): number {
    const id = new TextEncoder().encode(`${this.disk.serial}\0`).slice(0, ID_BYTES);
    chain.write(0, id.subarray(0, chain.writable - 1));
    return DONE;
  }

  /** One segment, since no more are offered: discarding changes nothing, as QEMU's usual discard=ignore. */
  #segment(chain: Chain, zeroes: boolean): number {
    const bytes = chain.readable - HEADER_BYTES;
    if (bytes > SEGMENT_BYTES) return UNSUPPORTED;
    if (bytes < SEGMENT_BYTES) throw new RingError(`a segment of ${bytes} bytes`);
    const segment = chain.read(HEADER_BYTES, SEGMENT_BYTES);
    const view = new DataView(segment.buffer, segment.byteOffset, SEGMENT_BYTES);
    const sector = Number(view.getBigUint64(0, true));
    const count = view.getUint32(8, true);
    const flags = view.getUint32(12, true);
    if (count > MAX_SEGMENT_SECTORS || !this.#isRange(sector, count * SECTOR)) return FAILED;
    if (flags & ~UNMAP || (!zeroes && flags !== 0)) return UNSUPPORTED;
    if (this.disk.readOnly) return FAILED;
    if (!zeroes) return DONE;
    for (let done = 0; done < count; done += PIECE / SECTOR) {
      const part = Math.min(PIECE / SECTOR, count - done);
      if (!this.disk.write(sector + done, new Uint8Array(part * SECTOR))) return FAILED;
    }
    return this.#written();
  }
}

type BlkOptions = VirtioOptions & { drive: number; "num-queues": number };

/** Queues at most: each has a message, and there is one more. */
const MAX_QUEUES = 255;

export const virtioBlk: DeviceKind<BlkOptions> = {
  name: "virtio-blk-pci",
  what: "virtio disk",
  options: {
    ...VIRTIO_OPTIONS,
    drive: { default: 0, minimum: 0, maximum: 29 },
    "num-queues": { default: 0, minimum: 0, maximum: MAX_QUEUES },
  },
  nameOf: (options) => virtioName("virtio-blk", options),
  create: (slot, options) => {
    const disk = slot.board.media.virtio?.[options.drive];
    if (disk === undefined) throw new Error(`${slot.name}: there is no disk ${options.drive}`);
    // One for each CPU unless it is said otherwise, and a message for each and the configuration.
    const queues = options["num-queues"] || slot.board.cpus;
    return new VirtioPci(
      slot,
      options,
      queues + 1,
      (transport) => new VirtioBlk(disk, queues, transport),
    );
  },
};
