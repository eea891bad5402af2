// The header of a qcow2 image and its extensions (QEMU's docs/interop/qcow2, "Header" and "Header extensions"; versions
// 2 and 3). Whatever a field says, the answer is a header that the rest can rely on, or one `LoadError`.

import { LoadError } from "../../load-error.ts";
import type { ImageSource } from "../image.ts";

export const MAGIC = 0x514649fb;

export interface Header {
  version: 2 | 3;
  clusterBits: number;
  clusterBytes: number;
  /** Of the disk, bytes, whole sectors. */
  size: number;
  l1Offset: number;
  l1Entries: number;
  refcountTableOffset: number;
  refcountTableClusters: number;
  /** A refcount has 2 to the power of this many bits. */
  refcountOrder: number;
  backing?: { name: string; format?: string };
  /** Refcounts may be wrong. */
  dirty: boolean;
  corrupt: boolean;
  /** Data that others keep in the image and that is not valid any more when it has been changed. */
  autoclear: boolean;
}

/** Of fields that the header has for others to change. */
export const HEADER_FIELDS = {
  refcountTable: 48,
  incompatibleFeatures: 72,
  autoclearFeatures: 88,
} as const;

export const CORRUPT = 2;
const DIRTY = 1;
const REFUSED_FEATURES: readonly (readonly [bit: number, what: string])[] = [
  [2, "an external data file"],
  [4, "extended L2 entries"],
];
const COMPRESSION = 3;
const KNOWN_FEATURES = 0x1f;
const ENCRYPTIONS: Readonly<Record<number, string>> = { 1: "AES", 2: "LUKS" };
const COMPRESSIONS: Readonly<Record<number, string>> = { 1: "zstd" };

const BACKING_FORMAT = 0xe2792aca;
const FEATURE_NAMES = 0x6803f857;
const FEATURE_NAME_BYTES = 48;

const MIN_CLUSTER_BITS = 9;
/** QEMU's limits ("implementation limit of 2 MB" of the specification; QCOW_MAX_L1_SIZE and QCOW_MAX_REFTABLE_SIZE). */
const MAX_CLUSTER_BITS = 21;
const MAX_L1_BYTES = 32 << 20;
export const MAX_REFCOUNT_TABLE_BYTES = 8 << 20;
const MAX_BACKING_NAME = 1023;
const V2_BYTES = 72;
const V3_BYTES = 104;

export const CONVERT = "qemu-img convert -O qcow2 makes one that can be used";

/** A field of 64 bits; infinity where it is no exact number. */
export function get64(view: DataView, at: number): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
}

