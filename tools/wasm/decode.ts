// Decoder of the module structure: sections, their order and limits, custom sections for names and
// the source map. Follows the WebAssembly core specification 2.0, 5.5 "Modules"; later proposals are
// refused by name. Function bodies stay bytes:
// the compiler's validator checks them.

import { printable } from "./names.ts";
import { TYPE_NAME } from "./opcodes.ts";
import { Reader, WasmError } from "./reader.ts";
import {
  type ConstExpr,
  type DataSegment,
  type ElementSegment,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FuncType,
  funcTypeOf,
  globalTypeOf,
  I32,
  I64,
  isRef,
  type Limits,
  type LocalRun,
  type Module,
  type RefType,
  type TableType,
  V128,
  type ValType,
} from "./types.ts";

const SECTION = [
  "custom",
  "type",
  "import",
  "function",
  "table",
  "memory",
  "global",
  "export",
  "start",
  "element",
  "code",
  "data",
  "data count",
];
/** Position of each section id in the prescribed order (5.5.2); data count stands before code. */
const ORDER = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10];
const V128_CONST = 12;
const MAX_LOCALS = 50_000;

function valType(r: Reader): ValType {
  const offset = r.pos;
  const code = r.u8();
  switch (code) {
    case I32:
    case I64:
    case F32:
    case F64:
    case V128:
    case FUNCREF:
    case EXTERNREF:
      return code;
    case 0x69:
      return r.unsupported("exception handling", "type exnref", offset);
    default:
      if (code >= 0x63 && code <= 0x74) {
        return r.unsupported("garbage collection", "a heap reference type", offset);
      }
      return r.fail(`invalid value type 0x${code.toString(16)}`, offset);
  }
}

function limits(r: Reader, what: string, ceiling: number): Limits {
  const offset = r.pos;
  const flags = r.u8();
  if (flags & 4) r.unsupported("memory64", `64-bit ${what}`, offset);
  // A shared memory is one that atomics use; with a single thread it is a memory like any other.
  if (flags & 2 && what !== "memory") {
    r.unsupported("shared-everything threads", `a shared ${what}`, offset);
  }
  if (flags === 2) r.fail("a shared memory must have a maximum", offset);
  if (flags > 3) r.fail(`invalid limits flags 0x${flags.toString(16)}`, offset);
  const min = r.u32();
  const max = flags & 1 ? r.u32() : undefined;
  // A table may be declared to grow beyond what an implementation gives it.
  const largest = what === "memory" ? (max ?? min) : min;
  if (Math.max(min, largest) > ceiling) r.fail(`${what} size must be at most ${ceiling}`, offset);
  if (max !== undefined && min > max) r.fail("size minimum must not exceed the maximum", offset);
  return { min, max };
}

function refType(r: Reader, what: string): RefType {
  const offset = r.pos;
  const type = r.u8();
  if (isRef(type)) return type;
  if (type >= 0x40 && type <= 0x74) {
    r.unsupported("typed function references", `this ${what} type`, offset);
  }
  return r.fail(`invalid ${what} type 0x${type.toString(16)}`, offset);
}

function tableType(r: Reader): TableType {
  return { type: refType(r, "table element"), ...limits(r, "table", 10_000_000) };
}

class Decoder {
  readonly m: Module;
  readonly r: Reader;
  /** Type indices of the function section, awaiting the code section. */
  declared: number[] = [];

  constructor(bytes: Uint8Array) {
    this.r = new Reader(bytes);
    this.m = {
      bytes,
      types: [],
      funcImports: [],
      globalImports: [],
      memoryImport: undefined,
      tableImports: [],
      funcs: [],
      tables: [],
      memory: undefined,
      globals: [],
      exports: [],
      start: undefined,
      elements: [],
      data: [],
      dataCount: undefined,
      declaredFuncs: new Set(),
      funcNames: new Map(),
      globalNames: new Map(),
      sourceMapUrl: undefined,
    };
  }

  get funcCount(): number {
    return this.m.funcImports.length + this.declared.length;
  }

  count(atLeast = 1): number {
    const offset = this.r.pos;
    const n = this.r.u32();
    if (n * atLeast > this.r.end - this.r.pos) {
      this.r.fail(`count ${n} is larger than the section`, offset);
    }
    return n;
  }

  typeIndex(): number {
    const offset = this.r.pos;
    const index = this.r.u32();
    if (index >= this.m.types.length) this.r.fail(`unknown type ${index}`, offset);
    return index;
  }

  funcIndex(): number {
    const offset = this.r.pos;
    const index = this.r.u32();
    if (index >= this.funcCount) this.r.fail(`unknown function ${index}`, offset);
    return index;
  }

