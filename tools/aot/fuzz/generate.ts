// Random valid wasm modules: signatures, functions, table, memory and exports that show what the calls
// have changed. Code is made by function.ts.

import type { MemoryOp, NumericOp } from "../../wasm/opcodes.ts";
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
  buildModule,
  type FuncSpec,
  f32Const,
  f64Const,
  i32Const,
  i64Const,
  type ModuleSpec,
  uleb,
  v128Const,
} from "../../wasm/writer.ts";
import {
  ALL_TYPES,
  FUEL,
  FUEL_GLOBAL,
  FunctionGenerator,
  GLOBAL_TYPES,
  type Signature,
  TABLE_SIZE,
  TABLES,
  TYPES,
} from "./function.ts";
import { OPS, STORES } from "./instructions.ts";
import { f32BitsOf, f64BitsOf, Random } from "./random.ts";

export interface GenerateOptions {
  floats: boolean;
  /** No access leaves the first page and the memory's size is not asked for. */
  inBounds?: boolean;
  /** Tail calls, references with several tables, and vectors as well. */
  extended?: boolean;
  functions: number;
}

export interface Generated {
  bytes: Uint8Array;
  /** Exported functions to call, with the types of their (integer) parameters. */
  entries: { name: string; params: ValType[]; results: ValType[] }[];
  vectors: boolean;
}

/** What the functions of a module share while they are made. */
export class ModuleGenerator {
  readonly r: Random;
  readonly floats: boolean;
  readonly inBounds: boolean;
  readonly extended: boolean;
  readonly vectors: boolean;
  readonly references: boolean;
  /** Types of values. */
  readonly types: ValType[];
  readonly imports: number;
  readonly functions: number;
  readonly signatures: Signature[] = [];
  readonly changesTable: boolean;
  private readonly tailCalls: boolean;
  readonly ops: Record<ValType, { opcode: Bytes; op: NumericOp }[]>;
  readonly stores: { opcode: Bytes; op: MemoryOp }[];
  private readonly typeSection: Signature[] = [];
  private readonly table: number[] = [];

  constructor(seed: number, options: GenerateOptions) {
    this.r = new Random(seed);
    this.floats = options.floats;
    this.inBounds = options.inBounds ?? false;
    this.functions = options.functions;
    this.changesTable = this.r.chance(10);
    this.extended = options.extended ?? false;
    this.tailCalls = this.extended && this.r.chance(20);
    this.references = this.extended && this.r.chance(60);
    this.vectors = this.extended && this.floats && this.r.chance(70);
    this.imports = this.references ? 2 : 1;
    this.types = ALL_TYPES.filter((t) => {
      if (isRef(t)) return this.references;
      return t === V128 ? this.vectors : this.floats || t === I32 || t === I64;
    });
    const isFloat = (t: ValType): boolean => t === F32 || t === F64;
    const usable = (list: { opcode: Bytes; op: NumericOp }[]) =>
      this.floats ? list : list.filter(({ op }) => !isFloat(op.result) && !op.params.some(isFloat));
    this.ops = {
      [I32]: usable(OPS[I32]),
      [I64]: usable(OPS[I64]),
      [F32]: OPS[F32],
      [F64]: OPS[F64],
      [V128]: [],
      [FUNCREF]: [],
      [EXTERNREF]: [],
    };
    this.stores = this.floats ? STORES : STORES.filter(({ op }) => !isFloat(op.type));
  }

  type(): ValType {
    return this.r.pick(this.types);
  }

  global(type: ValType): number {
    const first = TYPES.includes(type)
      ? TYPES.indexOf(type)
      : TYPES.length + this.types.filter((t) => !TYPES.includes(t)).indexOf(type);
    return 1 + first * 2 + this.r.below(2);
  }

  typeIndex(params: ValType[], results: ValType[]): number {
    const found = this.typeSection.findIndex(
      (t) => t.params.join() === params.join() && t.results.join() === results.join(),
    );
    return found >= 0 ? found : this.typeSection.push({ params, results }) - 1;
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
      code.push(this.tailCalls ? 0x12 : 0x10, ...uleb(this.imports + i));
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
    const more = this.types.filter((t) => !TYPES.includes(t)).flatMap((t) => [t, t]);
    more.forEach((t, i) => {
      const get = [0x23, ...uleb(1 + GLOBAL_TYPES.length + i)];
      if (isRef(t)) reader(`r${i}`, I32, [...get, 0xd1]);
      else for (const lane of [0, 1]) reader(`v${i}.${lane}`, I64, [...get, 0xfd, 29, lane]);
    });
    if (this.references) {
      TABLES.forEach((_, i) => {
        reader(`t${i}`, I32, [0xfc, 16, i]);
      });
    }
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
    const imports: ModuleSpec["imports"] = [
      { module: "stub", name: "run", type: this.typeIndex([], []) },
    ];
    if (this.references) {
      imports.push({ module: "stub", name: "same", type: this.typeIndex([I64], [EXTERNREF]) });
    }
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
    const elements: ModuleSpec["elements"] = [
      groups[0] ?? { offset: 0, funcs: [] },
      passive,
      ...groups.slice(1),
    ];
    // Any function of the first ones may become a reference.
    if (this.references) {
      elements.push({ declarative: true, funcs: this.signatures.map((_, i) => this.imports + i) });
    }
    const spec: ModuleSpec = {
      types: this.typeSection,
      imports,
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
      ...(this.references
        ? {
            tables: [
              { type: FUNCREF, min: 5, max: 9 },
              { type: EXTERNREF, min: 4, max: 6 },
            ],
          }
        : {}),
      elements,
      data: [{ offset: 16, bytes }, { bytes: bytes.slice(0, 24) }],
    };
    spec.globals.push(
      ...more.map((type) => ({
        type,
        mutable: true,
        init: isRef(type) ? [0xd0, type] : v128Const(0x0102030405060708n),
      })),
    );
    return { bytes: buildModule(spec), entries, vectors: this.vectors };
  }
}

/** A random module for `seed`: the same seed gives the same bytes. */
export function generateModule(seed: number, options: GenerateOptions): Generated {
  return new ModuleGenerator(seed, options).run();
}
