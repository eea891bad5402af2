// The fields of the CPU's state that a region keeps in wasm locals: general-purpose registers, lazy flags, RIP's page,
// the budget, vector registers. Inside a block each field is a name for a value, so that what is overwritten is never
// computed; the locals change at block ends and on the way out. Addresses are those of ../core/state.ts.

import { vectorOpcode } from "../../wasm/simd.ts";
import type { ValType } from "../../wasm/types.ts";
import {
  REGS,
  S_BUDGET,
  S_COARSE,
  S_CPL,
  S_CR0,
  S_CR4,
  S_KEY,
  S_LF_AUX,
  S_LF_RES,
  S_LIN_MASK,
  S_MXCSR,
  S_RIP,
  S_RIP_BASE,
  S_SEG,
  S_TLB,
  S_XCR0,
  S_YMM,
  S_ZERO,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_STRIDE,
  SEG_VALID,
} from "../core/state.ts";
import { affineOf } from "./affine.ts";
import type { Chunk, Code } from "./code.ts";
import {
  binary,
  EXTEND_U,
  F64_REINTERPRET,
  I32_AND,
  I32_EXTEND8,
  I32_EXTEND16,
  I32_REINTERPRET,
  I64_AND,
  I64_EXTEND8,
  I64_EXTEND16,
  I64_EXTEND32,
  I64_OR,
  I64_REINTERPRET,
  I64_SHL,
  I64_SHR_U,
  unary,
  WRAP,
} from "./fold.ts";
import type { LateFlags } from "./late-flags.ts";
import { nearBank } from "./near-pages.ts";
import {
  CONST,
  computed,
  constant,
  emit,
  F32,
  F64,
  hold,
  I32,
  I64,
  i32,
  i64,
  LOCAL,
  local,
  UNWRITTEN,
  V128,
  type Value,
  VECTOR_OP,
  vector,
} from "./value.ts";

/** A field in a local. */
interface Field {
  readonly address: number;
  readonly size: 4 | 8 | 16;
  readonly type: ValType;
}

const FIELDS: Field[] = [];
/** Field by byte address from REGS on; -1 where there is none. */
const AT = new Int16Array(S_YMM + 16 * 32 - REGS).fill(-1);

function field(address: number, type: ValType): number {
  const size = type === I32 ? 4 : type === I64 ? 8 : 16;
  const index = FIELDS.push({ address, size, type }) - 1;
  AT.fill(index, address - REGS, address - REGS + size);
  return index;
}

/** General registers: the first fields. */
export const REGISTERS = 16;
for (let n = 0; n < REGISTERS; n++) field(REGS + 8 * n, I64);
/** Numbers of the fields that hold the lazy flags. */
export const FLAG_RES = field(S_LF_RES, I64);
export const FLAG_AUX = field(S_LF_AUX, I64);
/** Look-ups read it; no function that regions call does. */
field(S_RIP, I64);
/** Number of the field that holds the page's RIP, the budget, the TLB set. */
export const RIP_BASE = field(S_RIP_BASE, I64);
export const BUDGET = field(S_BUDGET, I32);
export const TLB = field(S_TLB, I32);
for (let n = 0; n < 16; n++) {
  field(S_YMM + 32 * n, V128);
  field(S_YMM + 32 * n + 16, V128);
}
const COUNT = FIELDS.length;

/** What a region takes for granted about a word of the state: its bits under `mask`, checked when the region is entered. */
export interface Guard {
  readonly address: number;
  readonly mask: number;
  readonly bits: number;
}

/** What a region takes for granted only as long as that is mostly so. */
export interface Assumed {
  /** Segments stay where they are; in 64-bit code that is never assumed. */
  readonly segmentsStay: boolean;
  /** MXCSR's precision flag is set, or is not, as it is now. */
  readonly precisionStays: boolean;
}

const EVERYTHING: Assumed = { segmentsStay: true, precisionStays: true };

/** A field is accessed in a way that has no form on locals. */
export class UnsupportedAccess {}

