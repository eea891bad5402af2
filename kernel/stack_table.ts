// Makes the tables from which the kernel prints where a panic comes from (source_line.ts, backtrace.ts): source lines,
// the functions whose code they are, inlined ones too, and how far the caller's frame is. All of compiled code; what the
// assembler has made has no lines here.

import type { DebugFunction, InlinedCall, ObjectFile, ObjectSymbol } from "../tools/elf/index.ts";

/** Bytes of a line row: i32 distance from kernel_main, u16 file, u16 line, u16 scope, u16 nothing. */
const LINE_ROW = 12;
/** Bytes of a scope: u16 name, and of the call u16 file, u16 line, u16 scope around it; 0 where nothing is. */
const SCOPE_ROW = 8;
/** Bytes of a frame row: i32 distance from kernel_main, u32 bytes from RSP to the CFA. */
const FRAME_ROW = 8;
/** The largest number of a field of 16 bits. */
const MAX = 0xffff;

/** Numbers of texts, from 1 on. */
class Names {
  readonly #numbers = new Map<string, number>();

  number(name: string): number {
    if (name === "") return 0;
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.#numbers.size === MAX) return 0;
    this.#numbers.set(name, this.#numbers.size + 1);
    return this.#numbers.size;
  }

  /** All of them in order, each with a zero byte behind it. */
  bytes(): Uint8Array {
    return new TextEncoder().encode([...this.#numbers.keys()].map((name) => `${name}\0`).join(""));
  }
}

interface LineRow {
  offset: number;
  file: number;
  line: number;
  scope: number;
}

class Tables {
  readonly files = new Names();
  readonly names = new Names();
  /** The first one is none. */
  readonly scopes: [name: number, file: number, line: number, parent: number][] = [[0, 0, 0, 0]];
  readonly rows: LineRow[] = [];
  readonly #scopeOf = new Map<string, number>();

  add(offset: number, file: string, line: number, scope: number): void {
    const row = { offset, file: this.files.number(file), line: Math.min(line, MAX), scope };
    const last = this.rows.at(-1);
    if (last?.offset === offset) this.rows.pop();
    else if (last?.file === row.file && last.line === row.line && last.scope === scope) return;
    this.rows.push(row);
  }

  /** The number of a function, or of one that is called at `file`:`line` in `parent` and inlined there. */
  scope(name: string, file = "", line = 0, parent = 0): number {
    const entry: (typeof this.scopes)[number] = [
      this.names.number(name),
      this.files.number(file),
      Math.min(line, MAX),
      parent,
    ];
    const key = entry.join();
    let number = this.#scopeOf.get(key);
    if (number === undefined && this.scopes.length <= MAX) {
      number = this.scopes.push(entry) - 1;
      this.#scopeOf.set(key, number);
    }
    return number ?? 0;
  }

  /** The innermost of `calls`, which are in `scope`, that has code at `offset`. */
  innermost(calls: readonly InlinedCall[], offset: number, scope: number): number {
    for (const call of calls) {
      if (!call.ranges.some(({ start, end }) => offset >= start && offset < end)) continue;
      const inner = this.scope(call.name, call.file, call.line, scope);
      return this.innermost(call.inlined, offset, inner);
    }
    return scope;
  }
}

/** The part of an internal name that a person knows a function by. */
function shortName(symbol: string): string {
  return symbol.slice(symbol.lastIndexOf("/") + 1);
}

function fillLines(tables: Tables, compiled: ObjectFile, section: number, end: number): void {
  const described = new Map<number, DebugFunction>(
    (compiled.functions ?? []).map((f) => [f.start, f]),
  );
  const functions = compiled.symbols
    .filter((s) => s.section === section && s.kind === "func")
    .map((s) => ({ start: Number(s.value), end: Number(s.value) + s.size, name: s.name }))
    .sort((a, b) => a.start - b.start);
  const lines = (compiled.lines ?? [])
    .filter((row) => row.section === section)
    .sort((a, b) => a.offset - b.offset);
  let next = 0;
  for (const [i, f] of functions.entries()) {
    if (functions[i - 1]?.start === f.start) continue;
    const more = described.get(f.start);
    const scope = tables.scope(more?.name ?? shortName(f.name));
    tables.add(f.start, more?.file ?? "", more?.line ?? 0, scope);
    for (; next < lines.length && (lines[next]?.offset ?? 0) < f.end; next++) {
      const row = lines[next];
      if (!row || row.offset < f.start) continue;
      const inner = tables.innermost(more?.inlined ?? [], row.offset, scope);
      tables.add(row.offset, row.file, row.line, inner);
    }
  }
  tables.add(end, "", 0, 0);
}

/** Distances of the CFA from RSP, and 0 where no code is. */
function frameRows(compiled: ObjectFile, section: number): [offset: number, depth: number][] {
  const rows: [number, number][] = [];
  for (const frame of compiled.frames ?? []) {
    if (frame.section !== section) continue;
    for (const { offset, cfa } of frame.rows) rows.push([offset, "offset" in cfa ? cfa.offset : 0]);
    rows.push([frame.end, 0]);
  }
  return rows.sort((a, b) => a[0] - b[0]);
}

/** The object that holds the tables of a compiled kernel. */
export function stackTables(compiled: ObjectFile): ObjectFile {
  const origin = compiled.symbols.find((symbol) => symbol.name === "kernel_main");
  if (!origin) throw new Error("the kernel's module does not export kernel_main");
  const base = Number(origin.value);
  const tables = new Tables();
  const end = compiled.sections[origin.section]?.memSize ?? 0;
  fillLines(tables, compiled, origin.section, end);
  const frames = frameRows(compiled, origin.section);
  const symbols: ObjectSymbol[] = [];
  const parts: Uint8Array[] = [];
  let size = 0;
  const put = (name: string, bytes: Uint8Array): void => {
    symbols.push({
      name,
      section: 0,
      value: BigInt(size),
      size: bytes.length,
      kind: "object",
      global: true,
    });
    parts.push(bytes);
    size += bytes.length;
  };
  const filled = (
    count: number,
    stride: number,
    fill: (view: DataView, i: number, at: number) => void,
  ): Uint8Array => {
    const bytes = new Uint8Array(count * stride);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) fill(view, i, i * stride);
    return bytes;
  };
  put(
    "kernel_lines",
    filled(tables.rows.length, LINE_ROW, (view, i, at) => {
      const row = tables.rows[i] as LineRow;
      view.setInt32(at, row.offset - base, true);
      view.setUint16(at + 4, row.file, true);
      view.setUint16(at + 6, row.line, true);
      view.setUint16(at + 8, row.scope, true);
    }),
  );
  put("kernel_lines_end", new Uint8Array(0));
  put(
    "kernel_frames",
    filled(frames.length, FRAME_ROW, (view, i, at) => {
      const [offset, depth] = frames[i] as (typeof frames)[number];
      view.setInt32(at, offset - base, true);
      view.setUint32(at + 4, depth, true);
    }),
  );
  put("kernel_frames_end", new Uint8Array(0));
  put(
    "kernel_scopes",
    filled(tables.scopes.length, SCOPE_ROW, (view, i, at) => {
      const fields = tables.scopes[i] as (typeof tables.scopes)[number];
      for (const [n, field] of fields.entries()) view.setUint16(at + n * 2, field, true);
    }),
  );
  put("kernel_line_files", tables.files.bytes());
  put("kernel_scope_names", tables.names.bytes());
  const data = new Uint8Array(Buffer.concat(parts));
  const section = {
    name: ".rodata.lines",
    writable: false,
    executable: false,
    align: 8,
    data,
    memSize: data.length,
  };
  return { name: "kernel stack tables", sections: [section], symbols, relocations: [] };
}
