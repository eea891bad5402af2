// Random bodies of functions. An expression of a wanted type is made of the instructions that yield
// it, statements stand around it. Loops count down and calls burn fuel, so every program ends. NaNs are
// made canonical where their bits could be seen, because wasm leaves them open.

import type { MemoryOp } from "../../wasm/opcodes.ts";
import { type VectorOp, vectorOpcode } from "../../wasm/simd.ts";
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I32,
  I64,
  isRef,
  V128,
  type ValType,
} from "../../wasm/types.ts";
import {
  type Bytes,
  type FuncSpec,
  f32Const,
  f64Const,
  i32Const,
  i64Const,
  sleb,
  uleb,
  v128Const,
} from "../../wasm/writer.ts";
import type { ModuleGenerator } from "./generate.ts";
import { ATOMICS, LOADS, VECTOR_LOADS, VECTOR_STORES, VECTORS } from "./instructions.ts";
import { choice, countedLoop, reversed, type Surroundings } from "./patterns.ts";
import { F64_EDGES, f32BitsOf, f64BitsOf, I32_EDGES, I64_EDGES, type Random } from "./random.ts";

export const TYPES: ValType[] = [I32, I64, F32, F64];
/** Types of modules with all that version 2 of the specification has. */
export const ALL_TYPES: ValType[] = [...TYPES, V128, FUNCREF, EXTERNREF];
/** Tables of extended modules: 0 and 1 are of functions, 2 of host references. */
export const TABLES: ValType[] = [FUNCREF, FUNCREF, EXTERNREF];
export const FUEL_GLOBAL = 0;
export const FUEL = 300;
/** Globals 1…8: two of each type. */
export const GLOBAL_TYPES: ValType[] = [I32, I32, I64, I64, F32, F32, F64, F64];
export const TABLE_SIZE = 12;

/** Import that makes a host reference of 64 bits, in modules with references. */
export const HOST_REFERENCE = 1;
/** Vector instructions whose NaNs wasm leaves open. */
const ARITHMETIC =
  /^f\d\dx\d\.(?:add|sub|mul|div|min|max|sqrt|ceil|floor|trunc|nearest|demote.*|promote.*)$/;

interface Label {
  /** Types a branch to it carries. */
  types: ValType[];
  loop: boolean;
}

export interface Signature {
  params: ValType[];
  results: ValType[];
}

/** Makes one function of a module. */
export class FunctionGenerator {
  private readonly r: Random;
  private readonly g: ModuleGenerator;
  private readonly self: number;
  private readonly signature: Signature;
  private readonly locals: ValType[];
  private readonly labels: Label[] = [];
  private readonly scratch: Record<ValType, number>;
  /** Loop counters, which nothing else may assign. */
  private readonly counters = new Set<number>();
  private budget: number;
  /** A few instructions only, often with calls of the function itself. */
  private readonly small: boolean;
  private loopDepth = 0;

  constructor(g: ModuleGenerator, self: number, signature: Signature) {
    this.g = g;
    this.r = g.r;
    this.self = self;
    this.signature = signature;
    this.locals = signature.params.slice();
    for (let n = this.r.below(8); n > 0; n--) this.locals.push(this.type());
    this.scratch = {
      [I32]: 0,
      [I64]: 0,
      [F32]: 0,
      [F64]: 0,
      [V128]: 0,
      [FUNCREF]: 0,
      [EXTERNREF]: 0,
    };
    for (const t of g.types) {
      this.scratch[t] = this.locals.push(t) - 1;
    }
    this.small = this.r.chance(15);
    this.budget = this.small ? 8 + this.r.below(24) : 10 + this.r.below(120);
  }

  private type(): ValType {
    return this.g.type();
  }

