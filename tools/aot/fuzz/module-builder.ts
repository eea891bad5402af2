// Writer of wasm modules for tests: sections and bodies from plain data.
// Follows the WebAssembly core specification, 5 "Binary Format"; only what the tests need.

import type { ValType } from "../wasm/types.ts";

export type Bytes = number[];

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

export function f32Const(bits: number): Bytes {
  return [0x43, bits & 255, (bits >>> 8) & 255, (bits >>> 16) & 255, bits >>> 24];
}

export function f64Const(bits: bigint): Bytes {
  const out: Bytes = [0x44];
  for (let i = 0n; i < 64n; i += 8n) out.push(Number((bits >> i) & 255n));
  return out;
}

const text = (s: string): Bytes => {
  const utf8 = [...new TextEncoder().encode(s)];
  return [...uleb(utf8.length), ...utf8];
};

export interface FuncSpec {
  type: number;
  /** Types of the locals behind the parameters. */
  locals: ValType[];
  /** Instructions without the final `end`. */
  code: Bytes;
}

export interface ModuleSpec {
  types: { params: ValType[]; results: ValType[] }[];
  imports: { module: string; name: string; type: number }[];
  funcs: FuncSpec[];
  table?: number;
  memory?: { min: number; max?: number };
  globals: { type: ValType; mutable: boolean; init: Bytes }[];
  exports: { name: string; kind: 0 | 1 | 2 | 3; index: number }[];
  start?: number;
  /** Active at an offset, or passive. */
  elements: { offset?: number; funcs: number[] }[];
  data: { offset?: number; bytes: Bytes }[];
}

/** The bytes of the module. */
export function buildModule(m: ModuleSpec): Uint8Array {
  const out: Bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const append = (bytes: Bytes): void => {
    for (const b of bytes) out.push(b);
  };
  const section = (id: number, count: number, body: Bytes): void => {
    if (count === 0) return;
    const n = uleb(count);
    append([id, ...uleb(n.length + body.length)]);
    append(n);
    append(body);
  };
  const vector = (types: ValType[]): Bytes => [...uleb(types.length), ...types];
  section(
    1,
    m.types.length,
    m.types.flatMap((t) => [0x60, ...vector(t.params), ...vector(t.results)]),
  );
  section(
    2,
    m.imports.length,
    m.imports.flatMap((i) => [...text(i.module), ...text(i.name), 0, ...uleb(i.type)]),
  );
  section(
    3,
    m.funcs.length,
    m.funcs.flatMap((f) => uleb(f.type)),
  );
  if (m.table !== undefined) section(4, 1, [0x70, 0, ...uleb(m.table)]);
  if (m.memory) {
    const { min, max } = m.memory;
    section(5, 1, max === undefined ? [0, ...uleb(min)] : [1, ...uleb(min), ...uleb(max)]);
  }
  section(
    6,
    m.globals.length,
    m.globals.flatMap((g) => [g.type, g.mutable ? 1 : 0, ...g.init, 0x0b]),
  );
  section(
    7,
    m.exports.length,
    m.exports.flatMap((e) => [...text(e.name), e.kind, ...uleb(e.index)]),
  );
  if (m.start !== undefined) {
    append([8, uleb(m.start).length]);
    append(uleb(m.start));
  }
  section(
    9,
    m.elements.length,
    m.elements.flatMap((e) => [
      ...(e.offset === undefined ? [1, 0] : [0, ...i32Const(e.offset), 0x0b]),
      ...uleb(e.funcs.length),
      ...e.funcs.flatMap((f) => uleb(f)),
    ]),
  );
  // The data count section holds a bare number, not a vector.
  if (m.data.length) append([12, uleb(m.data.length).length, ...uleb(m.data.length)]);
  section(
    10,
    m.funcs.length,
    m.funcs.flatMap((f) => {
      const locals = [...uleb(f.locals.length), ...f.locals.flatMap((t) => [1, t])];
      const size = locals.length + f.code.length + 1;
      return [...uleb(size), ...locals, ...f.code, 0x0b];
    }),
  );
  section(
    11,
    m.data.length,
    m.data.flatMap((d) => [
      ...(d.offset === undefined ? [1] : [0, ...i32Const(d.offset), 0x0b]),
      ...uleb(d.bytes.length),
      ...d.bytes,
    ]),
  );
  return Uint8Array.from(out);
}
