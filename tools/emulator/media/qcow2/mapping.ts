// From clusters of the disk to clusters of the file, by L1 and L2 tables (docs/interop/qcow2, "Cluster mapping"). Changes
// stay in memory until they are written back, in an order in which every state of the file is a whole image: data and
// counts, then L2 tables, then the L1 table, then counts that are taken back.

import type { ImageSource } from "../image.ts";
import { ClusterCache } from "./cluster-cache.ts";
import type { CompressedPlace } from "./compressed.ts";
import { compressedPlace } from "./compressed.ts";
import type { Header } from "./header.ts";
import { put64, type Refcounts, type WritableFile } from "./refcounts.ts";

/** What an L2 entry says of a cluster. */
export type Entry =
  | { kind: "none" }
  /** Reads as zeros; may have a place for what is written. */
  | { kind: "zero"; offset: number; copied: boolean }
  /** `copied`: nothing else refers to it. */
  | { kind: "data"; offset: number; copied: boolean }
  | { kind: "compressed"; place: CompressedPlace };

interface Table {
  offset: number;
  bytes: Uint8Array;
  changed: boolean;
}

/** What changes need. */
interface Writing {
  file: WritableFile;
  refcounts: Refcounts;
}

const COPIED = 0x80000000;
const COMPRESSED = 0x40000000;
const ZERO = 1;
const OFFSET_HIGH = 0x00ffffff;
/** Clusters that wait for their counts to be taken back, before what waits is written. */
const MAX_FREED = 4096;