  make(typeIndex: number): FuncSpec {
    const { params, results } = this.signature;
    this.labels.push({ types: results, loop: false });
    const code: Bytes = [
      // Fuel: trap when it is used up.
      0x23,
      FUEL_GLOBAL,
      0x45,
      0x04,
      0x40,
      0x00,
      0x0b,
      0x23,
      FUEL_GLOBAL,
      ...i32Const(1),
      0x6b,
      0x24,
      FUEL_GLOBAL,
    ];
    for (let n = this.r.below(this.small ? 2 : 6); n > 0; n--) code.push(...this.statement(3));
    const tail = this.r.chance(15) ? this.tailCall(3, true) : [];
    if (tail.length > 0) code.push(...tail);
    else for (const t of results) code.push(...this.expr(t, 4));
    return { type: typeIndex, locals: this.locals.slice(params.length), code };
  }

  private localOf(type: ValType): number {
    const fits: number[] = [];
    this.locals.forEach((t, i) => {
      if (t === type && !this.counters.has(i)) fits.push(i);
    });
    return this.r.pick(fits);
  }

  private constant(type: ValType): Bytes {
    const { r } = this;
    switch (type) {
      case I32:
        return i32Const(r.chance(70) ? r.pick(I32_EDGES) : r.u32());
      case I64:
        return i64Const(r.chance(70) ? r.pick(I64_EDGES) : r.u64());
      case F32:
        return f32Const(f32BitsOf(r.chance(80) ? r.pick(F64_EDGES) : (r.u32() - 2 ** 31) / 1000));
      case V128:
        return v128Const(this.vectorBits());
      case FUNCREF:
        return r.chance(30)
          ? [0xd0, FUNCREF]
          : [0xd2, ...uleb(this.g.imports + r.below(this.g.functions))];
      case EXTERNREF:
        return [0xd0, EXTERNREF];
      default:
        return f64Const(f64BitsOf(r.chance(80) ? r.pick(F64_EDGES) : (r.u32() - 2 ** 31) / 1000));
    }
  }

  /** Lanes of one shape, edge values preferred. */
  private vectorBits(): bigint {
    const { r } = this;
    const width = r.pick([8, 16, 32, 64]);
    const floats = r.chance(40);
    let bits = 0n;
    for (let i = 0; i < 128; i += width) {
      let lane = r.chance(60) ? BigInt(r.pick(I32_EDGES)) : r.u64();
      if (floats && width === 32) lane = BigInt(f32BitsOf(r.pick(F64_EDGES)));
      if (floats && width === 64) lane = f64BitsOf(r.pick(F64_EDGES));
      bits |= BigInt.asUintN(width, lane) << BigInt(i);
    }
    return bits;
  }

  /** A vector operation that leaves the type. */
  private vector(type: ValType, d: number): Bytes {
    const { r } = this;
    if (type === V128 && r.chance(20)) {
      const { opcode, op } = r.pick(VECTOR_LOADS);
      const code = this.pointer(d);
      if (op.kind === "loadLane") code.push(...this.expr(V128, d));
      return [...code, ...opcode, ...this.vectorMemarg(op)];
    }
    const { opcode, op } = r.pick(VECTORS[type]);
    const code = op.params.flatMap((p) => this.canonical(p, this.expr(p, d)));
    code.push(...opcode);
    if (op.kind === "shuffle") for (let i = 0; i < 16; i++) code.push(r.below(32));
    else if (op.lanes > 0) code.push(r.below(op.lanes));
    return ARITHMETIC.test(op.name) ? this.canonicalLanes(op.name.slice(0, 5), code) : code;
  }

  private vectorMemarg(op: VectorOp): Bytes {
    const align = this.r.below(Math.log2(op.size) + 1);
    const lane = op.lanes > 0 ? [this.r.below(op.lanes)] : [];
    return [...uleb(align), ...uleb(this.offset()), ...lane];
  }

