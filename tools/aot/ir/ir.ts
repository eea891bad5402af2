// The intermediate representation: functions of basic blocks in SSA form, independent of any
// machine. Values carry wasm semantics (traps included); i32 values are 32 bit wide, and pointers
// are offsets into the linear memory. Leaves out registers, calling conventions and addresses.

/** Types of values; NONE marks instructions without a result. */
export const NONE = 0;
export const I32 = 1;
export const I64 = 2;
export const F32 = 3;
export const F64 = 4;
export const V128 = 5;
export type Type = 0 | 1 | 2 | 3 | 4 | 5;

/** Operations. `sub`, `size`, `imm`, `aux` of a Value are given per operation where used. */
export const Op = {
  Const: 0, // imm (i32) or big (i64 signed; f32/f64/v128 bits)
  Param: 1, // imm: parameter number
  Phi: 2, // args parallel to block.preds
  // Integer arithmetic, i32 and i64.
  Add: 3,
  Sub: 4,
  Mul: 5,
  And: 6,
  Or: 7,
  Xor: 8,
  Shl: 9,
  ShrS: 10,
  ShrU: 11,
  Rotl: 12,
  Rotr: 13,
  DivS: 14,
  DivU: 15,
  RemS: 16,
  RemU: 17,
  MulHiU: 18,
  MulHiS: 19,
  Clz: 20,
  Ctz: 21,
  Popcnt: 22,
  ICmp: 23, // sub: Cond
  Bswap: 24,
  Wrap: 25,
  ExtendS: 26, // i32 → i64
  ExtendU: 27,
  Sext: 28, // size: 1, 2 or 4 bytes kept
  // Floating point.
  FAdd: 29,
  FSub: 30,
  FMul: 31,
  FDiv: 32,
  FMin: 33,
  FMax: 34,
  FCopysign: 35,
  FAbs: 36,
  FNeg: 37,
  FSqrt: 38,
  FCeil: 39,
  FFloor: 40,
  FTrunc: 41,
  FNearest: 42,
  FCmp: 43, // sub: FCond
  Trunc: 44, // sub: 1 signed, 0 unsigned; traps
  TruncSat: 45, // sub: as Trunc
  Convert: 46, // sub: as Trunc
  Demote: 47,
  Promote: 48,
  Bitcast: 49,
  Select: 50, // cond, a, b
  // Memory. Pointers are i32 offsets into the window, or i64 addresses in the Abs forms.
  Load: 51, // size, sub: 1 signed; imm: offset
  Store: 52, // ptr, value; size; imm: offset
  LoadAbs: 53,
  StoreAbs: 54,
  AtomicLoad: 55,
  AtomicStore: 56,
  AtomicRmw: 57, // ptr, value; size; aux: operation
  AtomicCmpxchg: 58, // ptr, expected, replacement; size
  AtomicNotify: 59, // ptr, count
  Fence: 60,
  GlobalGet: 61, // imm: global index
  GlobalSet: 62,
  MemorySize: 63,
  MemoryGrow: 64,
  MemoryCopy: 65,
  MemoryFill: 66,
  MemoryInit: 67, // imm: segment
  DataDrop: 68,
  TableInit: 69, // imm: segment, aux: table
  TableCopy: 70, // imm: target table, aux: source table
  ElemDrop: 71,
  // Calls. `aux` of Call is a CallTarget; of CallIndirect its Signature, with the type's number in imm
  // and the table in size.
  Call: 72,
  CallIndirect: 73, // args: index, then arguments
  Result: 74, // args[0]: the call; imm: result number ≥ 1
  Intrinsic: 75, // aux: an Intrinsic of the target
  SymbolAddress: 76, // aux: symbol name
  WindowBase: 77,
  // Terminators.
  Jump: 78,
  Br: 79, // args[0] ≠ 0 → succs[0], else succs[1]
  Switch: 80, // args[0]; aux: succ numbers, the last one the default
  Return: 81,
  Trap: 82, // sub: TrapKind
  TailCall: 83, // as Call
  TailCallIndirect: 84, // as CallIndirect
  // More of tables. `imm` is the table; references are function numbers (i32) or host values (i64).
  TableGrow: 85, // reference, count
  TableFill: 86, // index, reference, count
  // A vector instruction. `sub` is its opcode; imm the lane; aux the lanes of a shuffle as 16 bytes in a
  // bigint. Shift counts are below the width of a lane; i8x16 right shifts have 8 added.
  Vector: 87,
} as const;

/** Integer conditions; `cond ^ 1` is the inverse. */
export const Cond = {
  Eq: 0,
  Ne: 1,
  LtS: 2,
  GeS: 3,
  GtS: 4,
  LeS: 5,
  LtU: 6,
  GeU: 7,
  GtU: 8,
  LeU: 9,
} as const;

/** The condition that holds for (b, a) when the given one holds for (a, b). */
export const SWAPPED_COND = [0, 1, 4, 5, 2, 3, 8, 9, 6, 7] as const;

/** Float conditions; odd ones are negations (true when unordered); `cond ^ 1` is the inverse. */
export const FCond = {
  Eq: 0,
  Ne: 1,
  Lt: 2,
  NotLt: 3,
  Gt: 4,
  NotGt: 5,
  Le: 6,
  NotLe: 7,
  Ge: 8,
  NotGe: 9,
} as const;

/** Why a trap happens; the numbers are those of the trap table in `.rodata.traps`. */
export const TrapKind = {
  Unreachable: 1,
  DivideByZero: 2,
  IntegerOverflow: 3,
  FloatToInt: 4,
  TableIndex: 5,
  IndirectCall: 6,
  MemoryBounds: 7,
  TableBounds: 8,
  Unaligned: 9,
} as const;