const NONE: Entry = { kind: "none" };

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export class Mapping {
  readonly #file: ImageSource;
  readonly #header: Header;
  readonly #writing: Writing | undefined;
  readonly #l1: DataView;
  readonly #l1Changed = new Set<number>();
  readonly #entriesPerTable: number;
  readonly #tables: ClusterCache<Table>;
  /** Clusters to which one reference is taken back when nothing in the file refers to them by it. */
  #freed: number[] = [];

  constructor(file: ImageSource, header: Header, writing?: Writing) {
    this.#file = file;
    this.#header = header;
    this.#writing = writing;
    this.#entriesPerTable = header.clusterBytes / 8;
    this.#l1 = viewOf(file.read(header.l1Offset, header.l1Entries * 8));
    this.#tables = new ClusterCache(header.clusterBytes);
  }

  #offset(high: number, low: number, what: string): number {
    const offset = (high & OFFSET_HIGH) * 2 ** 32 + ((low & ~511) >>> 0);
    if (offset % this.#header.clusterBytes !== 0) {
      throw new Error(`${what} is not at the beginning of a cluster`);
    }
    if (!Number.isSafeInteger(offset)) throw new Error(`${what} is beyond the end of every file`);
    return offset;
  }

  #table(index: number): Table | undefined {
    const kept = this.#tables.get(index);
    if (kept !== undefined) return kept;
    const [high, low] = [this.#l1.getUint32(index * 8), this.#l1.getUint32(index * 8 + 4)];
    const offset = this.#offset(high, low, `L2 table ${index}`);
    if (offset === 0) return undefined;
    const bytes = this.#file.read(offset, this.#header.clusterBytes);
    return this.#keep(index, { offset, bytes, changed: false });
  }

  #keep(index: number, table: Table): Table {
    // Those that have changed stay until they are written: before they are most of what is kept, they are.
    if (this.#tables.full && this.#changed > this.#tables.limit / 2) this.writeBack();
    this.#tables.put(index, table, ({ changed }) => !changed);
    return table;
  }

  /** What there is for a cluster of the disk. Throws `Error` for entries that cannot be. */
  lookup(cluster: number): Entry {
    const table = this.#table(Math.floor(cluster / this.#entriesPerTable));
    if (table === undefined) return NONE;
    const at = (cluster % this.#entriesPerTable) * 8;
    const [high, low] = [viewOf(table.bytes).getUint32(at), viewOf(table.bytes).getUint32(at + 4)];
    if ((high & COMPRESSED) !== 0) {
      return { kind: "compressed", place: compressedPlace(high, low, this.#header.clusterBits) };
    }
    const offset = this.#offset(high, low, `cluster ${cluster}`);
    const copied = (high & COPIED) !== 0;
    if ((low & ZERO) !== 0) {
      if (this.#header.version < 3) throw new Error(`cluster ${cluster} is one of version 3`);
      return { kind: "zero", offset, copied };
    }
    return offset === 0 ? NONE : { kind: "data", offset, copied };
  }

  /** Makes a table that can be changed for a cluster, so that `set` needs no room. Throws `Error` where there is none. */
  prepare(cluster: number): void {
    const { refcounts } = this.#writing as Writing;
    const index = Math.floor(cluster / this.#entriesPerTable);
    const table = this.#table(index);
    const isOurs = (this.#l1.getUint32(index * 8) & COPIED) !== 0;
    if (table !== undefined && isOurs) {
      // A table over others would make more of the image wrong than it is.
      if (refcounts.holdsTables(table.offset))
        throw new Error(`L2 table ${index} is another table`);
      return;
    }
    const offset = refcounts.allocate();
    const bytes = table?.bytes ?? new Uint8Array(this.#header.clusterBytes);
    // What is written back to make room for it must not refer to it yet.
    this.#keep(index, { offset, bytes, changed: true });
    put64(this.#l1, index * 8, offset);
    this.#l1.setUint32(index * 8, (this.#l1.getUint32(index * 8) | COPIED) >>> 0);
    this.#l1Changed.add(index);
    // One that snapshots have, too, is theirs from now on.
    if (table !== undefined) this.#free(table.offset);
  }

  /** The cluster is at an offset that nothing else refers to. Behind `prepare`. */
  set(cluster: number, offset: number): void {
    const table = this.#table(Math.floor(cluster / this.#entriesPerTable)) as Table;
    const at = (cluster % this.#entriesPerTable) * 8;
    const view = viewOf(table.bytes);
    const old = this.lookup(cluster);
    put64(view, at, offset);
    view.setUint32(at, (view.getUint32(at) | COPIED) >>> 0);
    table.changed = true;
    if (old.kind === "compressed") {
      const { clusterBytes } = this.#header;
      const { offset: start, bytes } = old.place;
      const first = Math.floor(start / clusterBytes);
      for (let c = first; c * clusterBytes < start + bytes; c++) this.#free(c * clusterBytes);
    } else if (old.kind !== "none" && old.offset !== 0 && old.offset !== offset) {
      this.#free(old.offset);
    }
    if (this.#freed.length > MAX_FREED) this.writeBack();
  }

  #free(offset: number): void {
    this.#freed.push(offset);
  }

  /** Whether the file has not got everything yet. */
  get #isBehind(): boolean {
    return this.#l1Changed.size > 0 || this.#freed.length > 0 || this.#changed > 0;
  }

  get #changed(): number {
    let count = 0;
    for (const { changed } of this.#tables.values()) if (changed) count++;
    return count;
  }

  /** Writes what has changed; it is on the host's storage in this order, but for the last step. */
  writeBack(): void {
    if (this.#writing === undefined || !this.#isBehind) return;
    const { file, refcounts } = this.#writing;
    file.flush();
    for (const table of this.#tables.values()) {
      if (!table.changed) continue;
      file.write(table.offset, table.bytes);
      table.changed = false;
    }
    if (this.#l1Changed.size > 0) {
      file.flush();
      for (const index of this.#l1Changed) {
        const at = this.#l1.byteOffset + index * 8;
        const entry = new Uint8Array(this.#l1.buffer, at, 8);
        file.write(this.#header.l1Offset + index * 8, entry);
        this.#l1Changed.delete(index);
      }
    }
    if (this.#freed.length === 0) return;
    file.flush();
    const freed = this.#freed;
    this.#freed = [];
    for (const offset of freed) refcounts.release(offset);
  }
}