  /** `code` of float lanes with their NaNs made canonical. */
  private canonicalLanes(shape: string, code: Bytes): Bytes {
    const s = uleb(this.scratch[V128]);
    const single = shape === "f32x4";
    const nan = single ? 0x7fc00000_7fc00000n : 0x7ff80000_00000000n;
    const equal = vectorOpcode(`${shape}.eq`);
    // bitselect(x, NaN, x == x)
    const test = [0x20, ...s, 0x20, ...s, 0xfd, ...uleb(equal)];
    const select = [0xfd, ...uleb(vectorOpcode("v128.bitselect"))];
    return [...code, 0x22, ...s, ...v128Const((nan << 64n) | nan), ...test, ...select];
  }

  /** A reference, or what is asked about references and tables. */
  private reference(type: ValType, d: number): Bytes {
    const { r } = this;
    const small = (): Bytes => [...this.expr(I32, d), ...i32Const(r.pick([3, 7])), 0x71];
    if (type === I32) {
      const of = r.pick([FUNCREF, EXTERNREF] as ValType[]);
      const table = r.below(TABLES.length);
      switch (r.below(5)) {
        case 0:
          return [0xfc, 16, table];
        case 1:
          return table === 0
            ? [0xfc, 16, table]
            : [...this.expr(TABLES[table] as ValType, d), ...i32Const(r.below(2)), 0xfc, 15, table];
        default:
          return [...this.expr(of, d), 0xd1];
      }
    }
    if (type === EXTERNREF && r.chance(50)) {
      // The host gives a reference that is not null.
      return [...this.expr(I64, d), 0x42, 1, 0x84, 0x10, ...uleb(HOST_REFERENCE)];
    }
    return [...small(), 0x25, type === EXTERNREF ? 2 : r.below(2)];
  }

  /** Changes a table. */
  private tableStatement(d: number): Bytes {
    const { r } = this;
    const small = (mask: number): Bytes => [...this.expr(I32, d), ...i32Const(mask), 0x71];
    // Most calls go through table 0, which stays as it is mostly.
    const table = r.pick([0, 1, 1, 1, 2, 2]);
    const type = TABLES[table] as ValType;
    switch (r.below(4)) {
      case 0:
        return [...small(7), ...this.expr(type, d), ...small(3), 0xfc, 17, table];
      case 1: {
        const from = type === FUNCREF ? r.below(2) : 2;
        return [...small(7), ...small(7), ...small(3), 0xfc, 14, table, from];
      }
      default:
        return [...small(7), ...this.expr(type, d), 0x26, table];
    }
  }

  /** `code` of a float type with its NaN made canonical. */
  private canonical(type: ValType, code: Bytes): Bytes {
    if (type !== F32 && type !== F64) return code;
    const s = this.scratch[type];
    const nan = type === F32 ? f32Const(0x7fc00000) : f64Const(0x7ff8000000000000n);
    const ne = type === F32 ? 0x5c : 0x62;
    return [...nan, ...code, 0x22, ...uleb(s), 0x20, ...uleb(s), 0x20, ...uleb(s), ne, 0x1b];
  }

  /** A pointer, mostly inside the first page. */
  private pointer(depth: number): Bytes {
    const { r } = this;
    const index = this.expr(I32, depth);
    if (this.g.inBounds || r.chance(96))
      return [...index, ...i32Const(r.pick([0xff, 0xfff, 0x3ffc, 0x7ff8])), 0x71];
    return index;
  }

  private offset(): number {
    const { r } = this;
    if (r.chance(50)) return 0;
    if (this.g.inBounds || r.chance(96)) return r.below(256);
    return r.pick([0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]);
  }

  private memarg(op: MemoryOp): Bytes {
    const natural = Math.log2(op.size);
    return [...uleb(op.atomic ? natural : this.r.below(natural + 1)), ...uleb(this.offset())];
  }

  private leaf(type: ValType): Bytes {
    const { r } = this;
    switch (r.below(4)) {
      case 0:
        return this.constant(type);
      case 1:
        return [0x23, ...uleb(this.g.global(type))];
      default:
        return [0x20, ...uleb(this.localOf(type))];
    }
  }

