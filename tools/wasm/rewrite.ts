// Changing modules: a decoded module as data for the writer, and function bodies with other index
// spaces. Follows the WebAssembly core specification, 5.4 "Instructions"; takes what the decoder and
// the compiler's validator accept.

import { Reader } from "./reader.ts";
import { VECTOR } from "./simd.ts";
import {
  type ConstExpr,
  F32,
  type FuncBody,
  I32,
  I64,
  isRef,
  type Module,
  type TableType,
  V128,
  type ValType,
} from "./types.ts";
import {
  ByteBuffer,
  type Bytes,
  f32Const,
  f64Const,
  type ImportSpec,
  i32Const,
  i64Const,
  type LimitsSpec,
  type ModuleSpec,
  type TableSpec,
  uleb,
  v128Const,
} from "./writer.ts";

/** Where each index of a module goes. */
export interface IndexMap {
  type(index: number): number;
  func(index: number): number;
  global(index: number): number;
  table(index: number): number;
  data(index: number): number;
  element(index: number): number;
}

const same = (index: number): number => index;

export const IDENTITY: IndexMap = {
  type: same,
  func: same,
  global: same,
  table: same,
  data: same,
  element: same,
};

class BodyRewriter {
  private readonly r: Reader;
  private readonly map: IndexMap;
  private readonly out = new ByteBuffer();

  constructor(r: Reader, map: IndexMap) {
    this.r = r;
    this.map = map;
  }

  /** Copies what `skip` reads, as it is. */
  private copy(skip: () => unknown): void {
    const { pos } = this.r;
    skip();
    this.out.raw(this.r.bytes.subarray(pos, this.r.pos));
  }

  private indices(n: number): void {
    for (let i = 0; i < n; i++) this.copy(() => this.r.u32());
  }

  private index(map: (index: number) => number): void {
    this.out.u32(map(this.r.u32()));
  }

  private blockType(): void {
    const { r } = this;
    const { pos } = r;
    const type = r.s33();
    if (type < 0) this.out.raw(r.bytes.subarray(pos, r.pos));
    else this.out.s32(this.map.type(type));
  }

  private prefixed(sub: number): void {
    const { map } = this;
    this.out.u32(sub);
    if (sub === 8) {
      this.index(map.data);
      this.indices(1);
    } else if (sub === 9) this.index(map.data);
    else if (sub === 12) {
      this.index(map.element);
      this.index(map.table);
    } else if (sub === 13) this.index(map.element);
    else if (sub === 14) {
      this.index(map.table);
      this.index(map.table);
    } else if (sub >= 15 && sub <= 17) this.index(map.table);
    else if (sub === 10) this.indices(2);
    else if (sub === 11) this.indices(1);
    else if (sub > 7) this.r.fail(`opcode 0xfc ${sub} cannot be rewritten`);
  }

  private instruction(): void {
    const { out, map } = this;
    const r: Reader = this.r;
    const opcode = r.u8();
    out.u8(opcode);
    if (opcode >= 0x28 && opcode <= 0x3e) {
      this.indices(2);
      return;
    }
    switch (opcode) {
      case 0x02:
      case 0x03:
      case 0x04:
        this.blockType();
        return;
      case 0x0c:
      case 0x0d:
      case 0x20:
      case 0x21:
      case 0x22:
      case 0x3f:
      case 0x40:
        this.indices(1);
        return;
      case 0x0e: {
        const labels = r.u32();
        out.u32(labels);
        this.indices(labels + 1);
        return;
      }
      case 0x10:
      case 0x12:
        this.index(map.func);
        return;
      case 0x11:
      case 0x13:
        this.index(map.type);
        this.index(map.table);
        return;
      case 0x1c: {
        const types = r.u32();
        out.u32(types);
        this.copy(() => r.take(types));
        return;
      }
      case 0x23:
      case 0x24:
        this.index(map.global);
        return;
      case 0x25:
      case 0x26:
        this.index(map.table);
        return;
      case 0xd0:
        this.copy(() => r.u8());
        return;
      case 0xd1:
        return;
      case 0xd2:
        this.index(map.func);
        return;
      case 0x41:
        this.copy(() => r.s32());
        return;
      case 0x42:
        this.copy(() => r.s64());
        return;
      case 0x43:
        this.copy(() => r.take(4));
        return;
      case 0x44:
        this.copy(() => r.take(8));
        return;
      case 0xfc:
        this.prefixed(r.u32());
        return;
      case 0xfd: {
        const sub = r.u32();
        out.u32(sub);
        const op = VECTOR[sub];
        if (!op) r.fail(`opcode 0xfd ${sub} cannot be rewritten`);
        if (op.size > 0) this.indices(2);
        if (op.kind === "const" || op.kind === "shuffle") this.copy(() => r.take(16));
        else if (op.lanes > 0) this.copy(() => r.u8());
        return;
      }
      case 0xfe: {
        const sub = r.u32();
        out.u32(sub);
        this.indices(sub === 3 ? 1 : 2);
        return;
      }
    }
    const plain = opcode <= 0x1b || (opcode >= 0x45 && opcode <= 0xc4);
    if (!plain) r.fail(`opcode 0x${opcode.toString(16)} cannot be rewritten`);
  }