const UNSUPPORTED = new UnsupportedAccess();

/** ES CS SS DS FS GS. */
const DATA_SEGMENTS = 6;

/** Words that seldom change, and those bits of them that instructions test. */
const GUARDED = new Map<number, number>([
  [S_CPL, 0xffffffff],
  [S_CR0, 0xffffffff],
  [S_CR4, 0xffffffff],
  [S_XCR0, 0xffffffff],
  [S_CR0 + 4, 0xffffffff],
  [S_CR4 + 4, 0xffffffff],
  [S_XCR0 + 4, 0xffffffff],
]);
// What segments are.
for (let n = 0; n < DATA_SEGMENTS; n++) {
  GUARDED.set(S_SEG + SEG_STRIDE * n + SEG_ATTR, 0xffffffff);
  GUARDED.set(S_SEG + SEG_STRIDE * n + SEG_VALID, 0xffffffff);
}
/** Where segments begin and end, which may change often, and does in 64-bit code. */
const PLACES = new Set<number>();
for (let n = 0; n < DATA_SEGMENTS; n++) {
  const segment = S_SEG + SEG_STRIDE * n;
  for (const word of [SEG_BASE, SEG_BASE + 4, SEG_LIMIT]) PLACES.add(segment + word);
}
/** MXCSR: exception masks, rounding, FTZ. */
const MXCSR_MODES = 0xff80;
export const MXCSR_PE = 0x20;

const VEC = {
  i8: vectorOpcode("i8x16.extract_lane_u"),
  i8s: vectorOpcode("i8x16.extract_lane_s"),
  i16: vectorOpcode("i16x8.extract_lane_u"),
  i16s: vectorOpcode("i16x8.extract_lane_s"),
  i32: vectorOpcode("i32x4.extract_lane"),
  i64: vectorOpcode("i64x2.extract_lane"),
  f32: vectorOpcode("f32x4.extract_lane"),
  f64: vectorOpcode("f64x2.extract_lane"),
  putI8: vectorOpcode("i8x16.replace_lane"),
  putI16: vectorOpcode("i16x8.replace_lane"),
  putI32: vectorOpcode("i32x4.replace_lane"),
  putI64: vectorOpcode("i64x2.replace_lane"),
  putF32: vectorOpcode("f32x4.replace_lane"),
  putF64: vectorOpcode("f64x2.replace_lane"),
};

/** Bytes of a lane that is replaced, by opcode. */
const REPLACED = new Map([
  [VECTOR_OP | VEC.putI8, 1],
  [VECTOR_OP | VEC.putI16, 2],
  [VECTOR_OP | VEC.putI32, 4],
  [VECTOR_OP | VEC.putF32, 4],
  [VECTOR_OP | VEC.putI64, 8],
  [VECTOR_OP | VEC.putF64, 8],
]);

export class StateLocals {
  /** What each field is now, where that is not in its local. */
  bindings: (Value | undefined)[] = new Array(COUNT).fill(undefined);
  /** Whether it is to be known what registers are over those with which the block begins. */
  tracesRegisters = false;
  /** Block key of the region. */
  readonly key: number;
  private readonly memory: DataView;
  private readonly code: Code;
  private readonly locals: (Value | undefined)[] = new Array(COUNT).fill(undefined);
  private readonly written = new Uint8Array(COUNT);
  private readonly reloads: Chunk[] = [];
  private readonly writes: Chunk[] = [];
  private readonly guards = new Map<number, Guard>();
  private readonly assumed: Assumed;

  /** `memory` is that of the core: guarded words get the values that they have now. */
  constructor(code: Code, memory: DataView, key: number, assumed = EVERYTHING) {
    this.code = code;
    this.memory = memory;
    this.key = key;
    this.assumed = assumed;
  }

  /** Whether the region is 64-bit code. */
  get wide(): boolean {
    return (this.key & 3) === 2;
  }

  // ---- For the region