  /** Code that leaves one value of the type. */
  private expr(type: ValType, depth: number): Bytes {
    const { r } = this;
    if (depth <= 0 || this.budget <= 0 || r.chance(15)) return this.leaf(type);
    this.budget--;
    const d = depth - 1;
    const { g } = this;
    const plain = TYPES.includes(type);
    const choice = r.below(20);
    if (choice > 7 || choice === 0) {
      if (isRef(type) || (type === I32 && g.references && r.chance(15)))
        return this.reference(type, d);
      if (!plain || (g.vectors && r.chance(25))) return this.vector(type, d);
    }
    switch (choice) {
      case 0: {
        const { opcode, op } = r.pick(LOADS[type]);
        return [...this.pointer(d), ...opcode, ...this.memarg(op)];
      }
      case 1: {
        const operands = [...this.expr(type, d), ...this.expr(type, d), ...this.expr(I32, d)];
        return isRef(type) ? [...operands, 0x1c, 1, type] : [...operands, 0x1b];
      }
      case 2:
        return [...this.expr(type, d), 0x22, ...uleb(this.localOf(type))];
      case 3:
        return this.block([type], d);
      case 4:
        return this.call(type, d);
      case 5:
        return plain ? this.atomic(type, d) : this.leaf(type);
      case 6:
        return [...this.statement(d), ...this.expr(type, d)];
      case 7:
        if (type === I32 && r.chance(30) && !this.g.inBounds)
          return r.chance(70) ? [0x3f, 0] : [...i32Const(r.below(2)), 0x40, 0];
        return plain ? this.numeric(type, d) : this.leaf(type);
      default:
        return this.numeric(type, d);
    }
  }

  private numeric(type: ValType, d: number): Bytes {
    const { r } = this;
    const { opcode, op } = r.pick(this.g.ops[type]);
    const isDivision = /div_|rem_/.test(op.name);
    const code: Bytes = [];
    op.params.forEach((param, i) => {
      let arg = this.expr(param, d);
      // The sign of a NaN is visible through copysign, its bits through reinterpret.
      if (op.name.includes("reinterpret_f") || (op.name.endsWith("copysign") && i === 1)) {
        arg = this.canonical(param, arg);
      }
      // Most divisions shall not trap.
      if (isDivision && i === 1 && r.chance(94)) {
        arg =
          param === I32
            ? [...arg, ...i32Const(1 + r.below(9)), 0x72]
            : [...arg, ...i64Const(BigInt(1 + r.below(9))), 0x84];
        if (r.chance(40)) arg = this.constant(param);
      }
      code.push(...arg);
    });
    if (/\.trunc_f/.test(op.name) && r.chance(93)) {
      // A trapping conversion of an operand in range.
      const from = op.params[0] as ValType;
      const limit = from === F32 ? f32Const(f32BitsOf(1000)) : f64Const(f64BitsOf(1000));
      const zero = from === F32 ? f32Const(0) : f64Const(0n);
      const min = from === F32 ? 0x96 : 0xa4;
      const max = from === F32 ? 0x97 : 0xa5;
      const s = this.scratch[from];
      const eq = from === F32 ? 0x5b : 0x61;
      // x == x ? x : 0, then into 0…1000.
      code.push(
        0x22,
        ...uleb(s),
        ...zero,
        0x20,
        ...uleb(s),
        0x20,
        ...uleb(s),
        eq,
        0x1b,
        ...limit,
        min,
        ...zero,
        max,
      );
    }
    return [...code, ...opcode];
  }

  private atomic(type: ValType, d: number): Bytes {
    const { r } = this;
    const fits = ATOMICS.filter(({ op }) => op.type === type && op.kind !== "store");
    if (fits.length === 0 || r.chance(50)) return this.numeric(type, d);
    const { opcode, op } = r.pick(fits);
    const align = r.chance(95) ? [...i32Const(-op.size), 0x71] : [];
    const offset = r.chance(90) ? r.below(16) * op.size : r.below(64);
    const code = [...this.pointer(d), ...align];
    if (op.kind !== "load") code.push(...this.expr(type, d));
    if (op.kind === "cmpxchg") code.push(...this.expr(type, d));
    return [...code, ...opcode, ...uleb(Math.log2(op.size)), ...uleb(offset)];
  }

