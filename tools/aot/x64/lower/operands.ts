// Operands of the instruction selection: virtual registers on demand, constants, addresses, loads
// folded into their use, and the constraints of two-address and fixed-register forms.

import { maxUnsigned } from "../../ir/fold.ts";
import {
  type Block,
  F32,
  F64,
  type Func,
  I32,
  I64,
  Op,
  type Type,
  V128,
  type Value,
} from "../../ir/ir.ts";
import { Inst, LFunc, type Mem, Use } from "../../regalloc/lir.ts";
import { ALU } from "../encoder.ts";
import { M } from "../machine.ts";
import type { ConstantPool } from "../pool.ts";

/** A sequence of fixed machine code that stands for an imported function. */
export interface FixedCode {
  /** Register of each argument. */
  args: number[];
  bytes: number[];
  /** Register of the result, or -1. */
  result: number;
  /** Registers overwritten beyond the arguments. */
  clobbers: number[];
  /** Bytes between which one more word is on the stack: behind a PUSH, and behind its POP. */
  pushed?: { from: number; to: number };
}

/** Where a global is. */
export interface GlobalPlace {
  symbol: string;
  offset: number;
}

export interface LowerOptions {
  /** Whether R15 holds the window base; otherwise the window is at 0. */
  window: boolean;
  /** The address in R15, where the target fixes it. */
  windowBase: bigint | undefined;
  /** Size of memory in pages of 64 KiB where it never changes; undefined where it grows (target linux). */
  fixedPages: number | undefined;
  pool: ConstantPool;
  /** Helper routines that were called. */
  helpers: Set<string>;
  exported: boolean;
  /** Bytes that every call of a compiled function leaves for stack arguments at least. */
  tailArea: number;
  globals: GlobalPlace[];
  /** Called from outside only, where the System V ABI alone says what is left for arguments. */
  adapter: boolean;
  features: { sse41: boolean; popcnt: boolean };
}

export const ALU_OF: Record<number, number> = {
  [Op.Add]: ALU.ADD,
  [Op.Sub]: ALU.SUB,
  [Op.And]: ALU.AND,
  [Op.Or]: ALU.OR,
  [Op.Xor]: ALU.XOR,
};
export const bit = (r: number): number => 1 << r;

export function bytesOf(type: Type): number {
  if (type === V128) return 16;
  return type === I64 || type === F64 ? 8 : 4;
}

export function fitsImm32(big: bigint): boolean {
  return big >= -0x80000000n && big <= 0x7fffffffn;
}

/** Immediate of a constant for an operation of its own width, or undefined when it needs 64 bits. */
export function immediate(v: Value): number | undefined {
  if (v.op !== Op.Const || v.type >= F32) return undefined;
  if (v.type === I32) return v.imm;
  return fitsImm32(v.big) ? Number(v.big) : undefined;
}

/** State of the selection of one function, and the vocabulary its topics share. */
export class Selection {
  readonly f: Func;
  readonly out: LFunc;
  readonly o: LowerOptions;
  readonly vregs: Int32Array;
  readonly colors: Int32Array;
  /** By value: 1 for a conversion to i32 that changes nothing, 2 for another, 0 for not known. */
  private readonly wraps: Uint8Array;
  readonly constantCodes = new Map<Value, number>();
  group: Inst[] = [];
  color = 0;
  /** Set while a condition is lowered that may be lowered again elsewhere. */
  shared = false;
  block: Block | undefined;
  pos = 0;

  constructor(f: Func, options: LowerOptions) {
    this.f = f;
    this.o = options;
    this.out = new LFunc(f.name);
    this.vregs = new Int32Array(f.valueCount);
    this.colors = new Int32Array(f.valueCount);
    this.wraps = new Uint8Array(f.valueCount);
  }

  /** Whether `v` cuts off what is zero anyway. */
  isFreeWrap(v: Value): boolean {
    if (v.op !== Op.Wrap) return false;
    if (this.wraps[v.id] === 0) {
      this.wraps[v.id] = maxUnsigned(v.args[0] as Value) <= 0xffffffffn ? 1 : 2;
    }
    return this.wraps[v.id] === 1;
  }

  /**
   * The value behind unsigned extensions and conversions that cut off zeros, which are free; of a
   * constant, the extended one.
   */
  bare(v: Value): Value {
    let value = v;
    while (value.op === Op.ExtendU || this.isFreeWrap(value)) value = value.args[0] as Value;
    if (value !== v && value.op === Op.Const) return this.f.bits(I64, BigInt(value.imm >>> 0));
    return value;
  }

  /** Virtual register of a value; an unsigned extension shares that of its operand. */
  vreg(v: Value): number {
    const value = this.bare(v);
    if (value.op === Op.Const) return this.reg(value);
    let r = this.vregs[value.id] as number;
    if (r === 0) {
      r = this.out.vreg(value.type);
      this.vregs[value.id] = r;
    }
    return r;
  }