/** Messages by trap kind number. */
export const TRAP_MESSAGES = [
  "no trap",
  "unreachable executed",
  "integer divide by zero",
  "integer overflow",
  "float unrepresentable in integer range",
  "table index out of bounds",
  "indirect call to null or to a function of another type",
  "memory access out of bounds",
  "table access out of bounds",
  "unaligned atomic access",
] as const;

export interface Signature {
  params: Type[];
  results: Type[];
}

/** What a Call calls. */
export interface CallTarget {
  signature: Signature;
  /** Defined function number (imports not counted), or -1 for an external symbol. */
  func: number;
  symbol: string;
}

/** One SSA value or instruction. */
export class Value {
  readonly id: number;
  op: number;
  type: Type;
  args: Value[];
  block: Block | undefined;
  sub = 0;
  size = 0;
  imm = 0;
  big = 0n;
  aux: unknown = undefined;
  /** Of loads and stores: the shift that computes the pointer loses no bits at this access. */
  exact = false;
  /** Of the wasm instruction it stems from, see position.ts. */
  pos: number;
  /** Number of uses, valid after `removeDeadCode`. */
  uses = 0;

  constructor(id: number, op: number, type: Type, args: Value[], pos: number) {
    this.id = id;
    this.op = op;
    this.type = type;
    this.args = args;
    this.pos = pos;
  }
}

export class Block {
  readonly id: number;
  preds: Block[] = [];
  succs: Block[] = [];
  phis: Value[] = [];
  insts: Value[] = [];
  term: Value | undefined;
  /** Position in `Func.blocks`, valid after `numberBlocks`. */
  index = -1;
  /** Number of loops around the block, and the innermost one. */
  depth = 0;
  loop: Loop | undefined;

  constructor(id: number) {
    this.id = id;
  }
}

/** A natural loop: its blocks lie between `header.index` and `last`, not always all of these. */
export interface Loop {
  header: Block;
  /** Index of the last block that belongs to it. */
  last: number;
  parent: Loop | undefined;
  depth: number;
}

export class Func {
  readonly name: string;
  readonly signature: Signature;
  /** In an order where dominators come first and loops are contiguous. */
  blocks: Block[] = [];
  loops: Loop[] = [];
  params: Value[] = [];
  /** Positions of calls in whose place copies of the function's body stand. */
  readonly inlinedCalls: number[] = [];
  valueCount = 0;
  blockCount = 0;
  private readonly constants = new Map<string | number, Value>();

  constructor(name: string, signature: Signature) {
    this.name = name;
    this.signature = signature;
  }

  value(op: number, type: Type, args: Value[], pos: number): Value {
    return new Value(this.valueCount++, op, type, args, pos);
  }

  newBlock(): Block {
    return new Block(this.blockCount++);
  }

  i32(value: number): Value {
    const v = value | 0;
    let c = this.constants.get(v);
    if (!c) {
      c = this.value(Op.Const, I32, [], 0);
      c.imm = v;
      this.constants.set(v, c);
    }
    return c;
  }

  /** A constant of 64 bits or a float by its bits. */
  bits(type: Type, bits: bigint): Value {
    if (type === I32) return this.i32(Number(BigInt.asIntN(32, bits)));
    const big = type === I64 ? BigInt.asIntN(64, bits) : bits;
    const key = `${type}:${big}`;
    let c = this.constants.get(key);
    if (!c) {
      c = this.value(Op.Const, type, [], 0);
      c.big = big;
      this.constants.set(key, c);
    }
    return c;
  }

  int(type: Type, value: number): Value {
    return type === I32 ? this.i32(value) : this.bits(I64, BigInt(value));
  }

  f64(value: number): Value {
    return this.bits(F64, f64Bits(value));
  }

  f32(value: number): Value {
    return this.bits(F32, f32Bits(value));
  }
}

const scratch = new DataView(new ArrayBuffer(8));

export function f64Bits(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}

export function f32Bits(value: number): bigint {
  scratch.setFloat32(0, value);
  return BigInt(scratch.getUint32(0));
}

export function bitsF64(bits: bigint): number {
  scratch.setBigUint64(0, bits);
  return scratch.getFloat64(0);
}

export function bitsF32(bits: bigint): number {
  scratch.setUint32(0, Number(bits));
  return scratch.getFloat32(0);
}

const { DivS, DivU, RemS, RemU, Trunc } = Op;

/** Division that cannot trap because its divisor is a harmless constant. */
export function divisionIsSafe(v: Value): boolean {
  const d = v.args[1] as Value;
  if (d.op !== Op.Const) return false;
  if (d.type === I32) return d.imm !== 0 && (d.imm !== -1 || v.op !== DivS);
  return d.big !== 0n && (d.big !== -1n || v.op !== DivS);
}

/** Whether an instruction may be removed when unused, moved, and merged with an equal one. */
export function isPure(v: Value): boolean {
  const op = v.op;
  if (op === DivS || op === DivU || op === RemS || op === RemU) return divisionIsSafe(v);
  if (op === Trunc) return false;
  return (
    (op >= Op.Add && op <= Op.Select) ||
    op === Op.SymbolAddress ||
    op === Op.WindowBase ||
    op === Op.Vector
  );
}

/** Whether an unused result makes the instruction removable. */
export function isRemovable(v: Value): boolean {
  return (
    isPure(v) ||
    v.op === Op.Phi ||
    v.op === Op.GlobalGet ||
    v.op === Op.Result ||
    v.op === Op.MemorySize
  );
}

export function isConst(v: Value): boolean {
  return v.op === Op.Const;
}