  private call(type: ValType, d: number): Bytes {
    const { r } = this;
    const callees: number[] = [];
    // Fuel ends recursion; other calls go forward.
    const first = r.chance(this.small ? 60 : 10) ? this.self : this.self + 1;
    for (let i = first; i < this.g.signatures.length; i++) {
      if ((this.g.signatures[i] as Signature).results.includes(type)) callees.push(i);
      if (i === this.self && callees.length > 0) break;
    }
    if (callees.length === 0 || this.loopDepth > 1) return this.leaf(type);
    const callee = r.pick(callees);
    const { params, results } = this.g.signatures[callee] as Signature;
    const code: Bytes = [];
    for (const p of params) code.push(...this.expr(p, d - 1));
    const slot = this.g.tableSlot(callee);
    if (r.chance(3) || (slot >= 0 && r.chance(50))) {
      // Through the table: mostly the right entry.
      const index =
        slot >= 0 && r.chance(97)
          ? i32Const(slot)
          : [...this.expr(I32, d - 1), ...i32Const(15), 0x71];
      const table = this.g.references && r.chance(10) ? 1 : 0;
      code.push(...index, 0x11, ...uleb(this.g.typeIndex(params, results)), table);
    } else code.push(0x10, ...uleb(callee + this.g.imports));
    // Keep one result of the type: drop from the top, or spill others into locals.
    const keep = results.indexOf(type);
    for (let i = results.length - 1; i > keep; i--) code.push(0x1a);
    if (keep > 0) {
      code.push(0x21, ...uleb(this.scratch[type]));
      for (let i = keep - 1; i >= 0; i--)
        code.push(0x21, ...uleb(this.localOf(results[i] as ValType)));
      code.push(0x20, ...uleb(this.scratch[type]));
      if (results.slice(0, keep).includes(type)) {
        // A spilled value of the same type may have hit the scratch local: any value will do.
        return code;
      }
    }
    return code;
  }

  /**
   * A call of a function behind this one that has its results, where there is one: by the instruction
   * for it, or (`plain`) as the last call before the end.
   */
  private tailCall(d: number, plain = false): Bytes {
    const { r, g } = this;
    const results = this.signature.results.join();
    const callees: number[] = [];
    for (let i = this.self + 1; i < g.signatures.length; i++) {
      if ((g.signatures[i] as Signature).results.join() === results) callees.push(i);
    }
    if (callees.length === 0) return [];
    const callee = r.pick(callees);
    const { params } = g.signatures[callee] as Signature;
    const code = params.flatMap((p) => this.expr(p, d - 1));
    const slot = g.tableSlot(callee);
    if (slot < 0 || r.chance(50))
      return [...code, plain ? 0x10 : 0x12, ...uleb(callee + g.imports)];
    const type = uleb(g.typeIndex(params, this.signature.results));
    return [...code, ...i32Const(slot), plain ? 0x11 : 0x13, ...type, 0];
  }

  private blockType(params: ValType[], results: ValType[]): Bytes {
    if (params.length === 0 && results.length === 0) return [0x40];
    if (params.length === 0 && results.length === 1) return [results[0] as ValType];
    return sleb(BigInt(this.g.typeIndex(params, results)));
  }