  constExpr(expected: ValType): ConstExpr {
    const r: Reader = this.r;
    const offset = r.pos;
    const opcode = r.u8();
    let expr: ConstExpr;
    switch (opcode) {
      case 0x41:
        expr = { kind: "const", type: I32, bits: BigInt(r.s32()) };
        break;
      case 0x42:
        expr = { kind: "const", type: I64, bits: r.s64() };
        break;
      case 0x43:
        expr = { kind: "const", type: F32, bits: BigInt(r.u32le()) };
        break;
      case 0x44: {
        const low = BigInt(r.u32le());
        expr = { kind: "const", type: F64, bits: (BigInt(r.u32le()) << 32n) | low };
        break;
      }
      case 0x23: {
        const index = r.u32();
        const global = globalTypeOf(this.m, index);
        if (!global || index >= this.m.globalImports.length) {
          r.fail(
            `a constant expression may use imported globals only, not global ${index}`,
            offset,
          );
        }
        if (global.mutable) r.fail(`global ${index} in a constant expression is mutable`, offset);
        expr = { kind: "global", type: global.type, index };
        break;
      }
      case 0xd0:
        expr = { kind: "const", type: refType(r, "reference"), bits: 0n };
        break;
      case 0xd2:
        expr = { kind: "func", type: FUNCREF, index: this.funcIndex() };
        this.m.declaredFuncs.add(expr.index);
        break;
      case 0xfd: {
        const sub = r.u32();
        if (sub !== V128_CONST) r.fail(`opcode 0xfd ${sub} is not constant`, offset);
        expr = { kind: "const", type: V128, bits: r.u128() };
        break;
      }
      default:
        return r.fail(`opcode 0x${opcode.toString(16)} is not constant`, offset);
    }
    if (expr.type !== expected) {
      r.fail(
        `type mismatch: constant expression is ${TYPE_NAME[expr.type]}, ${TYPE_NAME[expected]} expected`,
        offset,
      );
    }
    const endOffset = r.pos;
    const end = r.u8();
    if (end !== 0x0b) {
      if (
        (end >= 0x6a && end <= 0x6c) ||
        (end >= 0x7c && end <= 0x7e) ||
        end === 0x41 ||
        end === 0x42 ||
        end === 0x23
      ) {
        r.unsupported(
          "extended constant expressions",
          "arithmetic in a constant expression",
          endOffset,
        );
      }
      r.fail("constant expression has more than one instruction", endOffset);
    }
    return expr;
  }

  types(): void {
    const r: Reader = this.r;
    for (let n = this.count(3); n > 0; n--) {
      const offset = r.pos;
      const form = r.u8();
      if (form === 0x5f || form === 0x5e || form === 0x50 || form === 0x4f || form === 0x4e) {
        r.unsupported("garbage collection", "this type definition", offset);
      }
      if (form !== 0x60) r.fail(`invalid type form 0x${form.toString(16)}, 0x60 expected`, offset);
      const params: ValType[] = [];
      for (let i = this.count(); i > 0; i--) params.push(valType(r));
      const results: ValType[] = [];
      for (let i = this.count(); i > 0; i--) results.push(valType(r));
      this.m.types.push({ params, results } satisfies FuncType);
    }
  }

  imports(): void {
    const r: Reader = this.r;
    for (let n = this.count(4); n > 0; n--) {
      const offset = r.pos;
      const module = r.name();
      const name = r.name();
      const kindOffset = r.pos;
      const kind = r.u8();
      if (kind === 0) {
        this.m.funcImports.push({ module, name, offset, typeIndex: this.typeIndex() });
      } else if (kind === 1) {
        this.m.tables.push(tableType(r));
        this.m.tableImports.push({ module, name, offset });
      } else if (kind === 2) {
        if (this.m.memory) r.unsupported("multi-memory", "a second memory", kindOffset);
        this.m.memory = limits(r, "memory", 65536);
        this.m.memoryImport = { module, name, offset };
      } else if (kind === 3) {
        const type = valType(r);
        const mutable = this.mutability();
        this.m.globalImports.push({ module, name, offset, type, mutable });
      } else if (kind === 4) {
        r.unsupported("exception handling", "an imported tag", kindOffset);
      } else {
        r.fail(`invalid import kind ${kind}`, kindOffset);
      }
    }
  }

  mutability(): boolean {
    const offset = this.r.pos;
    const flag = this.r.u8();
    if (flag > 1) this.r.fail(`invalid mutability ${flag}`, offset);
    return flag === 1;
  }

