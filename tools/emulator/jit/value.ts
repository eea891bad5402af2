// Values that a handler computes while it is specialized: constants, locals of the region, and expressions over them
// that are emitted where they are needed, or never. A value does not change: registers of the CPU are names for values
// (state-locals.ts), memory is read at once into a local.

import { NUMERIC } from "../../wasm/opcodes.ts";
import { VECTOR } from "../../wasm/simd.ts";
import { F32, F64, I32, I64, V128, type ValType } from "../../wasm/types.ts";
import type { Affine } from "./affine.ts";
import type { Code } from "./code.ts";

/** `op` of a constant. */
export const CONST = -1;
/** `op` of a local of the function. */
export const LOCAL = -2;
/** `op` of a link of the branch record that is specialized. */
export const LINK = -3;
const OP_DROP = 0x1a;
export const UNWRITTEN = -4;
/** `op` of an i64 that is loaded where it is needed, from address `a` and offset `n`. */
export const I64_LOAD = 0x29;
export const SELECT = 0x1b;
/** Opcodes behind the prefixes 0xfc and 0xfd have it in the bits from 16 on. */
export const SATURATE = 0xfc0000;
export const VECTOR_OP = 0xfd0000;

export class Value {
  readonly type: ValType;
  readonly op: number;
  readonly a: Value | undefined;
  readonly b: Value | undefined;
  readonly c: Value | undefined;
  /** Of a constant: i32 as signed number. Of a local its index, of a link which, of a lane operation the lane. */
  readonly n: number;
  /** Of a constant of another type: its bits, i64 as signed; of a shuffle the lanes. */
  readonly bits: bigint;
  /** The value is below 2^width (i32, i64). */
  readonly width: number;
  /** Known not to be 0. */
  nonzero = false;
  /** Of a local: those of its bits that are known, and what they are. */
  knownMask = 0;
  knownBits = 0;
  /** Of a local that holds a register: what it is over the registers with which the block begins, where that is asked for. */
  affine: Affine | undefined;
  /** Who refers to it: expressions, locals of handlers, registers. */
  uses = 0;

  constructor(
    type: ValType,
    op: number,
    n: number,
    bits: bigint,
    width: number,
    a?: Value,
    b?: Value,
    c?: Value,
  ) {
    this.type = type;
    this.op = op;
    this.n = n;
    this.bits = bits;
    this.width = width;
    this.a = a;
    this.b = b;
    this.c = c;
  }

  get isConst(): boolean {
    return this.op === CONST;
  }

  /** The same instruction on what `map` makes of the operands. */
  over(map: (operand: Value) => Value): Value {
    const a = this.a && map(this.a);
    const b = this.b && map(this.b);
    const c = this.c && map(this.c);
    if (a === this.a && b === this.b && c === this.c) return this;
    const value = new Value(this.type, this.op, this.n, this.bits, this.width, a, b, c);
    value.nonzero = this.nonzero;
    value.uses = this.uses;
    return value;
  }
}

const full = (type: ValType): number => (type === I32 ? 32 : type === I64 ? 64 : 0);

function widthOf(bits: bigint): number {
  const unsigned = BigInt.asUintN(64, bits);
  if (unsigned < 0x100000000n) return 32 - Math.clz32(Number(unsigned));
  return 64 - Math.clz32(Number(unsigned >> 32n));
}

const SMALL = Array.from(
  { length: 64 },
  (_, n) => new Value(I32, CONST, n, 0n, 32 - Math.clz32(n)),
);

export function i32(n: number): Value {
  if (n >= 0 && n < 64) return SMALL[n] as Value;
  const signed = n | 0;
  return new Value(I32, CONST, signed, 0n, 32 - Math.clz32(signed));
}

export function i64(bits: bigint): Value {
  return new Value(I64, CONST, 0, BigInt.asIntN(64, bits), widthOf(bits));
}

/** A constant by its bits. */
export function constant(type: ValType, bits: bigint): Value {
  if (type === I32) return i32(Number(BigInt.asIntN(32, bits)));
  if (type === I64) return i64(bits);
  return new Value(type, CONST, 0, bits, 0);
}

export function local(type: ValType, index: number, width = full(type)): Value {
  return new Value(type, LOCAL, index, 0n, width);
}

/** Bits of a constant, unsigned. */
export function bitsOf(value: Value): bigint {
  return value.type === I32 ? BigInt(value.n >>> 0) : BigInt.asUintN(64, value.bits);
}

export function same(x: Value, y: Value): boolean {
  if (x === y) return true;
  if (x.op !== y.op || x.type !== y.type || x.n !== y.n || x.bits !== y.bits) return false;
  return x.op === CONST || x.op === LOCAL || x.op === LINK;
}

function node(type: ValType, op: number, width: number, a?: Value, b?: Value, c?: Value): Value {
  if (a) a.uses++;
  if (b) b.uses++;
  if (c) c.uses++;
  return new Value(type, op, 0, 0n, width, a, b, c);
}