  /**
   * Writes what is pending into the locals; the path ends behind it, or all bindings are forgotten. On the way to a block
   * the flags may be left to that.
   */
  flush(block?: LateFlags): void {
    const { code, bindings } = this;
    const deferred = block?.defer(bindings);
    if (block && deferred === undefined) block.plain = true;
    const pending: number[] = [];
    // All values first: they may refer to locals that change.
    for (const { value, to } of deferred?.moves ?? []) {
      emit(code, value);
      pending.push(to);
    }
    for (let f = 0; f < COUNT; f++) {
      const value = bindings[f];
      if (value === undefined || value === this.locals[f]) continue;
      if (deferred && (f === FLAG_RES || f === FLAG_AUX)) continue;
      emit(code, value);
      pending.push(this.canonical(f).n);
      this.written[f] = 1;
    }
    for (let i = pending.length - 1; i >= 0; i--) code.set(pending[i] as number);
    if (block && deferred) code.i32Const(deferred.number).set(block.form);
    this.bindings = new Array(COUNT).fill(undefined);
  }

  /** Loads the fields that the region uses, here; what they are is known when the region is complete. */
  reload(): void {
    this.reloads.push(this.code.chunk.insert());
  }

  /** Stores the fields that the region changes, here. */
  writeBack(): void {
    this.writes.push(this.code.chunk.insert());
  }

  /** Words that must be as assumed when the region is entered, and after each call that may change them. */
  get assumptions(): Iterable<Guard> {
    return this.guards.values();
  }

  /** Fills in all reloads and write-backs. Nothing may be specialized behind it. */
  finish(): void {
    const { code } = this;
    const { chunk } = code;
    const used = FIELDS.flatMap((_, f) => (this.locals[f] ? [f] : []));
    for (const at of this.reloads) {
      code.chunk = at;
      for (const f of used) {
        const { address, type } = FIELDS[f] as Field;
        access(code.i32Const(0), LOAD, type)
          .u32(address)
          .set((this.locals[f] as Value).n);
      }
    }
    for (const at of this.writes) {
      code.chunk = at;
      for (const f of used) {
        if (!this.written[f]) continue;
        const { address, type } = FIELDS[f] as Field;
        code.i32Const(0).get((this.locals[f] as Value).n);
        access(code, STORE, type).u32(address);
      }
    }
    code.chunk = chunk;
  }

  /**
   * The record is complete: what its registers are is computed; flags, and how parts of registers and vectors are put
   * together, stay expressions. Gives back the temporaries that no binding needs.
   */
  retain(): void {
    const { code, bindings } = this;
    for (let f = 0; f < COUNT; f++) {
      const value = bindings[f];
      if (value === undefined || f === FLAG_RES || f === FLAG_AUX) continue;
      const affine =
        this.tracesRegisters && f < REGISTERS && value.op >= 0 ? affineOf(value, this) : undefined;
      if (value.type === V128 && REPLACED.has(value.op)) computeLanes(code, value);
      else if (!computeParts(code, value)) bindings[f] = computed(code, value);
      if (affine && bindings[f] !== value) (bindings[f] as Value).affine = affine;
    }
    const kept = new Set<number>();
    const settled = new Map<Value, Value>();
    // What a local holds is that local from here on: nobody may look at how it was computed, from locals that are free.
    const settle = (value: Value): Value => {
      if (value.op === LOCAL) kept.add(value.n);
      if (value.op < 0) return value;
      const known = settled.get(value);
      if (known) return known;
      const at = code.find(value);
      let result: Value;
      if (at === undefined) result = value.over(settle);
      else {
        kept.add(at);
        result = local(value.type, at, value.width);
        result.nonzero = value.nonzero;
      }
      settled.set(value, result);
      return result;
    };
    for (let f = 0; f < COUNT; f++) {
      const value = bindings[f];
      if (value) bindings[f] = settle(value);
    }
    code.chunk.forget(0);
    code.release(kept);
  }

  // ---- For the specializer

  /** The field that holds the byte at `address`, or -1. */
  fieldAt(address: number): number {
    return address >= REGS && address < REGS + AT.length ? (AT[address - REGS] as number) : -1;
  }