  /** Operand code: a virtual register or a constant. */
  code(operand: Value): number {
    const v = this.bare(operand);
    if (v.op !== Op.Const) return this.vreg(v);
    let c = this.constantCodes.get(v);
    if (c === undefined) {
      this.out.constants.push(v);
      c = -1 - this.out.constants.length;
      this.constantCodes.set(v, c);
    }
    return c;
  }

  /** As `reg`, for an operand of which the instruction reads the low 32 bits only if it is an i32. */
  low(operand: Value): number {
    let v = operand;
    while (v.op === Op.Wrap && this.vregs[v.id] === 0) v = v.args[0] as Value;
    return this.reg(v);
  }

  /** Bytes from the base of the window, where R15 holds it, to a constant address in reach of it. */
  fromWindow(v: Value): number | undefined {
    const { windowBase } = this.o;
    if (windowBase === undefined || v.op !== Op.Const || v.type !== I64) return undefined;
    const distance = BigInt.asIntN(64, v.big - windowBase);
    return fitsImm32(distance) && !fitsImm32(v.big) ? Number(distance) : undefined;
  }

  /** Virtual register of a value, constants put into one right here. */
  reg(operand: Value): number {
    const v = this.bare(operand);
    if (v.op !== Op.Const) return this.vreg(v);
    const r = this.out.vreg(v.type);
    const distance = this.fromWindow(v);
    if (distance !== undefined) {
      const inst = this.inst(M.Lea, 8);
      inst.mem = { base: -1, index: -1, scale: 1, disp: distance, window: true, symbol: undefined };
      inst.dst = r;
      return r;
    }
    if (v.type >= F32) {
      const inst = this.inst(M.FConst, bytesOf(v.type));
      inst.aux = v.big;
      inst.dst = r;
    } else {
      const inst = this.inst(M.MovImm, 8);
      inst.aux = v.type === I32 ? BigInt(v.imm >>> 0) : v.big;
      inst.dst = r;
    }
    return r;
  }

  inst(op: number, size: number): Inst {
    const inst = new Inst(op, size);
    inst.pos = this.pos;
    this.group.push(inst);
    return inst;
  }

  /** Appends `inst` made with `new Inst` once its operands are materialized. */
  put(inst: Inst): Inst {
    inst.pos = this.pos;
    this.group.push(inst);
    return inst;
  }

  use(inst: Inst, vreg: number, kind: number): number {
    inst.srcs.push(vreg);
    inst.kinds.push(kind);
    if (kind >= Use.Fixed) {
      this.out.hint(vreg, kind - Use.Fixed);
      inst.clobbers |= bit(kind - Use.Fixed);
    }
    return inst.srcs.length - 1;
  }

  useFixed(inst: Inst, v: Value, register: number): void {
    this.use(inst, this.code(v), Use.Fixed + register);
  }

  temp(inst: Inst, type: Type): void {
    this.use(inst, this.out.vreg(type), Use.Temp);
  }

  define(inst: Inst, v: Value): void {
    inst.dst = this.vreg(v);
  }

  defineSame(inst: Inst, dst: number): void {
    inst.dst = dst;
    inst.same = true;
    const src = inst.srcs[0] as number;
    this.out.hint(dst, src);
    this.out.hint(src, dst);
  }

  defineFixed(inst: Inst, dst: number, register: number): void {
    inst.dst = dst;
    inst.defFixed = register;
    inst.clobbers |= bit(register);
    this.out.hint(dst, register);
  }