  /** A block, if or loop with the given results. */
  private block(results: ValType[], depth: number): Bytes {
    const { r } = this;
    const d = depth - 1;
    const params: ValType[] = [];
    if (r.chance(25)) for (let n = 1 + r.below(3); n > 0; n--) params.push(this.type());
    const before: Bytes = [];
    for (const p of params) before.push(...this.expr(p, d));
    const takeParams = (): Bytes => {
      const code: Bytes = [];
      for (let i = params.length - 1; i >= 0; i--)
        code.push(0x21, ...uleb(this.localOf(params[i] as ValType)));
      return code;
    };
    const body = (): Bytes => {
      const code: Bytes = [];
      for (let n = this.r.below(3); n > 0; n--) code.push(...this.statement(d));
      for (const t of results) code.push(...this.expr(t, d));
      return code;
    };
    const type = this.blockType(params, results);
    const kind = r.below(3);
    if (kind === 2 && this.loopDepth < 3) {
      // Runs a few times: a counter local of its own.
      const counter = this.locals.push(I32) - 1;
      this.counters.add(counter);
      this.loopDepth++;
      this.labels.push({ types: params, loop: true });
      const inner: Bytes = [];
      for (let n = 1 + this.r.below(3); n > 0; n--) inner.push(...this.statement(d));
      const again: Bytes = [];
      this.labels.push({ types: [], loop: false });
      for (const p of params) again.push(...this.expr(p, d - 1));
      this.labels.pop();
      this.labels.pop();
      this.loopDepth--;
      const head = [...i32Const(1 + r.below(6)), 0x21, ...uleb(counter)];
      const step = [
        0x20,
        ...uleb(counter),
        ...i32Const(1),
        0x6b,
        0x22,
        ...uleb(counter),
        // if (counter > 0) continue
        ...i32Const(0),
        0x4a,
        0x04,
        0x40,
        ...again,
        0x0c,
        1,
        0x0b,
      ];
      const tail: Bytes = [];
      for (const t of results) tail.push(...this.leaf(t));
      return [...before, ...head, 0x03, ...type, ...takeParams(), ...inner, ...step, ...tail, 0x0b];
    }
    if (kind === 1) {
      const cond = this.expr(I32, d);
      this.labels.push({ types: results, loop: false });
      const then = [...takeParams(), ...body()];
      const otherwise = [...takeParams(), ...body()];
      this.labels.pop();
      const noElse = params.length === 0 && results.length === 0 && r.chance(40);
      return [
        ...before,
        ...cond,
        0x04,
        ...type,
        ...then,
        ...(noElse ? [] : [0x05, ...otherwise]),
        0x0b,
      ];
    }
    this.labels.push({ types: results, loop: false });
    const code = [...before, 0x02, ...type, ...takeParams(), ...body(), 0x0b];
    this.labels.pop();
    return code;
  }

  /** Depth of a label that may be branched to (not a loop: loops end by their counter). */
  private branchTarget(): number {
    const fits: number[] = [];
    this.labels.forEach((label, i) => {
      if (!label.loop) fits.push(this.labels.length - 1 - i);
    });
    return this.r.pick(fits);
  }

  private labelTypes(depth: number): ValType[] {
    return (this.labels[this.labels.length - 1 - depth] as Label).types;
  }

  /** Code without operands and results. */
  private readonly surroundings: Omit<Surroundings, "r"> = {
    expr: (type, depth) => this.expr(type, depth),
    statement: (depth) => this.statement(depth),
    counter: () => {
      const local = this.locals.push(I32) - 1;
      this.counters.add(local);
      return local;
    },
    inBlock: (types, make) => {
      this.labels.push({ types, loop: false });
      const code = make();
      this.labels.pop();
      return code;
    },
    inLoop: (make) => {
      this.loopDepth++;
      this.labels.push({ types: [], loop: false }, { types: [], loop: true });
      const code = make();
      this.labels.length -= 2;
      this.loopDepth--;
      return code;
    },
  };

  /** A statement as programs have it. */
  private pattern(depth: number): Bytes {
    const { r } = this;
    const s = { ...this.surroundings, r };
    if (depth > 1 && this.loopDepth < 3 && r.chance(50)) return countedLoop(s, depth);
    if (r.chance(70)) return choice(s, depth - 1);
    return [...reversed(s, depth - 1), 0x21, ...uleb(this.localOf(I32))];
  }