  /** The field that a local is for, or -1. */
  fieldOf(index: number): number {
    return this.locals.findIndex((value) => value?.n === index);
  }

  /** The same for general registers and RIP's page alone. */
  registerOf(index: number): number {
    const f = this.fieldOf(index);
    return f < REGISTERS || f === RIP_BASE ? f : -1;
  }

  /** The local of a field. */
  canonical(f: number): Value {
    let value = this.locals[f];
    if (!value) {
      const { type } = FIELDS[f] as Field;
      value = local(type, this.code.local(type));
      value.uses = 2;
      this.locals[f] = value;
    }
    return value;
  }

  read(f: number): Value {
    return this.bindings[f] ?? this.canonical(f);
  }

  bind(f: number, value: Value): void {
    value.uses++;
    this.bindings[f] = value;
    this.written[f] = 1;
    this.canonical(f);
  }

  /** A word that is a constant of the region, or whose bits under a mask are: undefined where nothing is known. */
  knownWord(address: number): { mask: number; bits: number } | undefined {
    if (address === S_KEY) return { mask: -1, bits: this.key };
    if (address === S_COARSE) return { mask: -1, bits: 1 };
    if (address === S_LIN_MASK) return { mask: -1, bits: -1 };
    if (address === S_LIN_MASK + 4) return { mask: -1, bits: this.wide ? -1 : 0 };
    if (address === S_ZERO || address === S_ZERO + 4) return { mask: -1, bits: 0 };
    return this.guard(address);
  }

  /** Address of the near pages for the CPL at which the region executes, which it takes for granted from here on. */
  get nearPages(): number {
    return nearBank(this.guard(S_CPL)?.bits as number);
  }

  private guard(address: number): Guard | undefined {
    const known = this.guards.get(address);
    if (known) return known;
    const now = this.memory.getInt32(address, true);
    let mask = GUARDED.get(address);
    const { segmentsStay, precisionStays } = this.assumed;
    // Once the precision flag is set results need no test for exactness.
    if (address === S_MXCSR) mask = precisionStays ? MXCSR_MODES | MXCSR_PE : MXCSR_MODES;
    if (segmentsStay && !this.wide && PLACES.has(address)) mask = -1;
    if (mask === undefined) return undefined;
    const guard = { address, mask: mask | 0, bits: now & mask };
    this.guards.set(address, guard);
    return guard;
  }

  /** Reads `size` bytes at `address`, which are in field `f`, as a load of `type` does. */
  load(f: number, address: number, type: ValType, size: number, signed: boolean): Value {
    const at = FIELDS[f] as Field;
    const offset = address - at.address;
    if (offset + size > at.size) throw UNSUPPORTED;
    const value = this.read(f);
    return at.type === V128
      ? laneOf(value, offset, type, size, signed)
      : part(value, offset, type, size, signed);
  }

  /** Writes `size` bytes at `address`. */
  store(f: number, address: number, value: Value, size: number): void {
    const at = FIELDS[f] as Field;
    const offset = address - at.address;
    if (offset + size > at.size) throw UNSUPPORTED;
    if (size === at.size && value.type === at.type) this.bind(f, value);
    else if (at.type === V128) this.bind(f, withLane(this.read(f), offset, value, size));
    else this.bind(f, withPart(this.read(f), offset, value, size));
  }
}

/** Computes the lanes that have been put into a vector. */
function computeLanes(code: Code, vector: Value): void {
  for (let v = vector; REPLACED.has(v.op); v = v.a as Value) {
    const lane = v.b as Value;
    if (lane.op >= 0 && code.find(lane) === undefined) hold(code, lane);
  }
}

/** Most parts of a register that are put together late. */
const MOST_PARTS = 2;