  /** Adds a memory operand for `ptr + offset` in the window. `kind` is that of its registers. */
  address(inst: Inst, pointer: Value, constant: number, kind: number, exact = false): void {
    let ptr = pointer;
    let offset = constant;
    // A constant moves into the displacement where the 32-bit addition cannot wrap.
    while (ptr.op === Op.Add && ptr.args[1]?.op === Op.Const) {
      const inner = ptr.args[0] as Value;
      const added = ptr.args[1].imm;
      if (added < 0 || offset + added >= 0x80000000) break;
      if (maxUnsigned(inner) + BigInt(added) > 0xffffffffn) break;
      offset += added;
      ptr = inner;
    }
    const mem: Mem = {
      base: -1,
      index: -1,
      scale: 1,
      disp: 0,
      window: this.o.window,
      symbol: undefined,
    };
    inst.mem = mem;
    if (ptr.op === Op.Const) {
      const absolute = (ptr.imm >>> 0) + offset;
      if (absolute < 0x80000000) {
        mem.disp = absolute;
        return;
      }
      mem.base = this.use(inst, this.reg(this.f.bits(I64, BigInt(absolute))), kind);
      return;
    }
    if (offset >= 0x80000000) {
      const big = this.reg(this.f.bits(I64, BigInt(offset)));
      const base = this.vreg(ptr);
      const add = new Inst(M.Add, 8);
      this.use(add, base, Use.Reg);
      this.use(add, big, Use.Reg);
      add.dst = this.out.vreg(I64);
      this.put(add);
      mem.base = this.use(inst, add.dst, kind);
      return;
    }
    mem.disp = offset;
    // A scaled index is exact only when the shift loses no bits.
    const shift = ptr.args[1];
    if (
      ptr.op === Op.Shl &&
      shift?.op === Op.Const &&
      shift.imm <= 3 &&
      (this.vregs[ptr.id] === 0 || ptr.uses === 1)
    ) {
      const index = ptr.args[0] as Value;
      const whole =
        (exact && ptr === pointer) || maxUnsigned(index) << BigInt(shift.imm) <= 0xffffffffn;
      if (whole && index.op !== Op.Const) {
        mem.index = this.use(inst, this.vreg(index), kind);
        mem.scale = 1 << shift.imm;
        return;
      }
    }
    mem.base = this.use(inst, this.vreg(ptr), kind);
  }

  /** Adds a memory operand for the 64-bit address `v + offset`. */
  addressAbs(inst: Inst, v: Value, offset: number, kind: number): void {
    const mem: Mem = { base: -1, index: -1, scale: 1, disp: 0, window: false, symbol: undefined };
    inst.mem = mem;
    let disp = BigInt(offset);
    let base = v;
    if (base.op === Op.Add && base.args[1]?.op === Op.Const && fitsImm32(disp + base.args[1].big)) {
      disp += base.args[1].big;
      base = base.args[0] as Value;
    }
    if (base.op === Op.Const) {
      const absolute = BigInt.asIntN(64, base.big + disp);
      if (fitsImm32(absolute)) {
        mem.disp = Number(absolute);
        return;
      }
    }
    mem.disp = Number(disp);
    mem.base = this.use(inst, this.reg(base), kind);
  }

  symbolMem(symbol: string, disp: number): Mem {
    return { base: -1, index: -1, scale: 1, disp, window: false, symbol };
  }

  globalMem(v: Value): Mem {
    const { symbol, offset } = this.o.globals[v.imm] as GlobalPlace;
    return this.symbolMem(symbol, offset);
  }

  /** Whether `v` is a load (of `size` bytes, unextended) that may happen at the current place. */
  foldable(v: Value, size: number): boolean {
    if (!this.mayFold(v)) return false;
    if (v.op === Op.GlobalGet) return size === bytesOf(v.type);
    return v.op === Op.Load && v.size === size && size === bytesOf(v.type);
  }

  /** Whether `v` is a load without sign extension, of any size, that may happen at the current place. */
  foldableNarrow(v: Value): boolean {
    if (v.op !== Op.GlobalGet && (v.op !== Op.Load || v.sub !== 0)) return false;
    return v.type < F32 && this.mayFold(v);
  }

  /** Whether the only use of `v` is where we are, and nothing with an effect lies between. */
  private mayFold(v: Value): boolean {
    return (
      !this.shared &&
      v.uses === 1 &&
      v.block === this.block &&
      this.vregs[v.id] === 0 &&
      this.colors[v.id] === this.color
    );
  }

  /** Gives `inst` the memory operand of the load `v` and marks it as done. */
  foldLoad(inst: Inst, v: Value, kind: number): void {
    this.vregs[v.id] = -1;
    if (v.op === Op.GlobalGet) inst.mem = this.globalMem(v);
    else this.address(inst, v.args[0] as Value, v.imm, kind, v.exact);
  }

  /** Emits `dst ← a op b` on virtual registers. */
  step(op: number, sub: number, type: Type, a: number, b: number | Value): number {
    const inst = new Inst(op, bytesOf(type));
    inst.sub = sub;
    this.use(inst, a, Use.Any);
    if (typeof b === "number") {
      inst.hasImm = true;
      inst.imm = b;
    } else this.use(inst, this.reg(b), Use.AnyLate);
    const dst = this.out.vreg(type);
    if (op === M.ImulImm) inst.dst = dst;
    else this.defineSame(inst, dst);
    this.put(inst);
    return dst;
  }

  combine(sub: number, type: Type, a: number, b: number): number {
    const inst = new Inst(M.Alu, bytesOf(type));
    inst.sub = sub;
    this.use(inst, a, Use.Any);
    this.use(inst, b, Use.AnyLate);
    const dst = this.out.vreg(type);
    this.defineSame(inst, dst);
    this.put(inst);
    return dst;
  }
}
