// Which clusters of the file are used, and by how many (docs/interop/qcow2, "Host cluster management"). A count is in the
// file before anything refers to its cluster, and is taken back after nothing does: whatever stops in between leaves
// clusters that are counted too often, never too seldom.

import type { ImageSource } from "../image.ts";
import { ClusterCache } from "./cluster-cache.ts";
import { get64, HEADER_FIELDS, type Header, MAX_REFCOUNT_TABLE_BYTES } from "./header.ts";

/** A file that can be changed. */
export type WritableFile = ImageSource & Required<Pick<ImageSource, "write" | "flush">>;

/** Bits 0 to 8 of entries are reserved; what is left is an offset. */
const OFFSET_HIGH = 0x00ffffff;
/** Counted clusters behind the end of the file that are taken for what a run left that was cut off. */
const MAX_BEYOND_END = 65536;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export function put64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}

export class Refcounts {
  readonly #file: WritableFile;
  readonly #header: Header;
  #table: Uint8Array;
  #tableOffset: number;
  /** Where blocks of counts are. */
  readonly #blockOffsets = new Set<number>();
  readonly #blocks: ClusterCache<Uint8Array>;
  readonly #countsPerBlock: number;
  /** No cluster below is free. */
  #hint = 0;

  constructor(file: WritableFile, header: Header) {
    this.#file = file;
    this.#header = header;
    this.#blocks = new ClusterCache(header.clusterBytes);
    this.#countsPerBlock = (header.clusterBytes * 8) >> header.refcountOrder;
    this.#tableOffset = header.refcountTableOffset;
    this.#table = file.read(this.#tableOffset, header.refcountTableClusters * header.clusterBytes);
    for (let block = 0; block < this.#entries; block++) {
      const offset = this.#blockOffset(block);
      if (offset !== 0) this.#blockOffsets.add(offset);
    }
  }