/** Computes the parts of a register that have been written by themselves, and the rest; false if there are none, or many. */
function computeParts(code: Code, value: Value): boolean {
  const parts: Value[] = [];
  let rest = value;
  while (rest.op === I64_OR && code.find(rest) === undefined) {
    const kept = rest.a as Value;
    if (kept.op !== I64_AND || kept.b?.op !== CONST || rest.b === undefined) break;
    parts.push(rest.b);
    rest = kept.a as Value;
  }
  if (parts.length === 0 || parts.length > MOST_PARTS) return false;
  for (const part of [...parts, rest]) computed(code, part);
  return true;
}

/** Opcodes of i32, i64 and v128; the last one stands behind a prefix. */
const LOAD = [0x28, 0x29, 0] as const;
const STORE = [0x36, 0x37, 11] as const;
const VECTOR_PREFIX = 0xfd;
const NO_ALIGNMENT = 0;

/** Begins the load or store of a whole field; its address is next. */
function access(
  code: Code,
  [narrow, wide, whole]: typeof LOAD | typeof STORE,
  type: ValType,
): Code {
  if (type === V128) return code.bytes(VECTOR_PREFIX, whole, NO_ALIGNMENT);
  return code.bytes(type === I32 ? narrow : wide, NO_ALIGNMENT);
}

/** A part of an integer. */
export function part(
  whole: Value,
  offset: number,
  type: ValType,
  size: number,
  signed: boolean,
): Value {
  if (whole.type === type && size === (type === I32 ? 4 : 8)) return whole;
  if (whole.type === I32) {
    if (type !== I64 || size !== 4) throw UNSUPPORTED;
    return signed ? unary(0xac, whole) : unary(EXTEND_U, whole);
  }
  if (type === F64 && size === 8) return unary(F64_REINTERPRET, whole);
  const shifted = offset === 0 ? whole : binary(I64_SHR_U, whole, i64(BigInt(8 * offset)));
  if (type === I64) {
    if (signed)
      return unary(size === 4 ? I64_EXTEND32 : size === 2 ? I64_EXTEND16 : I64_EXTEND8, shifted);
    return binary(I64_AND, shifted, i64((1n << BigInt(8 * size)) - 1n));
  }
  if (type !== I32) throw UNSUPPORTED;
  const low = unary(WRAP, shifted);
  if (size === 4) return low;
  if (signed) return unary(size === 2 ? I32_EXTEND16 : I32_EXTEND8, low);
  return binary(I32_AND, low, i32((1 << (8 * size)) - 1));
}

/** An integer with a part replaced by the low bytes of `value`. */
function withPart(whole: Value, offset: number, value: Value, size: number): Value {
  let wide = value;
  if (value.type === F64 && size === 8) return unary(I64_REINTERPRET, value);
  if (value.type === I32) wide = unary(EXTEND_U, value);
  if (wide.type !== I64) throw UNSUPPORTED;
  const ones = (1n << BigInt(8 * size)) - 1n;
  const shift = i64(BigInt(8 * offset));
  const cleared = binary(I64_AND, whole, i64(~(ones << BigInt(8 * offset))));
  return binary(I64_OR, cleared, binary(I64_SHL, binary(I64_AND, wide, i64(ones)), shift));
}

/** A part of a vector. */
export function laneOf(
  whole: Value,
  offset: number,
  type: ValType,
  size: number,
  signed: boolean,
): Value {
  if (type === V128) return whole;
  if (offset % size !== 0) throw UNSUPPORTED;
  // What has been put there before.
  let from = whole;
  for (;;) {
    const bytes = REPLACED.get(from.op);
    if (bytes === undefined) break;
    const first = from.n * bytes;
    if (first === offset && bytes === size) return converted(from.b as Value, type, size, signed);
    if (first < offset + size && offset < first + bytes) break;
    from = from.a as Value;
  }
  const lane = offset / size;
  if (from.isConst) {
    const bits = (from.bits >> BigInt(8 * offset)) & ((1n << BigInt(8 * size)) - 1n);
    return converted(constant(size === 8 ? I64 : I32, bits), type, size, signed);
  }
  if (type === F64) return vector(VEC.f64, lane, 0n, [from]);
  if (type === F32) return vector(VEC.f32, lane, 0n, [from]);
  // Engines take the lowest element out of a vector as a floating-point number for nothing.
  if (size === 8)
    return lane === 0
      ? unary(I64_REINTERPRET, vector(VEC.f64, 0, 0n, [from]))
      : vector(VEC.i64, lane, 0n, [from]);
  if (size === 4) return converted(vector(VEC.i32, lane, 0n, [from]), type, size, signed);
  const sub = size === 2 ? (signed ? VEC.i16s : VEC.i16) : signed ? VEC.i8s : VEC.i8;
  const small = vector(sub, lane, 0n, [from]);
  if (type === I32) return signed ? small : binary(I32_AND, small, i32(size === 2 ? 0xffff : 0xff));
  return signed
    ? unary(0xac, small)
    : binary(I64_AND, unary(EXTEND_U, small), i64(size === 2 ? 0xffffn : 0xffn));
}

