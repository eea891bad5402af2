// Writer of wasm modules: sections, bodies and names from plain data.
// Follows the WebAssembly core specification, 5 "Binary Format" and 7.4.1 "Name Section", and the proposal for branch
// hints in custom sections ("metadata.code.branch_hint"). What it is given is not checked: tests also write modules that are wrong on purpose.

import { FUNCREF, type RefType, type ValType } from "./types.ts";

/** Bytes of an instruction sequence or of an immediate. */
export type Bytes = number[];

/** Unsigned LEB128 of the low 32 bits. */
export function uleb(value: number): Bytes {
  const out: Bytes = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest ? low | 0x80 : low);
  } while (rest);
  return out;
}

/** Signed LEB128, of any width. */
export function sleb(value: bigint): Bytes {
  const out: Bytes = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && !(low & 0x40)) || (rest === -1n && low & 0x40)) {
      out.push(low);
      return out;
    }
    out.push(low | 0x80);
  }
}

export const i32Const = (v: number): Bytes => [0x41, ...sleb(BigInt(v | 0))];
export const i64Const = (v: bigint): Bytes => [0x42, ...sleb(BigInt.asIntN(64, v))];

/** `f32.const` of the given bits. */
export function f32Const(bits: number): Bytes {
  return [0x43, bits & 255, (bits >>> 8) & 255, (bits >>> 16) & 255, bits >>> 24];
}

/** `f64.const` of the given bits. */
export function f64Const(bits: bigint): Bytes {
  const out: Bytes = [0x44];
  for (let i = 0n; i < 64n; i += 8n) out.push(Number((bits >> i) & 255n));
  return out;
}

/** `v128.const` of the given bits. */
export function v128Const(bits: bigint): Bytes {
  const out: Bytes = [0xfd, 12];
  for (let i = 0n; i < 128n; i += 8n) out.push(Number((bits >> i) & 255n));
  return out;
}

/** First size of byte strings: most stay that small, and engines keep such arrays among their objects. */
const FIRST_SIZE = 64;
const GROWTH = 4;
/** Bytes of a LEB128 number of 32 bits. */
const MOST_OF_U32 = 5;

