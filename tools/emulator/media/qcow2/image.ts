// A disk in a qcow2 image (QEMU's docs/interop/qcow2), on the source of its file: read as needed, clusters made when they
// are first written, those of snapshots and backing files left as they are. Not here: encryption, external data files,
// extended L2 entries, zstd; such images are refused by name.

import { LoadError } from "../../load-error.ts";
import type { ImageSource } from "../image.ts";
import { inflateCluster } from "./compressed.ts";
import { CORRUPT, HEADER_FIELDS, type Header, readHeader } from "./header.ts";
import { type Entry, Mapping } from "./mapping.ts";
import { Refcounts, type WritableFile } from "./refcounts.ts";

/** Opens what a backing file's name stands for; throws `LoadError` where it cannot. */
export type OpenBacking = (name: string, format: string | undefined) => ImageSource;

const REPAIR = "qemu-img check -r all may repair it";

class Qcow2Image implements ImageSource {
  readonly name: string;
  readonly size: number;
  readonly format = "qcow2";
  readonly backing: ImageSource | undefined;
  readonly #file: ImageSource;
  readonly #header: Header;
  readonly #mapping: Mapping;
  /** The compressed cluster that was read last. */
  #inflated: { offset: number; bytes: Uint8Array } | undefined;

  constructor(file: ImageSource, header: Header, mapping: Mapping, backing?: ImageSource) {
    this.name = file.name;
    this.size = header.size;
    this.backing = backing;
    this.#file = file;
    this.#header = header;
    this.#mapping = mapping;
  }

