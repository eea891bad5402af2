// wasm's vector instructions as IR: loads and stores with their extension, splat or lane become a plain
// access and a vector operation; shift counts are made ready for the machine. The rest is one operation.

import type { Reader } from "../../wasm/reader.ts";
import { VECTOR, type VectorOp, vectorOpcode } from "../../wasm/simd.ts";
import type { Builder } from "./build.ts";
import { F32, F64, I32, I64, NONE, Op, type Type, V128, type Value } from "./ir.ts";
import { irType } from "./numeric.ts";

/** What is loaded, and the operation on it, by the name of the load. */
interface LoadForm {
  type: Type;
  /** Opcode, or -1 where the load is all. */
  after: number;
}

function extended(shape: string, from: string): Record<string, LoadForm> {
  const out: Record<string, LoadForm> = {};
  const [width, lanes] = [Number(from.slice(1, from.indexOf("x"))), Number(shape.split("x")[1])];
  for (const sign of ["s", "u"]) {
    const after = vectorOpcode(`${shape}.extend_low_${from}_${sign}`);
    out[`v128.load${width}x${lanes}_${sign}`] = { type: V128, after };
  }
  return out;
}

const LOADS: Record<string, LoadForm> = {
  "v128.load": { type: V128, after: -1 },
  "v128.load32_zero": { type: V128, after: -1 },
  "v128.load64_zero": { type: V128, after: -1 },
  "v128.load8_splat": { type: I32, after: vectorOpcode("i8x16.splat") },
  "v128.load16_splat": { type: I32, after: vectorOpcode("i16x8.splat") },
  "v128.load32_splat": { type: F32, after: vectorOpcode("f32x4.splat") },
  "v128.load64_splat": { type: F64, after: vectorOpcode("f64x2.splat") },
  ...extended("i16x8", "i8x16"),
  ...extended("i32x4", "i16x8"),
  ...extended("i64x2", "i32x4"),
};

/** Extraction without sign and replacement of a lane of `size` bytes. */
const EXTRACT: Record<number, number> = {
  1: vectorOpcode("i8x16.extract_lane_u"),
  2: vectorOpcode("i16x8.extract_lane_u"),
  4: vectorOpcode("i32x4.extract_lane"),
  8: vectorOpcode("i64x2.extract_lane"),
};
const REPLACE: Record<number, number> = {
  1: vectorOpcode("i8x16.replace_lane"),
  2: vectorOpcode("i16x8.replace_lane"),
  4: vectorOpcode("i32x4.replace_lane"),
  8: vectorOpcode("i64x2.replace_lane"),
};

function operation(b: Builder, sub: number, type: Type, args: Value[], lane = 0): Value {
  const v = b.emit(Op.Vector, type, args);
  v.sub = sub;
  v.imm = lane;
  return v;
}

function load(b: Builder, type: Type, pointer: Value, size: number, offset: number): Value {
  const v = b.emit(Op.Load, type, [pointer]);
  v.size = size;
  v.imm = offset;
  return v;
}

function store(b: Builder, pointer: Value, value: Value, size: number, offset: number): void {
  const v = b.emit(Op.Store, NONE, [pointer, value]);
  v.size = size;
  v.imm = offset;
}

/** A shift count as the machine's instructions take it. */
function shiftCount(b: Builder, name: string, count: Value): Value {
  const width = Number(name.slice(1, name.indexOf("x")));
  const masked = b.binary(Op.And, count, b.f.i32(width - 1));
  // Bytes are shifted in the upper halves of words.
  return name.startsWith("i8x16.shr") ? b.binary(Op.Add, masked, b.f.i32(8)) : masked;
}

/** Emits the instruction behind prefix 0xfd with opcode `sub`, whose immediates `r` reads. */
export function emitVector(b: Builder, sub: number, r: Reader): void {
  const op = VECTOR[sub] as VectorOp;
  const { name, kind, size, params } = op;
  let offset = 0;
  if (size > 0) {
    r.u32();
    offset = r.u32();
  }
  switch (kind) {
    case "const":
      b.push(b.f.bits(V128, r.u128()));
      return;
    case "load": {
      const { type, after } = LOADS[name] as LoadForm;
      const loaded = load(b, type, b.pop(), size, offset);
      b.push(after < 0 ? loaded : operation(b, after, V128, [loaded]));
      return;
    }
    case "store": {
      const value = b.pop();
      store(b, b.pop(), value, size, offset);
      return;
    }
    case "loadLane": {
      const vector = b.pop();
      const lane = load(b, size === 8 ? I64 : I32, b.pop(), size, offset);
      b.push(operation(b, REPLACE[size] as number, V128, [vector, lane], r.u8()));
      return;
    }
    case "storeLane": {
      const type = size === 8 ? I64 : I32;
      const value = operation(b, EXTRACT[size] as number, type, [b.pop()], r.u8());
      store(b, b.pop(), value, size, offset);
      return;
    }
  }
  const args = params.map(() => b.pop()).reverse();
  const shuffled = kind === "shuffle" ? r.u128() : undefined;
  const lane = op.lanes > 0 ? r.u8() : 0;
  if (/\.sh[lr]/.test(name)) args[1] = shiftCount(b, name, args[1] as Value);
  const v = operation(b, sub, irType(op.result as number as 0x7b), args, lane);
  if (shuffled !== undefined) v.aux = shuffled;
  b.push(v);
}
