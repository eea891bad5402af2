// Recorded vectors: snippets with the state the recording host's CPU reached, so that hosts without an
// x86-64 CPU check the core as well. Each is stored as differences: before against a fixed base state,
// after against before; the whole file is gzip-compressed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Expectation } from "./compare.ts";
import type { TestCase, Tolerance } from "./generate.ts";
import { Random } from "./random.ts";
import { Field, Memory, RECORD_SIZE, StateRecord } from "./record.ts";

export interface Vector extends Expectation {
  /** Forms of the snippet, joined with spaces. */
  name: string;
  before: StateRecord;
  after: StateRecord;
}

const DIRECTORY = join(import.meta.dirname, "vectors");

/** The recorded vectors that the project keeps, by file name. */
export function recordedVectors(): Map<string, Vector[]> {
  return new Map(
    readdirSync(DIRECTORY)
      .sort()
      .map((file) => [file, unpackVectors(readFileSync(join(DIRECTORY, file)), file)]),
  );
}

const MAGIC = "trihedron cpu vectors 1\n";
const TOLERANCES: readonly Tolerance[] = ["exact", "x87", "reciprocal"];

/** The state that differences are taken against; it never changes. */
function baseState(): StateRecord {
  const base = new StateRecord();
  const random = new Random(0x7269_6864);
  random.fill(base.bytes, Field.xmm, RECORD_SIZE);
  base.bytes.fill(0xcc, Field.code, Field.code + 64);
  return base;
}

/** Replaces what the snippet does not use by the base state, so that it takes little room. The host must run it again. */
export function thin(test: TestCase): StateRecord {
  const base = baseState();
  const before = test.before.clone();
  for (let i = 0; i < 16; i++) {
    if (test.usedVectors & (1 << i)) continue;
    for (const at of [Field.xmm + 16 * i, Field.ymmHigh + 16 * i]) {
      before.bytes.set(base.bytes.subarray(at, at + 16), at);
    }
  }
  const windows = [
    [Field.windowA, Memory.windowA, Memory.windowASize],
    [Field.windowB, Memory.windowB, Memory.windowBSize],
  ] as const;
  for (const [field, address, size] of windows) {
    for (let i = 0; i < size; i++) {
      const near = test.touched.some((need) => {
        const distance = address + i - Number(need.address);
        return distance >= 0 && distance < need.size;
      });
      if (!near) before.bytes[field + i] = base.bytes[field + i] as number;
    }
  }
  return before;
}

/** Serializes vectors. */
export function packVectors(vectors: readonly Vector[]): Uint8Array {
  const out: number[] = [];
  const base = baseState();
  const varint = (value: number): void => {
    let rest = value;
    while (rest > 127) {
      out.push((rest & 127) | 128);
      rest >>>= 7;
    }
    out.push(rest);
  };
  const difference = (from: Uint8Array, to: Uint8Array): void => {
    let last = 0;
    for (let i = 0; i < RECORD_SIZE; ) {
      if (from[i] === to[i]) {
        i++;
        continue;
      }
      let end = i;
      let same = 0;
      for (let j = i; j < RECORD_SIZE && same < 3; j++) {
        same = from[j] === to[j] ? same + 1 : 0;
        if (same === 0) end = j + 1;
      }
      varint(end - i);
      varint(i - last);
      for (let j = i; j < end; j++) out.push(to[j] as number);
      last = end;
      i = end;
    }
    varint(0);
  };
  for (const character of MAGIC) out.push(character.charCodeAt(0));
  const names = [...new Set(vectors.map((vector) => vector.name))];
  const table = Buffer.from(names.join("\n"));
  varint(table.length);
  for (const byte of table) out.push(byte);
  varint(vectors.length);
  for (const vector of vectors) {
    varint(names.indexOf(vector.name));
    varint(vector.undefinedFlags);
    varint(vector.undefinedFsw);
    varint(TOLERANCES.indexOf(vector.tolerance));
    difference(base.bytes, vector.before.bytes);
    difference(vector.before.bytes, vector.after.bytes);
  }
  return gzipSync(Uint8Array.from(out), { level: 9 });
}

/** Reads what `packVectors` wrote. Throws an error that names `file` when it is something else. */
export function unpackVectors(packed: Uint8Array, file: string): Vector[] {
  let bytes: Buffer;
  try {
    bytes = gunzipSync(packed);
  } catch {
    bytes = Buffer.alloc(0);
  }
  if (bytes.subarray(0, MAGIC.length).toString("latin1") !== MAGIC) {
    throw new Error(
      `${file}: not a file of recorded CPU vectors (a gzip stream beginning with "${MAGIC.trim()}"); ` +
        "record it again with npm run fuzz:cpu -- --record FILE",
    );
  }
  let at = MAGIC.length;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error(`${file}: ends at byte ${at} inside a vector`);
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  };
  const patched = (from: StateRecord): StateRecord => {
    const record = from.clone();
    let position = 0;
    for (let length = varint(); length > 0; length = varint()) {
      position += varint();
      record.bytes.set(bytes.subarray(at, at + length), position);
      at += length;
      position += length;
    }
    return record;
  };
  const base = baseState();
  const tableLength = varint();
  const names = bytes
    .subarray(at, at + tableLength)
    .toString()
    .split("\n");
  at += tableLength;
  const vectors: Vector[] = [];
  for (let count = varint(); count > 0; count--) {
    const name = names[varint()] ?? "";
    const undefinedFlags = varint();
    const undefinedFsw = varint();
    const tolerance = TOLERANCES[varint()] ?? "exact";
    const before = patched(base);
    const after = patched(before);
    vectors.push({ name, undefinedFlags, undefinedFsw, tolerance, before, after });
  }
  return vectors;
}
