// Random valid wasm modules. Code is made by type: an expression of a wanted type from the
// instructions that yield it, statements around it. Loops count down and calls burn fuel, so every
// program ends. NaNs are made canonical where their bits could be seen, because wasm leaves them open.

import {
  ATOMIC,
  MEMORY,
  type MemoryOp,
  NUMERIC,
  type NumericOp,
  SATURATING,
} from "../../wasm/opcodes.ts";
import { F32, F64, I32, I64, type ValType } from "../../wasm/types.ts";
import {
  type Bytes,
  buildModule,
  type FuncSpec,
  f32Const,
  f64Const,
  i32Const,
  i64Const,
  type ModuleSpec,
  sleb,
  uleb,
} from "../../wasm/writer.ts";

/** Deterministic random numbers (splitmix32). */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }

  u32(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** 0 ≤ result < n. */
  below(n: number): number {
    return this.u32() % n;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}

const I32_EDGES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff,
  0x10000, 0x7fffffff, -0x80000000, -0x7fffffff, -1, -2, -128, -129, -255, -256, -32768, -65536,
  0x55555555, 10, 100, 1000,
];
const I64_EDGES = [
  ...I32_EDGES.map(BigInt),
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  -0x8000000000000000n,
  -0x7fffffffffffffffn,
  -0x80000001n,
  0x123456789abcdef0n,
  0x5555555555555555n,
  1n << 53n,
  1n << 62n,
];
const F64_EDGES = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  0.1,
  3.7,
  -3.7,
  1e10,
  4503599627370496,
  2251799813685248.5,
  2147483647,
  2147483648,
  -2147483648,
  -2147483649,
  -2147483648.9,
  4294967295,
  4294967295.9,
  4294967296,
  -0.9999,
  2 ** 63 - 1024,
  -(2 ** 63),
  2 ** 64,
  2 ** 64 - 2048,
  1e300,
  -1e300,
  5e-324,
  2.2250738585072014e-308,
  Infinity,
  -Infinity,
  NaN,
];

const view = new DataView(new ArrayBuffer(8));

function f64BitsOf(x: number): bigint {
  view.setFloat64(0, x);
  return view.getBigUint64(0);
}

function f32BitsOf(x: number): number {
  view.setFloat32(0, x);
  return view.getUint32(0);
}

const OPS: Record<ValType, { opcode: Bytes; op: NumericOp }[]> = {
  [I32]: [],
  [I64]: [],
  [F32]: [],
  [F64]: [],
};
NUMERIC.forEach((op, opcode) => {
  if (op) OPS[op.result].push({ opcode: [opcode], op });
});
SATURATING.forEach((op, sub) => {
  OPS[op.result].push({ opcode: [0xfc, sub], op });
});
const LOADS: Record<ValType, { opcode: Bytes; op: MemoryOp }[]> = {
  [I32]: [],
  [I64]: [],
  [F32]: [],
  [F64]: [],
};
const STORES: { opcode: Bytes; op: MemoryOp }[] = [];
MEMORY.forEach((op, opcode) => {
  if (!op) return;
  if (op.kind === "load") LOADS[op.type].push({ opcode: [opcode], op });
  else STORES.push({ opcode: [opcode], op });
});
const ATOMICS: { opcode: Bytes; op: MemoryOp }[] = [];
ATOMIC.forEach((op, sub) => {
  if (op && op.kind !== "wait" && op.kind !== "notify")
    ATOMICS.push({ opcode: [0xfe, ...uleb(sub)], op });
});

const TYPES: ValType[] = [I32, I64, F32, F64];
const FUEL_GLOBAL = 0;
const FUEL = 300;
/** Globals 1…8: two of each type. */
const GLOBAL_TYPES: ValType[] = [I32, I32, I64, I64, F32, F32, F64, F64];
const TABLE_SIZE = 12;

export interface GenerateOptions {
  floats: boolean;
  /** No access leaves the first page and the memory's size is not asked for. */
  inBounds?: boolean;
  functions: number;
}

export interface Generated {
  bytes: Uint8Array;
  /** Exported functions to call, with the types of their (integer) parameters. */
  entries: { name: string; params: ValType[]; results: ValType[] }[];
}

interface Label {
  /** Types a branch to it carries. */
  types: ValType[];
  loop: boolean;
}

interface Signature {
  params: ValType[];
  results: ValType[];
}

class FunctionGenerator {
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
  private loopDepth = 0;