  get #entries(): number {
    return this.#table.length / 8;
  }

  #blockOffset(block: number): number {
    const high = viewOf(this.#table).getUint32(block * 8) & OFFSET_HIGH;
    const low = viewOf(this.#table).getUint32(block * 8 + 4) & ~511;
    return high * 2 ** 32 + (low >>> 0);
  }

  /** Whether a cluster has the header or tables that belong to the whole image. */
  holdsTables(offset: number): boolean {
    const { clusterBytes, l1Offset, l1Entries } = this.#header;
    const end = offset + clusterBytes;
    const within = (start: number, bytes: number): boolean => offset < start + bytes && end > start;
    return (
      offset < clusterBytes ||
      within(l1Offset, l1Entries * 8) ||
      within(this.#tableOffset, this.#table.length) ||
      this.#blockOffsets.has(offset)
    );
  }

  #block(index: number): Uint8Array | undefined {
    const offset = index < this.#entries ? this.#blockOffset(index) : 0;
    if (offset === 0) return undefined;
    if (offset % this.#header.clusterBytes !== 0 || offset >= this.#file.size) {
      throw new Error(`refcount block ${index} is not in the file`);
    }
    let bytes = this.#blocks.get(offset);
    if (bytes === undefined) {
      bytes = this.#file.read(offset, this.#header.clusterBytes);
      this.#blocks.put(offset, bytes);
    }
    return bytes;
  }

  get(cluster: number): number {
    const block = this.#block(Math.floor(cluster / this.#countsPerBlock));
    return block === undefined ? 0 : getCount(block, cluster % this.#countsPerBlock, this.#order);
  }

  get #order(): number {
    return this.#header.refcountOrder;
  }

  /** Changes a count of a cluster that has a block of counts, in the file before anywhere else. */
  #set(cluster: number, count: number): void {
    const index = Math.floor(cluster / this.#countsPerBlock);
    const block = this.#block(index);
    if (block === undefined) throw new Error(`cluster ${cluster} has no refcount`);
    const place = cluster % this.#countsPerBlock;
    const at = (place * 2 ** this.#order) >> 3;
    const bytes = Math.max(1, (2 ** this.#order) >> 3);
    const changed = block.slice(at, at + bytes);
    // The same place within the bytes that change.
    setCount(changed, this.#order < 3 ? place % (8 >> this.#order) : 0, this.#order, count);
    this.#file.write(this.#blockOffset(index) + at, changed);
    block.set(changed, at);
  }

  /** A cluster that nothing refers to yet: its offset. Throws `Error` where there is no room. */
  allocate(): number {
    const { clusterBytes } = this.#header;
    const last = Math.ceil(this.#file.size / clusterBytes) + MAX_BEYOND_END;
    for (;;) {
      const cluster = this.#hint;
      const index = Math.floor(cluster / this.#countsPerBlock);
      if (cluster > last) throw new Error("refcounts of clusters that the file does not have");
      if (index >= this.#entries) {
        this.#growTable(cluster);
      } else if (this.#blockOffset(index) === 0) {
        this.#addBlock(index, cluster);
      } else if (this.get(cluster) === 0) {
        const offset = cluster * clusterBytes;
        if (this.holdsTables(offset)) throw new Error(`the refcount of its tables is 0`);
        this.#set(cluster, 1);
        this.#hint = cluster + 1;
        return offset;
      } else this.#hint++;
    }
  }

  /** One reference less to the cluster at an offset, which nothing refers to by it any more. */
  release(offset: number): void {
    const cluster = Math.floor(offset / this.#header.clusterBytes);
    const count = this.get(cluster);
    if (count === 0) throw new Error(`the refcount of cluster ${cluster} is 0, and it is used`);
    this.#set(cluster, count - 1);
    if (count === 1) this.#hint = Math.min(this.#hint, cluster);
  }

  /** The first cluster that a block is to count holds the block. */
  #addBlock(index: number, cluster: number): void {
    const { clusterBytes } = this.#header;
    const offset = cluster * clusterBytes;
    if (this.holdsTables(offset)) throw new Error("its tables have no refcounts");
    const block = new Uint8Array(clusterBytes);
    setCount(block, cluster % this.#countsPerBlock, this.#order, 1);
    this.#file.write(offset, block);
    // The host may keep what is written later before what is written now.
    this.#file.flush();
    const entry = new Uint8Array(8);
    put64(viewOf(entry), 0, offset);
    this.#file.write(this.#tableOffset + index * 8, entry);
    this.#table.set(entry, index * 8);
    this.#blockOffsets.add(offset);
    this.#blocks.put(offset, block);
    this.#hint = cluster + 1;
  }

  /** A longer table, with the blocks that count it, behind all that the old one can count: from `start`. */
  #growTable(start: number): void {
    const { clusterBytes } = this.#header;
    const first = this.#entries;
    const perCluster = clusterBytes / 8;
    let tableClusters = Math.ceil((first * 1.5 + 1) / perCluster);
    let blocks = 0;
    for (;;) {
      const end = start + tableClusters + blocks;
      const needed = Math.ceil(end / this.#countsPerBlock) - first;
      if (needed <= blocks && first + blocks <= tableClusters * perCluster) break;
      blocks = Math.max(blocks, needed);
      tableClusters = Math.max(tableClusters, Math.ceil((first + blocks) / perCluster));
    }
    if (tableClusters * clusterBytes > MAX_REFCOUNT_TABLE_BYTES) {
      throw new Error("its refcount table would be larger than there is");
    }
    const table = new Uint8Array(tableClusters * clusterBytes);
    table.set(this.#table);
    const offset = start * clusterBytes;
    const blocksAt = offset + table.length;
    const end = start + tableClusters + blocks;
    for (let i = 0; i < blocks; i++) {
      const block = new Uint8Array(clusterBytes);
      const counted = (first + i) * this.#countsPerBlock;
      const from = Math.max(start, counted);
      for (let c = from; c < Math.min(end, counted + this.#countsPerBlock); c++) {
        setCount(block, c - counted, this.#order, 1);
      }
      this.#file.write(blocksAt + i * clusterBytes, block);
      put64(viewOf(table), (first + i) * 8, blocksAt + i * clusterBytes);
    }
    this.#file.write(offset, table);
    this.#file.flush();
    // Offset and size stand side by side: no header has one of them alone.
    const fields = new Uint8Array(12);
    put64(viewOf(fields), 0, offset);
    viewOf(fields).setUint32(8, tableClusters);
    this.#file.write(HEADER_FIELDS.refcountTable, fields);
    this.#file.flush();
    const old = { offset: this.#tableOffset, bytes: this.#table.length };
    this.#table = table;
    this.#tableOffset = offset;
    for (let i = 0; i < blocks; i++) this.#blockOffsets.add(blocksAt + i * clusterBytes);
    this.#hint = end;
    for (let at = 0; at < old.bytes; at += clusterBytes) this.release(old.offset + at);
  }
}

/** A count of 2^order bits; those of less than a byte begin with the lowest bit of it. */
function getCount(block: Uint8Array, place: number, order: number): number {
  const view = viewOf(block);
  if (order < 3) {
    const bits = 2 ** order;
    const at = place * bits;
    return ((block[at >> 3] as number) >> (at & 7)) & (2 ** bits - 1);
  }
  if (order === 3) return block[place] as number;
  if (order === 4) return view.getUint16(place * 2);
  if (order === 5) return view.getUint32(place * 4);
  return get64(view, place * 8);
}

function setCount(block: Uint8Array, place: number, order: number, count: number): void {
  const view = viewOf(block);
  if (order < 3) {
    const bits = 2 ** order;
    const at = place * bits;
    const mask = (2 ** bits - 1) << (at & 7);
    block[at >> 3] = ((block[at >> 3] as number) & ~mask) | (count << (at & 7));
  } else if (order === 3) block[place] = count;
  else if (order === 4) view.setUint16(place * 2, count);
  else if (order === 5) view.setUint32(place * 4, count);
  else if (Number.isFinite(count)) put64(view, place * 8, count);
}