  /** Pieces of a range that lie in one cluster each. */
  *#pieces(offset: number, length: number): Generator<{ cluster: number; at: number; n: number }> {
    const { clusterBytes } = this.#header;
    const end = offset + length;
    for (let position = offset; position < end; ) {
      const cluster = Math.floor(position / clusterBytes);
      const at = position - cluster * clusterBytes;
      const n = Math.min(clusterBytes - at, end - position);
      yield { cluster, at, n };
      position += n;
    }
  }

  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    const inside = Math.max(0, Math.min(length, this.size - offset));
    let filled = 0;
    for (const { cluster, at, n } of this.#pieces(offset, inside)) {
      const bytes = this.#readPiece(this.#mapping.lookup(cluster), cluster, at, n);
      if (bytes !== undefined) out.set(bytes, filled);
      filled += n;
    }
    return out;
  }

  /** Bytes of a cluster; undefined for zeros. */
  #readPiece(entry: Entry, cluster: number, at: number, n: number): Uint8Array | undefined {
    switch (entry.kind) {
      case "zero":
        return undefined;
      case "data":
        return this.#file.read(entry.offset + at, n);
      case "compressed":
        return this.#inflate(entry).subarray(at, at + n);
      case "none":
        return this.backing?.read(cluster * this.#header.clusterBytes + at, n);
    }
  }

  #inflate({ place }: Entry & { kind: "compressed" }): Uint8Array {
    if (this.#inflated?.offset !== place.offset) {
      if (place.offset >= this.#file.size) {
        throw new Error("a compressed cluster is behind the end of the file");
      }
      const stream = this.#file.read(place.offset, place.bytes);
      const bytes = inflateCluster(stream, this.#header.clusterBytes);
      this.#inflated = { offset: place.offset, bytes };
    }
    return (this.#inflated as { bytes: Uint8Array }).bytes;
  }

  /** For those that are made writable. */
  protected writePieces(offset: number, bytes: Uint8Array, file: WritableFile, counts: Refcounts) {
    if (offset < 0 || offset + bytes.length > this.size) throw new Error("behind the disk's end");
    let taken = 0;
    for (const { cluster, at, n } of this.#pieces(offset, bytes.length)) {
      this.#writePiece(cluster, at, bytes.subarray(taken, taken + n), file, counts);
      taken += n;
    }
  }

  #writePiece(
    cluster: number,
    at: number,
    bytes: Uint8Array,
    file: WritableFile,
    counts: Refcounts,
  ): void {
    const { clusterBytes } = this.#header;
    const entry = this.#mapping.lookup(cluster);
    // A compressed one may be written over: its clusters of the file are others' afterwards.
    this.#inflated = undefined;
    if (entry.kind === "data" && entry.copied) {
      checkPlace(entry.offset, file, counts, clusterBytes);
      file.write(entry.offset + at, bytes);
      return;
    }
    let whole = bytes;
    if (bytes.length < clusterBytes) {
      const old = this.#readPiece(entry, cluster, 0, clusterBytes);
      whole = old?.slice() ?? new Uint8Array(clusterBytes);
      whole.set(bytes, at);
    }
    this.#mapping.prepare(cluster);
    if (entry.kind === "zero" && entry.offset !== 0 && entry.copied) {
      checkPlace(entry.offset, file, counts, clusterBytes);
      file.write(entry.offset, whole);
      this.#mapping.set(cluster, entry.offset);
      return;
    }
    const offset = counts.allocate();
    try {
      file.write(offset, whole);
    } catch (error) {
      counts.release(offset);
      throw error;
    }
    this.#mapping.set(cluster, offset);
  }

  protected writeBack(): void {
    this.#mapping.writeBack();
  }

  close(): void {
    closeAll([() => this.backing?.close?.(), () => this.#file.close?.()]);
  }
}

/** An image that takes what the guest writes. */
class WritableQcow2Image extends Qcow2Image {
  readonly #counts: Refcounts;
  readonly #writable: WritableFile;
  readonly #corruptible: boolean;
  /** Why nothing more is written. */
  #broken: string | undefined;

  constructor(file: WritableFile, header: Header, counts: Refcounts, backing?: ImageSource) {
    super(file, header, new Mapping(file, header, { file, refcounts: counts }), backing);
    this.#counts = counts;
    this.#writable = file;
    this.#corruptible = header.version === 3;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.#broken !== undefined) throw new Error(this.#broken);
    try {
      this.writePieces(offset, bytes, this.#writable, this.#counts);
    } catch (error) {
      if (error instanceof CorruptImage) this.#markCorrupt(error.message);
      throw error;
    }
  }

  #markCorrupt(why: string): void {
    this.#broken = `${why}; ${REPAIR}`;
    if (!this.#corruptible) return;
    const at = HEADER_FIELDS.incompatibleFeatures + 7;
    const features = this.#writable.read(at, 1)[0] ?? 0;
    this.#writable.write(at, Uint8Array.of(features | CORRUPT));
  }

  flush(): void {
    this.writeBack();
    this.#writable.flush();
  }

  override close(): void {
    closeAll([() => this.flush(), () => super.close()]);
  }
}

/** The image contradicts itself in a way that writing would make worse. */
class CorruptImage extends Error {}

/** Data are written where data can be: in the file, and not over tables. */
function checkPlace(
  offset: number,
  file: ImageSource,
  counts: Refcounts,
  clusterBytes: number,
): void {
  if (counts.holdsTables(offset)) {
    throw new CorruptImage("it is corrupt: data would be written over its tables");
  }
  if (offset >= Math.ceil(file.size / clusterBytes) * clusterBytes) {
    throw new CorruptImage("it is corrupt: data would be written behind the end of the file");
  }
}

/** Does everything, and then throws what the first one threw that failed. */
function closeAll(actions: readonly (() => void)[]): void {
  const errors: unknown[] = [];
  for (const action of actions) {
    try {
      action();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

function refuseWriting(file: ImageSource, header: Header): void {
  const why = header.corrupt
    ? "it is marked as corrupt"
    : header.dirty
      ? "it was not closed, and its refcounts are not kept (lazy_refcounts)"
      : undefined;
  if (why === undefined) return;
  throw new LoadError(
    `disk ${file.name}: ${why}: ${REPAIR}; readonly=on or snapshot=on only reads it`,
  );
}

/** The disk in a file of this format, which can be changed if the file can. Throws `LoadError`. */
export function openQcow2(file: ImageSource, openBacking: OpenBacking): ImageSource {
  const header = readHeader(file);
  const isWritable = (source: ImageSource): source is WritableFile =>
    source.write !== undefined && source.flush !== undefined;
  if (isWritable(file)) refuseWriting(file, header);
  const { backing: named } = header;
  const backing = named === undefined ? undefined : openBacking(named.name, named.format);
  if (!isWritable(file)) return new Qcow2Image(file, header, new Mapping(file, header), backing);
  try {
    const counts = new Refcounts(file, header);
    // What these bits stand for is not kept up to date here.
    if (header.autoclear) file.write(HEADER_FIELDS.autoclearFeatures, new Uint8Array(8));
    return new WritableQcow2Image(file, header, counts, backing);
  } catch (error) {
    backing?.close?.();
    throw error;
  }
}