/** Reads and checks the header. Throws `LoadError`. */
export function readHeader(file: ImageSource): Header {
  const refuse: (why: string) => never = (why) => {
    throw new LoadError(`disk ${file.name}: ${why}`);
  };
  if (file.size < V2_BYTES) refuse(`${file.size} bytes: a qcow2 image has at least ${V2_BYTES}`);
  const fixed = file.read(0, V3_BYTES);
  const view = new DataView(fixed.buffer, fixed.byteOffset, fixed.length);
  if (view.getUint32(0) !== MAGIC) refuse("it is not in qcow2 format");
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) refuse(`qcow version ${version}: expected 2 or 3`);
  const clusterBits = view.getUint32(20);
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    refuse(
      `clusters of 2^${clusterBits} bytes: expected ${MIN_CLUSTER_BITS} to ${MAX_CLUSTER_BITS} bits`,
    );
  }
  const clusterBytes = 2 ** clusterBits;
  const headerBytes = version === 2 ? V2_BYTES : view.getUint32(100);
  if (headerBytes < (version === 2 ? V2_BYTES : V3_BYTES) || headerBytes > clusterBytes) {
    refuse(`a header of ${headerBytes} bytes: expected ${V3_BYTES} to ${clusterBytes}`);
  }
  const encryption = view.getUint32(32);
  if (encryption !== 0) {
    refuse(`it is encrypted (${ENCRYPTIONS[encryption] ?? `method ${encryption}`}); ${CONVERT}`);
  }
  const first = file.read(0, Math.min(clusterBytes, file.size));
  const features = version === 2 ? 0 : view.getUint32(HEADER_FIELDS.incompatibleFeatures + 4);
  const extensions = readExtensions(first, headerBytes, get64(view, 8), refuse);
  if (version === 3) {
    refuseFeatures(
      features,
      view.getUint32(HEADER_FIELDS.incompatibleFeatures),
      extensions,
      refuse,
    );
  }
  // Zero, and a shorter header, stand for zlib.
  const compression =
    (features & (1 << COMPRESSION)) !== 0 && headerBytes > V3_BYTES ? (first[V3_BYTES] ?? 0) : 0;
  if (compression !== 0) {
    const name = COMPRESSIONS[compression] ?? `type ${compression}`;
    refuse(`its clusters are compressed with ${name}, not with zlib; ${CONVERT}`);
  }
  const refcountOrder = version === 2 ? 4 : view.getUint32(96);
  if (refcountOrder > 6) refuse(`refcounts of 2^${refcountOrder} bits: expected at most 64`);
  const sectors = Math.floor(get64(view, 24) / 512);
  if (!Number.isFinite(sectors)) refuse("a disk of more than 2^53 bytes");
  const size = sectors * 512;
  const table = (what: string, at: number, bytes: number, limit: number): number => {
    const offset = get64(view, at);
    if (bytes > limit) refuse(`its ${what} has ${bytes} bytes: expected at most ${limit}`);
    if (offset % clusterBytes !== 0 || (bytes > 0 && offset === 0)) {
      refuse(`its ${what} does not begin with a cluster`);
    }
    if (offset + bytes > file.size) refuse(`its ${what} reaches beyond the end of the file`);
    return offset;
  };
  const l1Entries = view.getUint32(36);
  const l1Offset = table("L1 table", 40, l1Entries * 8, MAX_L1_BYTES);
  const needed = Math.ceil(size / (clusterBytes * (clusterBytes / 8)));
  if (l1Entries < needed) {
    refuse(`its L1 table has ${l1Entries} entries, and a disk of ${size} bytes needs ${needed}`);
  }
  const refcountTableClusters = view.getUint32(56);
  const refcountTableOffset = table(
    "refcount table",
    HEADER_FIELDS.refcountTable,
    refcountTableClusters * clusterBytes,
    MAX_REFCOUNT_TABLE_BYTES,
  );
  if (refcountTableClusters === 0) refuse("it has no refcount table");
  return {
    version: version as 2 | 3,
    clusterBits,
    clusterBytes,
    size,
    l1Offset,
    l1Entries,
    refcountTableOffset,
    refcountTableClusters,
    refcountOrder,
    ...backingOf(view, first, extensions, refuse),
    dirty: (features & DIRTY) !== 0,
    corrupt: (features & CORRUPT) !== 0,
    autoclear:
      version === 3 &&
      (view.getUint32(HEADER_FIELDS.autoclearFeatures) !== 0 ||
        view.getUint32(HEADER_FIELDS.autoclearFeatures + 4) !== 0),
  };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Extensions between the header and the backing file's name, by their type. */
function readExtensions(
  first: Uint8Array,
  start: number,
  backingName: number,
  refuse: (why: string) => never,
): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  const view = new DataView(first.buffer, first.byteOffset, first.length);
  const end = Math.min(first.length, backingName === 0 ? first.length : backingName);
  for (let at = start; at + 8 <= end; ) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === 0) break;
    if (length > end - at - 8) refuse("a header extension reaches beyond its cluster");
    out.set(type, first.subarray(at + 8, at + 8 + length));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return out;
}

/** Refuses features that change what the image means and that are not known here, by their names. */
function refuseFeatures(
  low: number,
  high: number,
  extensions: Map<number, Uint8Array>,
  refuse: (why: string) => never,
): void {
  for (const [bit, what] of REFUSED_FEATURES) {
    if ((low & (1 << bit)) !== 0) refuse(`it has ${what}; ${CONVERT}`);
  }
  const unknown = Array.from({ length: 64 }, (_, bit) => bit).find(
    (bit) => (((bit < 32 ? low & ~KNOWN_FEATURES : high) >>> (bit & 31)) & 1) !== 0,
  );
  if (unknown === undefined) return;
  const names = extensions.get(FEATURE_NAMES) ?? new Uint8Array();
  for (let at = 0; at + FEATURE_NAME_BYTES <= names.length; at += FEATURE_NAME_BYTES) {
    if (names[at] !== 0 || names[at + 1] !== unknown) continue;
    const name = text(names.subarray(at + 2, at + FEATURE_NAME_BYTES)).replace(/[^ -~].*$/s, "");
    refuse(`it has the feature "${name}", which is not known here; ${CONVERT}`);
  }
  refuse(`it has the feature of bit ${unknown}, which is not known here; ${CONVERT}`);
}

function backingOf(
  view: DataView,
  first: Uint8Array,
  extensions: Map<number, Uint8Array>,
  refuse: (why: string) => never,
): { backing?: { name: string; format?: string } } {
  const offset = get64(view, 8);
  if (offset === 0) return {};
  const length = view.getUint32(16);
  if (length > MAX_BACKING_NAME || offset + length > first.length) {
    refuse("the name of its backing file is not where the header says");
  }
  if (length === 0) return {};
  const name = text(first.subarray(offset, offset + length));
  if (name.includes("\0")) refuse("the name of its backing file has a byte of zero");
  const format = extensions.get(BACKING_FORMAT);
  return { backing: { name, ...(format && format.length > 0 ? { format: text(format) } : {}) } };
}