  exports(): void {
    const r: Reader = this.r;
    const seen = new Set<string>();
    const kinds = ["func", "table", "memory", "global"] as const;
    for (let n = this.count(3); n > 0; n--) {
      const offset = r.pos;
      const name = r.name();
      if (seen.has(name)) r.fail(`duplicate export name "${printable(name)}"`, offset);
      seen.add(name);
      const kindOffset = r.pos;
      const code = r.u8();
      const kind = kinds[code];
      if (code === 4) r.unsupported("exception handling", "an exported tag", kindOffset);
      if (!kind) r.fail(`invalid export kind ${code}`, kindOffset);
      const index = r.u32();
      const bound = {
        func: this.funcCount,
        table: this.m.tables.length,
        memory: this.m.memory ? 1 : 0,
        global: this.m.globalImports.length + this.m.globals.length,
      }[kind];
      if (index >= bound) r.fail(`export "${printable(name)}": unknown ${kind} ${index}`, offset);
      if (kind === "func") this.m.declaredFuncs.add(index);
      this.m.exports.push({ name, kind, index });
    }
  }

  /** Value of an entry as `ElementSegment.funcs` has it. */
  elementExpr(type: RefType): number {
    const expr = this.constExpr(type);
    if (expr.kind === "func") return expr.index;
    return expr.kind === "global" ? -2 - expr.index : -1;
  }

  elements(): void {
    const r: Reader = this.r;
    for (let n = this.count(); n > 0; n--) {
      const offset = r.pos;
      const flags = r.u32();
      if (flags > 7) r.fail(`invalid element segment flags ${flags}`, offset);
      const segment: ElementSegment = {
        mode: flags & 1 ? (flags & 2 ? "declarative" : "passive") : "active",
        table: 0,
        type: FUNCREF,
        offset: undefined,
        funcs: new Int32Array(0),
      };
      if (segment.mode === "active") {
        segment.table = flags & 2 ? r.u32() : 0;
        if (!this.m.tables[segment.table]) r.fail(`unknown table ${segment.table}`, offset);
        segment.offset = this.constExpr(I32);
      }
      const expressions = (flags & 4) !== 0;
      if (flags & 3) {
        const kindOffset = r.pos;
        if (expressions) segment.type = refType(r, "element");
        else if (r.u8() !== 0) r.fail("invalid element kind, 0 expected", kindOffset);
      }
      const table = this.m.tables[segment.table];
      if (segment.mode === "active" && table?.type !== segment.type) {
        r.fail(
          `type mismatch: elements of ${TYPE_NAME[segment.type]} for table ${segment.table}`,
          offset,
        );
      }
      const total = this.count();
      segment.funcs = new Int32Array(total);
      for (let i = 0; i < total; i++) {
        const func = expressions ? this.elementExpr(segment.type) : this.funcIndex();
        if (func >= 0) this.m.declaredFuncs.add(func);
        segment.funcs[i] = func;
      }
      this.m.elements.push(segment);
    }
  }

  data(): void {
    const r: Reader = this.r;
    const sectionOffset = r.pos;
    const total = this.count();
    if (this.m.dataCount !== undefined && this.m.dataCount !== total) {
      r.fail(
        `${total} data segments, but the data count section says ${this.m.dataCount}`,
        sectionOffset,
      );
    }
    for (let n = total; n > 0; n--) {
      const offset = r.pos;
      const flags = r.u32();
      if (flags > 2) r.fail(`invalid data segment flags ${flags}`, offset);
      const segment: DataSegment = {
        mode: flags === 1 ? "passive" : "active",
        offset: undefined,
        bytes: r.bytes.subarray(0, 0),
      };
      if (segment.mode === "active") {
        const memory = flags === 2 ? r.u32() : 0;
        if (memory !== 0) r.unsupported("multi-memory", `memory ${memory}`, offset);
        if (!this.m.memory) r.fail("unknown memory 0", offset);
        segment.offset = this.constExpr(I32);
      }
      segment.bytes = r.take(r.u32());
      this.m.data.push(segment);
    }
  }

  code(): void {
    const r: Reader = this.r;
    const sectionOffset = r.pos;
    const total = this.count();
    if (total !== this.declared.length) {
      r.fail(`${total} bodies for ${this.declared.length} declared functions`, sectionOffset);
    }
    for (const typeIndex of this.declared) {
      const sizeOffset = r.pos;
      const size = r.u32();
      if (size > r.end - r.pos) r.fail("function body reaches beyond the section", sizeOffset);
      const end = r.pos + size;
      const sectionEnd = r.end;
      r.end = end;
      const locals: LocalRun[] = [];
      let total = (this.m.types[typeIndex] as FuncType).params.length;
      for (let runs = r.u32(); runs > 0; runs--) {
        const offset = r.pos;
        const count = r.u32();
        total += count;
        if (total > MAX_LOCALS) r.fail(`more than ${MAX_LOCALS} locals`, offset);
        locals.push({ count, type: valType(r) });
      }
      this.m.funcs.push({ typeIndex, locals, start: r.pos, end });
      r.pos = end;
      r.end = sectionEnd;
    }
  }

