// Snapshots as files: a header with a checksum over all that follows, compressed. What devices keep is written as
// JSON, with the values that JSON lacks as objects of one key, and bytes beside it. A file is read whole and checked
// before anything of it reaches a machine.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { gunzipSync, gzipSync } from "fflate";
import { MACHINE_SIZE, STATE_SIZE } from "./core/state.ts";
import type { Snapshot } from "./snapshot.ts";

/** Increased whenever what a snapshot holds changes its meaning. */
const FORMAT = 1;
const MAGIC = "trihedron snapshot";
const PAGE = 4096;
/** Digits of a length in the header. */
const MAX_HEADER = 200;

/** What a file holds is not a snapshot, or one of another version. One line. */
export class SnapshotFileError extends Error {
  override name = "SnapshotFileError";
}

/** Bytes behind the JSON text, by their number in it. */
class Attachments {
  readonly parts: Uint8Array[] = [];
  add(bytes: Uint8Array): number {
    return this.parts.push(bytes) - 1;
  }
}

function toJson(value: unknown, attached: Attachments): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (value === undefined) return { $undefined: true };
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Uint8Array) return { $bytes: attached.add(value) };
  if (value instanceof Map) {
    return { $map: [...value].map(([k, v]) => [toJson(k, attached), toJson(v, attached)]) };
  }
  if (value instanceof Set) return { $set: [...value].map((v) => toJson(v, attached)) };
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    return { $view: kind, bytes: attached.add(new Uint8Array(buffer, byteOffset, byteLength)) };
  }
  if (Array.isArray(value)) return value.map((v) => toJson(v, attached));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toJson(v, attached)]));
}

/** Arrays of numbers that devices keep beside plain bytes. */
const VIEWS: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  Uint16Array,
  Uint32Array,
  Int32Array,
  Float64Array,
};

function fromJson(value: unknown, parts: readonly Uint8Array[]): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((v) => fromJson(v, parts));
  const fields = value as Record<string, unknown>;
  const bytes = (n: unknown): Uint8Array => {
    const part = parts[n as number];
    if (part === undefined) throw new SnapshotFileError("a part is missing");
    return part;
  };
  if ("$number" in fields) return Number(fields.$number);
  if ("$bigint" in fields) return BigInt(fields.$bigint as string);
  if ("$undefined" in fields) return undefined;
  if ("$bytes" in fields) return bytes(fields.$bytes);
  if ("$map" in fields) {
    return new Map(
      (fields.$map as [unknown, unknown][]).map(([k, v]) => [
        fromJson(k, parts),
        fromJson(v, parts),
      ]),
    );
  }
  if ("$set" in fields) return new Set((fields.$set as unknown[]).map((v) => fromJson(v, parts)));
  if ("$view" in fields) {
    const View = VIEWS[fields.$view as string];
    if (View === undefined)
      throw new SnapshotFileError(`arrays of kind ${fields.$view} are not known`);
    return new View(bytes(fields.bytes).slice().buffer);
  }
  return Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, fromJson(v, parts)]));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The contents of a file with a snapshot. */
export function snapshotFile(snapshot: Snapshot): Uint8Array {
  const attached = new Attachments();
  const frames = [...snapshot.pages.keys()];
  const json = JSON.stringify({
    ...(toJson({ ...snapshot, pages: undefined }, attached) as object),
    layout: [STATE_SIZE, MACHINE_SIZE],
    frames,
    parts: attached.parts.map(({ length }) => length),
  });
  const text = new TextEncoder().encode(json);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  const body = gzipSync(joined([length, text, ...attached.parts, ...snapshot.pages.values()]), {
    level: 1,
    mtime: 0,
  });
  const header = `${MAGIC} ${FORMAT} ${bytesToHex(sha256(body))}\n`;
  return joined([new TextEncoder().encode(header), body]);
}

interface Described extends Omit<Snapshot, "pages"> {
  layout: number[];
  frames: number[];
}

/** Reads what `snapshotFile` has made. Throws `SnapshotFileError`. */
export function readSnapshotFile(file: Uint8Array): Snapshot {
  const newline = file.subarray(0, MAX_HEADER).indexOf(10);
  const header = new TextDecoder().decode(file.subarray(0, Math.max(0, newline))).split(" ");
  const [first, second, format, digest] = header;
  if (`${first} ${second}` !== MAGIC) throw new SnapshotFileError("the file is no snapshot");
  if (format !== String(FORMAT)) {
    throw new SnapshotFileError(`the snapshot has format ${format}, this version reads ${FORMAT}`);
  }
  const body = file.subarray(newline + 1);
  if (bytesToHex(sha256(body)) !== digest) {
    throw new SnapshotFileError("the snapshot is damaged: its checksum is another");
  }
  const all = gunzipSync(body);
  const text = new DataView(all.buffer, all.byteOffset).getUint32(0, true);
  const described = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + text))) as Record<
    string,
    unknown
  >;
  let at = 4 + text;
  const take = (length: number): Uint8Array => {
    at += length;
    return all.slice(at - length, at);
  };
  const parts = (described.parts as number[]).map(take);
  const { layout, frames, ...rest } = fromJson(described, parts) as Described;
  if (layout.join() !== [STATE_SIZE, MACHINE_SIZE].join()) {
    throw new SnapshotFileError("the snapshot is of a version whose CPUs hold other state");
  }
  return { ...rest, pages: new Map(frames.map((frame) => [frame, take(PAGE)])) };
}