  constructor(g: ModuleGenerator, self: number, signature: Signature) {
    this.g = g;
    this.r = g.r;
    this.self = self;
    this.signature = signature;
    this.locals = signature.params.slice();
    for (let n = this.r.below(8); n > 0; n--) this.locals.push(this.type());
    this.scratch = { [I32]: 0, [I64]: 0, [F32]: 0, [F64]: 0 };
    for (const t of TYPES) {
      if (!g.floats && (t === F32 || t === F64)) continue;
      this.scratch[t] = this.locals.push(t) - 1;
    }
    this.budget = 10 + this.r.below(120);
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
    for (let n = this.r.below(6); n > 0; n--) code.push(...this.statement(3));
    for (const t of results) code.push(...this.expr(t, 4));
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
      default:
        return f64Const(f64BitsOf(r.chance(80) ? r.pick(F64_EDGES) : (r.u32() - 2 ** 31) / 1000));
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
    switch (r.below(20)) {
      case 0: {
        const { opcode, op } = r.pick(LOADS[type]);
        return [...this.pointer(d), ...opcode, ...this.memarg(op)];
      }
      case 1: {
        const result = [...this.expr(type, d), ...this.expr(type, d), ...this.expr(I32, d), 0x1b];
        return result;
      }
      case 2:
        return [...this.expr(type, d), 0x22, ...uleb(this.localOf(type))];
      case 3:
        return this.block([type], d);
      case 4:
        return this.call(type, d);
      case 5:
        return this.atomic(type, d);
      case 6:
        return [...this.statement(d), ...this.expr(type, d)];
      case 7:
        if (type === I32 && r.chance(30) && !this.g.inBounds)
          return r.chance(70) ? [0x3f, 0] : [...i32Const(r.below(2)), 0x40, 0];
        return this.numeric(type, d);
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
    for (let i = this.self + 1; i < this.g.signatures.length; i++) {
      if ((this.g.signatures[i] as Signature).results.includes(type)) callees.push(i);
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
      code.push(...index, 0x11, ...uleb(this.g.typeIndex(params, results)), 0);
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
  private statement(depth: number): Bytes {
    const { r } = this;
    if (this.budget <= 0) return [];
    this.budget--;
    const d = depth - 1;
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

class ModuleGenerator {
  readonly r: Random;
  readonly floats: boolean;
  readonly inBounds: boolean;
  readonly imports = 1;
  readonly signatures: Signature[] = [];
  readonly changesTable: boolean;
  readonly ops: Record<ValType, { opcode: Bytes; op: NumericOp }[]>;
  readonly stores: { opcode: Bytes; op: MemoryOp }[];
  private readonly types: Signature[] = [];
  private readonly table: number[] = [];
  private readonly functions: number;

  constructor(seed: number, options: GenerateOptions) {
    this.r = new Random(seed);
    this.floats = options.floats;
    this.inBounds = options.inBounds ?? false;
    this.functions = options.functions;
    this.changesTable = this.r.chance(10);
    const isFloat = (t: ValType): boolean => t === F32 || t === F64;
    const usable = (list: { opcode: Bytes; op: NumericOp }[]) =>
      this.floats ? list : list.filter(({ op }) => !isFloat(op.result) && !op.params.some(isFloat));
    this.ops = {
      [I32]: usable(OPS[I32]),
      [I64]: usable(OPS[I64]),
      [F32]: OPS[F32],
      [F64]: OPS[F64],
    };
    this.stores = this.floats ? STORES : STORES.filter(({ op }) => !isFloat(op.type));
  }

  type(): ValType {
    return this.floats ? this.r.pick(TYPES) : this.r.pick([I32, I64] as ValType[]);
  }

  global(type: ValType): number {
    return 1 + TYPES.indexOf(type) * 2 + this.r.below(2);
  }

  typeIndex(params: ValType[], results: ValType[]): number {
    const found = this.types.findIndex(
      (t) => t.params.join() === params.join() && t.results.join() === results.join(),
    );
    return found >= 0 ? found : this.types.push({ params, results }) - 1;
  }

  tableSlot(func: number): number {
    return this.table.indexOf(func);
  }

  private list(max: number): ValType[] {
    const out: ValType[] = [];
    for (let n = this.r.below(max + 1); n > 0; n--) out.push(this.type());
    return out;
  }

  run(): Generated {
    const { r } = this;
    const entryCount = Math.ceil(this.functions * 0.6);
    for (let i = 0; i < this.functions; i++) {
      if (i < entryCount) {
        const params: ValType[] = [];
        for (let n = r.below(5); n > 0; n--) params.push(r.pick([I32, I64] as ValType[]));
        this.signatures.push({
          params,
          results: r.chance(20) ? [I64, I32] : [r.pick([I32, I64] as ValType[])],
        });
      } else
        this.signatures.push({
          params: this.list(r.chance(20) ? 12 : 5),
          results: this.list(r.chance(15) ? 5 : 2),
        });
    }
    for (let i = 0; i < TABLE_SIZE; i++)
      this.table.push(r.chance(85) ? r.below(this.functions) : -1);
    // Indirect calls go forward only: an entry may call what stands in the table behind it.
    const funcs: FuncSpec[] = this.signatures.map((s, i) => {
      return new FunctionGenerator(this, i, s).make(this.typeIndex(s.params, s.results));
    });
    const entries: Generated["entries"] = [];
    const exports: ModuleSpec["exports"] = [];
    for (let i = 0; i < entryCount; i++) {
      const s = this.signatures[i] as Signature;
      // Each entry refills the fuel.
      const code: Bytes = [...i32Const(FUEL), 0x24, FUEL_GLOBAL];
      s.params.forEach((_, p) => {
        code.push(0x20, ...uleb(p));
      });
      code.push(0x10, ...uleb(this.imports + i));
      funcs.push({ type: this.typeIndex(s.params, s.results), locals: [], code });
      const name = `f${i}`;
      exports.push({ name, kind: 0, index: this.imports + funcs.length - 1 });
      entries.push({ name, params: s.params, results: s.results });
    }
    // Readers of the state, called last.
    const reader = (name: string, type: ValType, code: Bytes): void => {
      funcs.push({ type: this.typeIndex([], [type]), locals: [], code });
      exports.push({ name, kind: 0, index: this.imports + funcs.length - 1 });
      entries.push({ name, params: [], results: [type] });
    };
    if (!this.inBounds) reader("pages", I32, [0x3f, 0]);
    GLOBAL_TYPES.forEach((t, i) => {
      const get = [0x23, ...uleb(i + 1)];
      if (t === I32 || t === I64) reader(`g${i}`, t, get);
      else if (this.floats) {
        const nan = t === F32 ? f32Const(0x7fc00000) : f64Const(0x7ff8000000000000n);
        const ne = t === F32 ? 0x5c : 0x62;
        reader(`g${i}`, t === F32 ? I32 : I64, [
          ...nan,
          ...get,
          ...get,
          ...get,
          ne,
          0x1b,
          t === F32 ? 0xbc : 0xbd,
        ]);
      }
    });
    const run = this.typeIndex([], []);
    funcs.push({ type: this.typeIndex([], [I32]), locals: [], code: [0x10, 0, ...i32Const(0)] });
    exports.push({ name: "main", kind: 0, index: this.imports + funcs.length - 1 });
    exports.push({ name: "memory", kind: 2, index: 0 });
    const bytes: Bytes = [];
    for (let i = 0; i < 64; i++) bytes.push(r.below(256));
    const groups: ModuleSpec["elements"] = [];
    this.table.forEach((f, i) => {
      if (f >= 0) groups.push({ offset: i, funcs: [f + this.imports] });
    });
    // Segment 1 is the passive one the generated code refers to.
    const passive = { funcs: [0, 1, 2].map((i) => (i % this.functions) + this.imports) };
    const elements = [groups[0] ?? { offset: 0, funcs: [] }, passive, ...groups.slice(1)];
    const spec: ModuleSpec = {
      types: this.types,
      imports: [{ module: "stub", name: "run", type: run }],
      funcs,
      table: TABLE_SIZE,
      memory: { min: 1, max: 4 },
      globals: [
        { type: I32, mutable: true, init: i32Const(0) },
        ...GLOBAL_TYPES.map((type) => ({
          type,
          mutable: true,
          init:
            type === I32
              ? i32Const(7)
              : type === I64
                ? i64Const(-9n)
                : type === F32
                  ? f32Const(f32BitsOf(2.5))
                  : f64Const(f64BitsOf(-1.25)),
        })),
      ],
      exports,
      elements,
      data: [{ offset: 16, bytes }, { bytes: bytes.slice(0, 24) }],
    };
    return { bytes: buildModule(spec), entries };
  }
}

/** A random module for `seed`: the same seed gives the same bytes. */
export function generateModule(seed: number, options: GenerateOptions): Generated {
  return new ModuleGenerator(seed, options).run();
}

/** A random argument, edge values preferred. */
export function randomArgument(r: Random, type: ValType): bigint {
  if (type === I32) return BigInt(r.chance(60) ? r.pick(I32_EDGES) : r.u32() | 0);
  return BigInt.asIntN(64, r.chance(60) ? r.pick(I64_EDGES) : r.u64());
}