/** A growing byte string. */
export class ByteBuffer {
  private bytes = new Uint8Array(FIRST_SIZE);
  length = 0;

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.bytes.length * GROWTH, this.length + more));
    bigger.set(this.bytes.subarray(0, this.length));
    this.bytes = bigger;
  }

  u8(value: number): this {
    this.room(1);
    this.bytes[this.length++] = value;
    return this;
  }

  u32(value: number): this {
    this.room(MOST_OF_U32);
    const { bytes } = this;
    let rest = value >>> 0;
    for (; rest > 0x7f; rest >>>= 7) bytes[this.length++] = (rest & 0x7f) | 0x80;
    bytes[this.length++] = rest;
    return this;
  }

  s32(value: number): this {
    return this.raw(sleb(BigInt(value | 0)));
  }

  raw(bytes: ArrayLike<number>): this {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** A byte vector with its length. */
  vector(bytes: ArrayLike<number>): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** A name: the UTF-8 form of a string, or bytes as they are. */
  name(text: string | Uint8Array): this {
    return this.vector(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  content(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}

export interface LimitsSpec {
  min: number;
  max?: number;
}

export interface TableSpec extends LimitsSpec {
  /** funcref where it is not given. */
  type?: RefType;
}

/** An imported function of a type by its index, memory, table or global. */
export type ImportSpec = { module: string; name: string } & (
  | { type: number }
  | { memory: LimitsSpec }
  | { table: TableSpec }
  | { global: ValType; mutable: boolean }
);

export interface FuncSpec {
  type: number;
  /** Types of the locals behind the parameters. */
  locals: ValType[];
  /** Instructions without the final `end`. */
  code: ArrayLike<number>;
  /** Which `if`s and `br_if`s of `code` are mostly taken or not, in the order of their positions there. */
  hints?: readonly BranchHint[];
}

export interface BranchHint {
  /** Position of the instruction's opcode. */
  readonly at: number;
  readonly likely: boolean;
}

export interface ModuleSpec {
  types: { params: ValType[]; results: ValType[] }[];
  imports: ImportSpec[];
  funcs: FuncSpec[];
  /** Entries of the first table, one of functions. */
  table?: number;
  /** The tables behind it. */
  tables?: TableSpec[];
  memory?: LimitsSpec;
  /** `init` without the final `end`. */
  globals: { type: ValType; mutable: boolean; init: Bytes }[];
  exports: { name: string | Uint8Array; kind: 0 | 1 | 2 | 3; index: number }[];
  start?: number;
  /**
   * Active at an offset (a number, or an expression without its `end`), declarative, or passive. Entries
   * are functions, -1 for null, -2 - n for the value of global n.
   */
  elements: {
    table?: number;
    type?: RefType;
    offset?: number | Bytes;
    declarative?: boolean;
    funcs: number[];
  }[];
  data: { offset?: number | Bytes; bytes: ArrayLike<number> }[];
  /** Names of functions by index in the name section, in the order given. */
  funcNames?: [number, string | Uint8Array][];
  /** Custom sections, at the module's end. */
  custom?: { name: string; bytes: ArrayLike<number> }[];
}

/** A module of nothing, for others to fill in. */
export function emptyModule(): ModuleSpec {
  return { types: [], imports: [], funcs: [], globals: [], exports: [], elements: [], data: [] };
}

function limits(out: ByteBuffer, { min, max }: LimitsSpec): void {
  out.u8(max === undefined ? 0 : 1).u32(min);
  if (max !== undefined) out.u32(max);
}

function offset(of: number | Bytes): Bytes {
  return typeof of === "number" ? i32Const(of) : of;
}

const END = 0x0b;

function tableType(out: ByteBuffer, table: TableSpec): void {
  limits(out.u8(table.type ?? FUNCREF), table);
}

function localsOf({ locals }: FuncSpec): Bytes {
  const out = uleb(locals.length);
  for (const type of locals) out.push(1, type);
  return out;
}

class ModuleWriter {
  private readonly out = new ByteBuffer();

  private section(id: number, content: ByteBuffer): void {
    this.out.u8(id).vector(content.content());
  }

  /** A section that is a vector; an empty one is left out. */
  private list<T>(id: number, items: T[], write: (out: ByteBuffer, item: T) => void): void {
    if (items.length === 0) return;
    const content = new ByteBuffer().u32(items.length);
    for (const item of items) write(content, item);
    this.section(id, content);
  }

  /** Branch hints count positions from the start of a body, which are its locals. */
  private hints({ imports, funcs }: ModuleSpec): void {
    const first = imports.filter((i) => "type" in i).length;
    const hinted = [...funcs.entries()].filter(([, { hints }]) => hints && hints.length > 0);
    if (hinted.length === 0) return;
    const content = new ByteBuffer().name("metadata.code.branch_hint").u32(hinted.length);
    for (const [index, func] of hinted) {
      const { hints = [] } = func;
      const before = localsOf(func).length;
      content.u32(first + index).u32(hints.length);
      for (const { at, likely } of hints) {
        content
          .u32(before + at)
          .u8(1)
          .u8(likely ? 1 : 0);
      }
    }
    this.section(0, content);
  }

  module(m: ModuleSpec): Uint8Array<ArrayBuffer> {
    this.out.raw([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    this.list(1, m.types, (out, t) => {
      out.u8(0x60).vector(t.params).vector(t.results);
    });
    this.list(2, m.imports, (out, i) => {
      out.name(i.module).name(i.name);
      if ("type" in i) out.u8(0).u32(i.type);
      else if ("table" in i) tableType(out.u8(1), i.table);
      else if ("memory" in i) limits(out.u8(2), i.memory);
      else
        out
          .u8(3)
          .u8(i.global)
          .u8(i.mutable ? 1 : 0);
    });
    this.list(3, m.funcs, (out, f) => {
      out.u32(f.type);
    });
    const first = m.table === undefined ? [] : [{ min: m.table }];
    this.list(4, [...first, ...(m.tables ?? [])], tableType);
    this.list(5, m.memory ? [m.memory] : [], limits);
    this.list(6, m.globals, (out, g) => {
      out
        .u8(g.type)
        .u8(g.mutable ? 1 : 0)
        .raw(g.init)
        .u8(END);
    });
    this.list(7, m.exports, (out, e) => {
      out.name(e.name).u8(e.kind).u32(e.index);
    });
    if (m.start !== undefined) this.section(8, new ByteBuffer().u32(m.start));
    this.list(9, m.elements, (out, e) => {
      const { table = 0, type = FUNCREF } = e;
      // Entries that are no functions need the form of expressions.
      const expressions = type !== FUNCREF || e.funcs.some((f) => f < 0);
      const form = expressions ? 4 : 0;
      const kind = expressions ? type : 0;
      if (e.offset === undefined) out.u8(form | (e.declarative ? 3 : 1)).u8(kind);
      else if (table === 0 && type === FUNCREF) out.u8(form).raw(offset(e.offset)).u8(END);
      else {
        out
          .u8(form | 2)
          .u32(table)
          .raw(offset(e.offset))
          .u8(END)
          .u8(kind);
      }
      out.u32(e.funcs.length);
      for (const f of e.funcs) {
        if (!expressions) out.u32(f);
        else if (f === -1) out.raw([0xd0, type, END]);
        else if (f < 0)
          out
            .u8(0x23)
            .u32(-2 - f)
            .u8(END);
        else out.u8(0xd2).u32(f).u8(END);
      }
    });
    // The data count section holds a bare number, not a vector.
    if (m.data.length > 0) this.section(12, new ByteBuffer().u32(m.data.length));
    this.hints(m);
    this.list(10, m.funcs, (out, f) => {
      const locals = localsOf(f);
      out.u32(locals.length + f.code.length + 1).raw(locals);
      out.raw(f.code).u8(END);
    });
    this.list(11, m.data, (out, d) => {
      if (d.offset === undefined) out.u8(1);
      else out.u8(0).raw(offset(d.offset)).u8(END);
      out.vector(d.bytes);
    });
    if (m.funcNames) {
      const map = new ByteBuffer().u32(m.funcNames.length);
      for (const [index, name] of m.funcNames) map.u32(index).name(name);
      this.section(0, new ByteBuffer().name("name").u8(1).vector(map.content()));
    }
    for (const { name, bytes } of m.custom ?? []) {
      this.section(0, new ByteBuffer().name(name).raw(bytes));
    }
    return this.out.content();
  }
}

/** The bytes of the module. */
export function buildModule(spec: ModuleSpec): Uint8Array<ArrayBuffer> {
  return new ModuleWriter().module(spec);
}