  private statement(depth: number): Bytes {
    const { r } = this;
    if (this.budget <= 0) return [];
    this.budget--;
    const d = depth - 1;
    if (this.g.references && r.chance(8)) return this.tableStatement(d);
    if (this.g.vectors && r.chance(10)) {
      const { opcode, op } = r.pick(VECTOR_STORES);
      return [...this.pointer(d), ...this.expr(V128, depth), ...opcode, ...this.vectorMemarg(op)];
    }
    if (r.chance(20)) return this.pattern(depth);
    switch (r.below(14)) {
      case 0:
      case 1: {
        const t = this.type();
        return [...this.expr(t, depth), 0x21, ...uleb(this.localOf(t))];
      }
      case 2: {
        const t = this.type();
        return [...this.expr(t, depth), 0x24, ...uleb(this.g.global(t))];
      }
      case 3:
      case 4:
      case 5: {
        const { opcode, op } = r.pick(this.g.stores);
        return [
          ...this.pointer(d),
          ...this.canonical(op.type, this.expr(op.type, depth)),
          ...opcode,
          ...this.memarg(op),
        ];
      }
      case 6: {
        if (depth <= 0) return [];
        return this.block([], depth);
      }
      case 7: {
        // br_if with its values dropped when not taken.
        const target = this.branchTarget();
        const types = this.labelTypes(target);
        const code: Bytes = [];
        for (const t of types) code.push(...this.expr(t, d));
        code.push(...this.expr(I32, d), 0x0d, ...uleb(target));
        for (const _ of types) code.push(0x1a);
        return code;
      }
      case 8: {
        // Leaves early, under a condition, by br, br_table, return or a trap.
        const cond = this.expr(I32, d);
        this.labels.push({ types: [], loop: false });
        const inner = this.exit(d);
        this.labels.pop();
        return [...cond, 0x04, 0x40, ...inner, 0x0b];
      }
      case 9: {
        if (depth <= 1) return [];
        return this.switch(d);
      }
      case 10:
        return this.bulk(d);
      case 11: {
        const fits = ATOMICS.filter(({ op }) => op.kind === "store");
        const { opcode, op } = r.pick(fits);
        return [
          ...this.pointer(d),
          ...i32Const(-op.size),
          0x71,
          ...this.expr(op.type, d),
          ...opcode,
          ...uleb(Math.log2(op.size)),
          ...uleb(r.below(8) * op.size),
        ];
      }
      case 12: {
        // Read-modify-write of one place.
        const t = r.pick([I32, I64] as ValType[]);
        const p = this.scratch[I32];
        const op = r.pick(
          t === I32 ? [0x6a, 0x6b, 0x71, 0x72, 0x73] : [0x7c, 0x7d, 0x83, 0x84, 0x85],
        );
        const [ld, st, align] = r.pick(
          t === I32
            ? [
                [0x28, 0x36, 2],
                [0x2d, 0x3a, 0],
                [0x2e, 0x3b, 1],
              ]
            : [
                [0x29, 0x37, 3],
                [0x31, 0x3c, 0],
                [0x35, 0x3e, 2],
              ],
        ) as [number, number, number];
        const offset = uleb(this.r.below(64));
        const v = this.scratch[t];
        if (t === I32) {
          // The scratch local of i32 holds the pointer: the operand goes straight on the stack.
          return [
            ...this.pointer(d),
            0x22,
            ...uleb(p),
            0x20,
            ...uleb(p),
            ld,
            align,
            ...offset,
            ...this.constant(t),
            op,
            st,
            align,
            ...offset,
          ];
        }
        return [
          ...this.expr(t, d),
          0x21,
          ...uleb(v),
          ...this.pointer(0),
          0x22,
          ...uleb(p),
          0x20,
          ...uleb(p),
          ld,
          align,
          ...offset,
          0x20,
          ...uleb(v),
          op,
          st,
          align,
          ...offset,
        ];
      }
      default: {
        const t = this.type();
        return [...this.expr(t, d), 0x1a];
      }
    }
  }