  run(): Uint8Array {
    while (this.r.pos < this.r.end) this.instruction();
    return this.out.content();
  }
}

/**
 * The instructions of a valid body with mapped indices, without the final `end`.
 * @throws WasmError at an instruction of a proposal that the compiler does not support.
 */
export function rewriteBody(module: Module, body: FuncBody, map: IndexMap): Uint8Array {
  return new BodyRewriter(new Reader(module.bytes, body.start, body.end - 1), map).run();
}

/** Values of the imported globals, by index: they become globals of the module's own. Vectors are 0. */
export type GlobalValues = (number | bigint)[];

function constant(expr: ConstExpr, module: Module, values: GlobalValues, map: IndexMap): Bytes {
  if (expr.kind === "func") return [0xd2, ...uleb(map.func(expr.index))];
  if (expr.kind === "global") {
    const imported = module.globalImports[expr.index];
    const value = values[expr.index];
    if (!imported || value === undefined) throw new Error(`no value for global ${expr.index}`);
    return encode(imported.type, value);
  }
  return constantOf(expr.type, expr.bits);
}

/** Instruction that pushes the value with the given bits; of a reference, null. */
export function constantOf(type: ValType, bits: bigint): Bytes {
  if (isRef(type)) return [0xd0, type];
  if (type === V128) return v128Const(bits);
  if (type === I32) return i32Const(Number(bits));
  if (type === I64) return i64Const(bits);
  return type === F32 ? f32Const(Number(bits)) : f64Const(bits);
}

function encode(type: ValType, value: number | bigint): Bytes {
  if (isRef(type) || type === V128) return constantOf(type, 0n);
  if (type === I32 || type === I64) return constantOf(type, BigInt(value));
  const view = new DataView(new ArrayBuffer(8));
  if (type === F32) view.setFloat32(0, Number(value), true);
  else view.setFloat64(0, Number(value), true);
  return constantOf(type, view.getBigUint64(0, true));
}

function limitsOf(limits: { min: number; max: number | undefined }): LimitsSpec {
  return limits.max === undefined ? { min: limits.min } : { min: limits.min, max: limits.max };
}

function tableOf({ type, ...limits }: TableType): TableSpec {
  return { type, ...limitsOf(limits) };
}

/**
 * The module as data for the writer. Imported memory, tables and globals become its own, with the
 * values given, and null for those of reference types; imported functions stay. Indices are mapped where `map` says so.
 */
export function toSpec(m: Module, values: GlobalValues = [], map: IndexMap = IDENTITY): ModuleSpec {
  const imports: ImportSpec[] = m.funcImports.map(({ module, name, typeIndex }) => ({
    module,
    name,
    type: map.type(typeIndex),
  }));
  const spec: ModuleSpec = {
    types: m.types,
    imports,
    funcs: m.funcs.map((body) => ({
      type: map.type(body.typeIndex),
      locals: body.locals.flatMap(({ count, type }) => new Array(count).fill(type)),
      code: rewriteBody(m, body, map),
    })),
    globals: [
      ...m.globalImports.map((g, i) => ({
        type: g.type,
        mutable: g.mutable,
        init: encode(g.type, values[i] ?? 0),
      })),
      ...m.globals.map((g) => ({
        type: g.type,
        mutable: g.mutable,
        init: constant(g.init, m, values, map),
      })),
    ],
    exports: m.exports.map(({ name, kind, index }) => ({
      name,
      kind: ({ func: 0, table: 1, memory: 2, global: 3 } as const)[kind],
      index: kind === "memory" ? index : map[kind](index),
    })),
    elements: m.elements.map((s) => ({
      table: map.table(s.table),
      type: s.type,
      ...(s.offset ? { offset: constant(s.offset, m, values, map) } : {}),
      ...(s.mode === "declarative" ? { declarative: true } : {}),
      funcs: Array.from(s.funcs, (f) =>
        f < -1 ? -2 - map.global(-2 - f) : f < 0 ? f : map.func(f),
      ),
    })),
    data: m.data.map((s) => ({
      ...(s.offset ? { offset: constant(s.offset, m, values, map) } : {}),
      bytes: s.bytes,
    })),
    funcNames: [...m.funcNames].map(([index, name]) => [map.func(index), name]),
  };
  if (m.tables.length > 0) spec.tables = m.tables.map(tableOf);
  if (m.memory) spec.memory = limitsOf(m.memory);
  if (m.start !== undefined) spec.start = map.func(m.start);
  return spec;
}