/** A vector instruction; `n` is a lane, `bits` the bytes of a shuffle. */
export function vector(sub: number, n: number, bits: bigint, operands: readonly Value[]): Value {
  const result = VECTOR[sub]?.result as ValType;
  const [a, b, c] = operands;
  for (const operand of operands) operand.uses++;
  return new Value(result, VECTOR_OP | sub, n, bits, full(result), a, b, c);
}

export function saturate(sub: number, type: ValType, a: Value): Value {
  a.uses++;
  return new Value(type, SATURATE | sub, 0, 0n, full(type), a);
}

/** A value that a region cannot have: a link, or bytes of scratch that nobody has written. */
export class Unemittable {}

const UNEMITTABLE = new Unemittable();

/** What is in scratch memory before it is written. */
export function unwritten(): Value {
  return new Value(V128, UNWRITTEN, 0, 0n, 0);
}

export function link(which: 0 | 1): Value {
  const value = new Value(I32, LINK, which, 0n, 32);
  value.nonzero = true;
  return value;
}

/** Writes instructions that push the value. */
export function emit(code: Code, value: Value): void {
  const { op } = value;
  if (op === CONST) {
    emitConstant(code, value);
    return;
  }
  if (op === LOCAL) {
    code.get(value.n);
    return;
  }
  const known = code.find(value);
  if (known !== undefined) {
    code.get(known);
    return;
  }
  if (op < 0) throw UNEMITTABLE;
  if (value.a) emit(code, value.a);
  if (value.b) emit(code, value.b);
  if (value.c) emit(code, value.c);
  const { bytes } = code.chunk;
  if (op === I64_LOAD) {
    if (value.bits !== BigInt(code.changes)) throw UNEMITTABLE;
    code.bytes(op, 3).u32(value.n);
  } else if (op < SATURATE) bytes.push(op);
  else {
    bytes.push(op >>> 16);
    code.u32(op & 0xffff);
    if (op >= VECTOR_OP) {
      const kind = VECTOR[op & 0xffff];
      if (kind?.kind === "shuffle") pushBits(bytes, value.bits, 16);
      else if (kind && kind.lanes > 0) bytes.push(value.n);
    }
  }
  if (value.uses > 1) {
    const temporary = code.temporary(value.type);
    code.tee(temporary);
    code.chunk.note(value, temporary);
  }
}

function pushBits(bytes: number[], bits: bigint, count: number): void {
  for (let i = 0; i < count; i++) bytes.push(Number((bits >> BigInt(8 * i)) & 0xffn));
}

function emitConstant(code: Code, value: Value): void {
  const { type } = value;
  if (type === I32) code.i32Const(value.n);
  else if (type === I64) code.i64Const(value.bits);
  else {
    const { bytes } = code.chunk;
    if (type === F32) bytes.push(0x43);
    else if (type === F64) bytes.push(0x44);
    else bytes.push(0xfd, 12);
    pushBits(bytes, value.bits, type === F32 ? 4 : type === F64 ? 8 : 16);
  }
}

/** Computes the value here, into a local that is known to hold it; returns the local. */
export function hold(code: Code, value: Value): number {
  emit(code, value);
  const known = code.find(value);
  const { bytes } = code.chunk;
  if (known !== undefined) {
    // It has been kept on its way.
    bytes.push(OP_DROP);
    return known;
  }
  const temporary = code.temporary(value.type);
  code.set(temporary);
  code.chunk.note(value, temporary);
  return temporary;
}

/** Computes the value here: a constant, or a local that holds it. */
export function computed(code: Code, value: Value): Value {
  if (value.op === CONST || value.op === LOCAL) return value;
  const held = local(value.type, code.find(value) ?? hold(code, value), value.width);
  held.nonzero = value.nonzero;
  return held;
}

export { node };

/** An i64 that is loaded where it is needed, as long as nothing has been written by then. */
export function loadedLater(code: Code, address: Value, offset: number): Value {
  address.uses++;
  return new Value(I64, I64_LOAD, offset, BigInt(code.changes), 64, address);
}

/** Instructions that trap for some operands: computed where they stand. */
export function traps(op: number): boolean {
  return (
    (op >= 0x6d && op <= 0x70) ||
    (op >= 0x7f && op <= 0x82) ||
    (op >= 0xa8 && op <= 0xb1 && op !== 0xac && op !== 0xad)
  );
}

/** How deep expressions are compared. */
const ALIKE_DEPTH = 12;

/** Whether two values are the same by how they are computed; false also where that would take too long. */
export function alike(x: Value | undefined, y: Value | undefined, depth = ALIKE_DEPTH): boolean {
  if (x === y) return true;
  if (!x || !y || x.op !== y.op || x.type !== y.type || x.n !== y.n || x.bits !== y.bits)
    return false;
  if (x.op === UNWRITTEN || depth === 0) return false;
  return alike(x.a, y.a, depth - 1) && alike(x.b, y.b, depth - 1) && alike(x.c, y.c, depth - 1);
}

/** The type of an instruction's result. */
export function resultOf(op: number): ValType {
  return NUMERIC[op]?.result as ValType;
}

export { F32, F64, I32, I64, V128 };