  section(id: number): void {
    const r: Reader = this.r;
    switch (id) {
      case 1:
        this.types();
        break;
      case 2:
        this.imports();
        break;
      case 3:
        for (let n = this.count(); n > 0; n--) this.declared.push(this.typeIndex());
        break;
      case 4:
        for (let n = this.count(); n > 0; n--) this.m.tables.push(tableType(r));
        break;
      case 5:
        for (let n = this.count(); n > 0; n--) {
          const offset = r.pos;
          if (this.m.memory) r.unsupported("multi-memory", "a second memory", offset);
          this.m.memory = limits(r, "memory", 65536);
        }
        break;
      case 6:
        for (let n = this.count(); n > 0; n--) {
          const type = valType(r);
          const mutable = this.mutability();
          this.m.globals.push({ type, mutable, init: this.constExpr(type) });
        }
        break;
      case 7:
        this.exports();
        break;
      case 8: {
        const offset = r.pos;
        this.m.start = this.funcIndex();
        const type = this.funcType(this.m.start);
        if (type.params.length + type.results.length > 0) {
          r.fail("the start function must have no parameters and no results", offset);
        }
        break;
      }
      case 9:
        this.elements();
        break;
      case 10:
        this.code();
        break;
      case 11:
        this.data();
        break;
      case 12:
        this.m.dataCount = r.u32();
        break;
    }
  }

  funcType(index: number): FuncType {
    const imported = this.m.funcImports.length;
    return index < imported
      ? funcTypeOf(this.m, index)
      : (this.m.types[this.declared[index - imported] as number] as FuncType);
  }

  custom(): void {
    const name = this.r.name();
    const end = this.r.end;
    // What stands in a custom section is advisory: it never makes a module invalid (5.5.3, 7.4).
    try {
      if (name === "sourceMappingURL") this.m.sourceMapUrl = this.r.name();
      if (name === "name") this.names(end);
    } catch (error) {
      if (!(error instanceof WasmError)) throw error;
    }
    this.r.pos = end;
    this.r.end = end;
  }

  /** The names up to the first that does not parse. */
  names(end: number): void {
    const r: Reader = this.r;
    while (r.pos < end) {
      const id = r.u8();
      const size = r.u32();
      r.end = Math.min(end, r.pos + size);
      const next = r.end;
      const target = id === 1 ? this.m.funcNames : id === 7 ? this.m.globalNames : undefined;
      if (target) {
        for (let n = r.u32(); n > 0; n--) {
          const index = r.u32();
          target.set(index, r.name());
        }
      }
      r.pos = next;
      r.end = end;
    }
  }

  decode(): Module {
    const r: Reader = this.r;
    const size = r.bytes.length;
    if (size < 8) r.fail(`not a wasm module: the file has ${size} bytes`, 0);
    if (r.u32le() !== 0x6d736100) r.fail('not a wasm module: the magic "\\0asm" is missing', 0);
    const version = r.u32le();
    if (version === 0x1000d) r.unsupported("component model", "this file", 4);
    if (version !== 1) r.fail(`unknown wasm version ${version}, 1 expected`, 4);
    let previous = 0;
    while (r.pos < size) {
      r.section = "section header";
      r.end = size;
      const offset = r.pos;
      const id = r.u8();
      if (id === 13) r.unsupported("exception handling", "a tag section", offset);
      if (id >= SECTION.length) r.fail(`unknown section id ${id}`, offset);
      const length = r.u32();
      if (length > size - r.pos) {
        r.fail(
          `the ${SECTION[id]} section claims ${length} bytes, ${size - r.pos} are left: file truncated?`,
          offset,
        );
      }
      r.section = `${SECTION[id]} section`;
      r.end = r.pos + length;
      if (id === 0) {
        this.custom();
        continue;
      }
      const rank = ORDER[id] as number;
      if (rank <= previous) r.fail("section is out of order or duplicated", offset);
      previous = rank;
      this.section(id);
      if (r.pos !== r.end) r.fail(`${r.end - r.pos} bytes too many in the section`);
    }
    r.section = "module";
    if (this.declared.length !== this.m.funcs.length) {
      r.fail(`${this.declared.length} functions declared, ${this.m.funcs.length} bodies`, size);
    }
    if (this.m.dataCount !== undefined && this.m.dataCount !== this.m.data.length) {
      r.fail(
        `the data count section promises ${this.m.dataCount} segments, the file has ${this.m.data.length}`,
        size,
      );
    }
    return this.m;
  }
}

/**
 * Decodes a wasm file.
 * @throws WasmError naming section, byte offset and problem.
 */
export function decodeModule(bytes: Uint8Array): Module {
  return new Decoder(bytes).decode();
}