  /** Unconditional end of a block, with dead code behind it now and then. */
  private exit(d: number): Bytes {
    const { r } = this;
    const dead = r.chance(20) ? [...this.expr(I32, 1), 0x1a] : [];
    if (r.chance(4)) return [0x00, ...dead];
    if (r.chance(20)) {
      const code: Bytes = [];
      for (const t of this.signature.results) code.push(...this.expr(t, d));
      return [...code, 0x0f, ...dead];
    }
    const tail = this.g.extended && r.chance(30) ? this.tailCall(d) : [];
    if (tail.length > 0) return [...tail, ...dead];
    const target = this.branchTarget();
    const types = this.labelTypes(target);
    const code: Bytes = [];
    for (const t of types) code.push(...this.expr(t, d));
    if (r.chance(40)) {
      const same: number[] = [];
      this.labels.forEach((label, i) => {
        if (
          !label.loop &&
          label.types.length === types.length &&
          label.types.every((t, k) => t === types[k])
        ) {
          same.push(this.labels.length - 1 - i);
        }
      });
      const n = 1 + r.below(6);
      code.push(...this.expr(I32, d), 0x0e, ...uleb(n));
      for (let i = 0; i < n; i++) code.push(...uleb(r.pick(same)));
      return [...code, ...uleb(target), ...dead];
    }
    return [...code, 0x0c, ...uleb(target), ...dead];
  }

  /** A chain of nested blocks with a br_table over them, as compilers make for `switch`. */
  private switch(d: number): Bytes {
    const { r } = this;
    const cases = 2 + r.below(6);
    let code: Bytes = [];
    for (let i = 0; i < cases; i++) this.labels.push({ types: [], loop: false });
    code.push(...this.expr(I32, d));
    if (r.chance(70)) code.push(...i32Const(7), 0x71);
    code.push(0x0e, ...uleb(cases - 1));
    for (let i = 0; i < cases; i++) code.push(...uleb(r.below(cases)));
    for (let i = 0; i < cases; i++) {
      this.labels.pop();
      code = [0x02, 0x40, ...code, 0x0b, ...this.statement(d)];
      if (
        r.chance(50) &&
        this.labels.some((l) => !l.loop && l.types.length === 0) &&
        i < cases - 1
      ) {
        const outer = cases - 2 - i;
        code.push(0x0c, ...uleb(outer));
      }
    }
    return code;
  }

  private bulk(d: number): Bytes {
    const { r } = this;
    const length =
      this.g.inBounds || r.chance(90)
        ? [...this.expr(I32, d), ...i32Const(r.pick([15, 63, 1023])), 0x71]
        : this.expr(I32, d);
    switch (r.below(8)) {
      case 0:
      case 1:
      case 2:
        return [...this.pointer(d), ...this.pointer(d), ...length, 0xfc, 10, 0, 0];
      case 3:
      case 4:
        return [...this.pointer(d), ...this.expr(I32, d), ...length, 0xfc, 11, 0];
      case 5: {
        const small = [...this.expr(I32, 0), ...i32Const(15), 0x71];
        return r.chance(95)
          ? [...this.pointer(d), ...small, ...small, 0xfc, 8, 1, 0]
          : [0xfc, 9, 1];
      }
      case 6: {
        if (!this.g.changesTable) return [];
        const small = (mask: number): Bytes => [...this.expr(I32, 0), ...i32Const(mask), 0x71];
        return r.chance(90)
          ? [...small(7), ...small(1), ...small(3), 0xfc, 12, 1, 0]
          : [0xfc, 13, 1];
      }
      default: {
        if (!this.g.changesTable) return [];
        const small = (mask: number): Bytes => [...this.expr(I32, 0), ...i32Const(mask), 0x71];
        return [...small(7), ...small(7), ...small(3), 0xfc, 14, 0, 0];
      }
    }
  }
}