/** `size` low bytes of a lane's value as a load of `type` gives them. */
function converted(value: Value, type: ValType, size: number, signed: boolean): Value {
  let v = value;
  if (v.type === F64) v = type === F64 ? v : unary(I64_REINTERPRET, v);
  else if (v.type === F32) v = type === F32 ? v : unary(0xbc, v);
  if (v.type === type && (size === 8 || (size === 4 && type !== I64))) return v;
  if (type === F64 && v.type === I64) return unary(F64_REINTERPRET, v);
  if (type === F32) return unary(0xbe, v.type === I32 ? v : unary(WRAP, v));
  const wide = v.type === I32 ? unary(EXTEND_U, v) : v;
  return part(wide, 0, type, size, signed);
}

/** A vector of which all has been written, without what was there before. */
export function complete(whole: Value): Value {
  let covered = 0;
  const lanes: Value[] = [];
  let from = whole;
  for (let bytes = REPLACED.get(from.op); bytes !== undefined; bytes = REPLACED.get(from.op)) {
    covered |= ((1 << bytes) - 1) << (from.n * bytes);
    lanes.push(from);
    from = from.a as Value;
  }
  if (from.op !== UNWRITTEN) return whole;
  if (covered !== 0xffff) throw UNSUPPORTED;
  let value = constant(V128, 0n);
  for (let i = lanes.length - 1; i >= 0; i--) {
    const lane = lanes[i] as Value;
    value = vector(lane.op & 0xffff, lane.n, 0n, [value, lane.b as Value]);
  }
  return value;
}

/** A vector with a part replaced by the low bytes of `value`. */
export function withLane(whole: Value, offset: number, value: Value, size: number): Value {
  if (offset % size !== 0 || value.type === V128) throw UNSUPPORTED;
  // What has been computed as a floating-point number is taken for one again next, and stays in a register for those.
  if (value.op === (size === 8 ? I64_REINTERPRET : I32_REINTERPRET))
    return withLane(whole, offset, value.a as Value, size);
  let base = whole;
  while (REPLACED.get(base.op) === size && base.n * size === offset) base = base.a as Value;
  const lane = offset / size;
  // One element, and zero above it.
  if (lane === 1 && size === 8 && value.isConst && value.bits === 0n) {
    if (REPLACED.get(base.op) === 8 && base.n === 0) {
      const low = base.b as Value;
      const number = low.type === F64 ? low : unary(F64_REINTERPRET, low);
      return vector(VEC.putF64, 0, 0n, [constant(V128, 0n), number]);
    }
  }
  if (size === 8)
    return vector(value.type === F64 ? VEC.putF64 : VEC.putI64, lane, 0n, [base, value]);
  if (size === 4 && value.type === F32) return vector(VEC.putF32, lane, 0n, [base, value]);
  const narrow = value.type === I64 ? unary(WRAP, value) : value;
  if (narrow.type !== I32) throw UNSUPPORTED;
  return vector(size === 4 ? VEC.putI32 : size === 2 ? VEC.putI16 : VEC.putI8, lane, 0n, [
    base,
    narrow,
  ]);
}
