// The compiler driver: wasm bytes → relocatable object. Runs the pipeline function by function
// (wasm → ir → regalloc → x64) and lays out code, constants, globals, table and data.
// The contract with guest code is docs/toolchain.md.

import type {
  LineRow,
  ObjectFile,
  ObjectSection,
  ObjectSymbol,
  Relocation,
} from "../elf/object.ts";
import { decodeModule } from "../wasm/decode.ts";
import { WasmError } from "../wasm/reader.ts";
import { type FuncBody, funcTypeOf, type Module } from "../wasm/types.ts";
import { uleb } from "../wasm/writer.ts";
import { type BuildContext, Builder, irSignature, irType } from "./ir/build.ts";
import { Func, type Signature } from "./ir/ir.ts";
import { optimize } from "./ir/optimize.ts";
import { checkAllocation } from "./regalloc/check.ts";
import { allocate } from "./regalloc/resolve.ts";
import { SectionBuilder } from "./section.ts";
import { emitLinuxStart } from "./targets/linux.ts";
import {
  resolveImport,
  STACK_SYMBOL,
  TARGETS,
  type Target,
  type TargetName,
} from "./targets/target.ts";
import { SourceMap } from "./wasm/sourcemap.ts";
import { validateBody } from "./wasm/validate.ts";
import { type EmitContext, emitFunction, JUMP_TABLE_SYMBOL } from "./x64/emit.ts";
import { Encoder } from "./x64/encoder.ts";
import { lowerFunction } from "./x64/lower.ts";
import { registerSet } from "./x64/machine.ts";
import { ConstantPool, POOL_SYMBOL } from "./x64/pool.ts";
import { emitRuntime, SEGMENT } from "./x64/runtime.ts";
import { GLOBALS_SYMBOL, HELPER, PAGES_SYMBOL, TABLE_SYMBOL } from "./x64/symbols.ts";

export interface CompileOptions {
  target: TargetName;
  /** Names the module in messages and in the object. */
  name: string;
  /** Text of the source map asc wrote beside the module. */
  sourceMap?: string;
  /** Instructions beyond the x86-64 baseline that may be used. None by default. */
  features?: { sse41?: boolean; popcnt?: boolean };
  /** Checks every register allocation; for tests, it takes as long as the compilation. */
  verify?: boolean;
}

/** Why a module cannot be compiled; `message` is one complete line. */
export class CompileError extends Error {
  override name = "CompileError";
}

/** Symbol of the first byte of `.text`; code addresses in tables are relative to it. */
const TEXT_SYMBOL = "__aot_text";
/** Symbol prefix of a function by its number, resolved before the object is made. */
const FUNC_PREFIX = "\u0000";
/** Bytes per trap table entry: u64 address, u16 kind, u16 file, u32 line. */
const TRAP_ENTRY = 16;
const TABLE_ENTRY = 16;
/** Type number of a null table entry; real ones start at 0. */
const NULL_TYPE = -1;
/** Gaps between data segments up to this size become zeros in one section. */
const MAX_GAP = 4096;

class Compiler {
  private readonly m: Module;
  private readonly target: Target;
  private readonly o: CompileOptions;
  private readonly map: SourceMap | undefined;
  private readonly signatures: Signature[];
  private readonly canonical: number[];
  private readonly rodata = new SectionBuilder(".rodata", false);
  private readonly data = new SectionBuilder(".data", true);
  private readonly traps = new SectionBuilder(".rodata.traps", false);
  private readonly helpers = new Set<string>();
  private readonly funcOffsets: number[] = [];
  private readonly funcEnds: number[] = [];
  private readonly wrappers = new Map<number, number>();
  private readonly emission: EmitContext;
  private readonly textSymbols: ObjectSymbol[] = [];
  private readonly wasmData: ObjectSection[] = [];

  constructor(bytes: Uint8Array, options: CompileOptions) {
    this.o = options;
    this.target = TARGETS[options.target];
    this.m = decodeModule(bytes);
    this.map = options.sourceMap === undefined ? undefined : new SourceMap(options.sourceMap);
    this.signatures = this.m.types.map(irSignature);
    const byShape = new Map<string, number>();
    this.canonical = this.signatures.map((s, i) => {
      const shape = `${s.params}:${s.results}`;
      const known = byShape.get(shape);
      if (known !== undefined) return known;
      byShape.set(shape, i);
      return i;
    });
    this.emission = {
      e: new Encoder(),
      pool: new ConstantPool(),
      window: this.target.window !== 0n,
      registers: registerSet(this.target.window !== 0n),
      traps: [],
      positions: [],
      jumpTables: [],
      jumpTableSize: 0,
      tableSize: this.m.table?.min ?? 0,
    };
  }

  private get growable(): boolean {
    return this.target.window === undefined;
  }

  compile(): ObjectFile {
    this.checkImports();
    const context = this.context();
    const exported = new Set(this.m.exports.filter((x) => x.kind === "func").map((x) => x.index));
    if (this.m.start !== undefined) exported.add(this.m.start);
    const imported = this.m.funcImports.length;
    this.m.funcs.forEach((body, i) => {
      this.function(context, body, i, exported.has(imported + i));
    });
    this.makeWrappers(context);
    this.startCode();
    this.runtime();
    this.globals();
    this.table();
    this.segments();
    this.constants();
    this.trapTable();
    return this.object();
  }

  private checkImports(): void {
    const bad = this.m.globalImports[0];
    if (bad) {
      throw new WasmError(
        "import section",
        bad.offset,
        `imported global "${bad.module}.${bad.name}" is not supported: declare it in the module`,
      );
    }
    const table = this.m.tableImport;
    if (table) {
      throw new WasmError(
        "import section",
        table.offset,
        `imported table "${table.module}.${table.name}" is not supported`,
      );
    }
  }

  private context(): BuildContext {
    const { m } = this;
    const imported = m.funcImports.length;
    const meanings = m.funcImports.map((entry) => {
      try {
        return resolveImport(
          this.target,
          entry.module,
          entry.name,
          this.signatures[entry.typeIndex] as Signature,
        );
      } catch (error) {
        throw new WasmError("import section", entry.offset, (error as Error).message);
      }
    });
    const constants = m.globals.map((g) =>
      !g.mutable && g.init.kind === "const"
        ? { type: irType(g.type), bits: g.init.bits }
        : undefined,
    );
    return {
      module: m,
      signatures: this.signatures,
      canonicalType: this.canonical,
      globalConst: (index) => constants[index - m.globalImports.length],
      target: (index) => {
        if (index >= imported) {
          const signature = this.signatures[
            (m.funcs[index - imported] as FuncBody).typeIndex
          ] as Signature;
          return { signature, func: index - imported, symbol: FUNC_PREFIX + (index - imported) };
        }
        const meaning = meanings[index] as (typeof meanings)[number];
        if (meaning.kind === "intrinsic") return meaning.call;
        const entry = m.funcImports[index] as (typeof m.funcImports)[number];
        return {
          signature: this.signatures[entry.typeIndex] as Signature,
          func: -1,
          symbol: meaning.symbol,
        };
      },
    };
  }

  private funcName(index: number): string {
    return this.m.funcNames.get(index) ?? `function ${index}`;
  }

  private function(context: BuildContext, body: FuncBody, i: number, exported: boolean): void {
    const facts = validateBody(this.m, i);
    const index = this.m.funcImports.length + i;
    if (!this.target.sse && facts.usesFloat) {
      const { offset, name } = facts.usesFloat;
      throw new WasmError(
        `code section, function ${index}${this.m.funcNames.has(index) ? ` (${this.m.funcNames.get(index)})` : ""}`,
        offset,
        `${name} needs floating point, which target ${this.target.name} does not use`,
      );
    }
    const f = new Func(this.funcName(index), this.signatures[body.typeIndex] as Signature);
    new Builder(f, context, body, facts).build();
    this.generate(f, i, exported);
  }

  private generate(f: Func, slot: number, exported: boolean): void {
    const { e } = this.emission;
    optimize(f);
    const lir = lowerFunction(f, {
      window: this.emission.window,
      growable: this.growable,
      pool: this.emission.pool,
      helpers: this.helpers,
      exported,
      features: {
        sse41: this.o.features?.sse41 ?? false,
        popcnt: this.o.features?.popcnt ?? false,
      },
    });
    const allocation = allocate(lir, this.emission.registers);
    if (this.o.verify) checkAllocation(lir, allocation);
    while (e.length & 15) e.u8(0xcc);
    this.funcOffsets[slot] = e.length;
    emitFunction(this.emission, lir, allocation);
    this.funcEnds[slot] = e.length;
  }

  /** Functions around imports that are called through the table or exported. */
  private makeWrappers(context: BuildContext): void {
    const imported = this.m.funcImports.length;
    const wanted = new Set<number>();
    for (const segment of this.m.elements) {
      for (const func of segment.funcs) if (func >= 0 && func < imported) wanted.add(func);
    }
    for (const index of wanted) {
      const target = context.target(index);
      if (!("emit" in target)) continue;
      const slot = this.funcOffsets.length;
      const entry = this.m.funcImports[index] as (typeof this.m.funcImports)[number];
      const signature = this.signatures[entry.typeIndex] as Signature;
      const f = new Func(`${entry.module}.${entry.name}`, signature);
      // A body `local.get 0 … call index end`, built like any other.
      const code: number[] = [];
      signature.params.forEach((_, p) => {
        code.push(0x20, ...uleb(p));
      });
      code.push(0x10, ...uleb(index), 0x0b);
      const bytes = Uint8Array.from(code);
      const module = { ...this.m, bytes };
      const type = funcTypeOf(this.m, index);
      const body: FuncBody = {
        typeIndex: entry.typeIndex,
        locals: type.params.slice(),
        start: 0,
        end: bytes.length,
      };
      new Builder(f, { ...context, module }, body, {
        loopLocals: new Map(),
        usesFloat: undefined,
      }).build();
      this.generate(f, slot, true);
      this.wrappers.set(index, slot);
    }
  }

  private textSymbol(name: string, start: number, end: number, global: boolean): void {
    this.textSymbols.push({
      name,
      section: 0,
      value: BigInt(start),
      size: end - start,
      kind: "func",
      global,
    });
  }

  private startCode(): void {
    if (this.target.name !== "linux") return;
    const { m } = this;
    const main = m.exports.find((x) => x.kind === "func" && x.name === "main");
    if (!main || main.index < m.funcImports.length) {
      throw new CompileError("target linux needs an exported function main(): i32");
    }
    const type = funcTypeOf(m, main.index);
    if (type.params.length > 0 || type.results.length > 1) {
      throw new CompileError(
        "target linux calls the export main without arguments; declare it as main(): i32",
      );
    }
    const { e } = this.emission;
    while (e.length & 15) e.u8(0xcc);
    const start = e.length;
    const size = (m.memory?.min ?? 0) * 65536;
    const segments: { symbol: string; offset: number; length: number }[] = [];
    m.data.forEach((segment, i) => {
      if (segment.mode !== "active" || segment.bytes.length === 0) return;
      const offset = this.constOffset(segment.offset);
      if (offset + segment.bytes.length > size) {
        throw new CompileError(
          `data segment ${i} (offset ${offset}, ${segment.bytes.length} bytes) reaches beyond the initial memory of ${size} bytes`,
        );
      }
      const symbol = `__aot_segment.${i}`;
      this.rodata.define(symbol, segment.bytes, 16);
      segments.push({ symbol, offset, length: segment.bytes.length });
    });
    const own = (index: number): string => FUNC_PREFIX + (index - m.funcImports.length);
    emitLinuxStart(e, {
      pages: m.memory?.min ?? 0,
      segments,
      startFunction: m.start === undefined ? undefined : own(m.start),
      main: own(main.index),
      mainReturns: type.results.length === 1,
    });
    this.textSymbol("_start", start, e.length, true);
    const pages = new Uint8Array(4);
    new DataView(pages.buffer).setUint32(0, m.memory?.min ?? 0, true);
    this.data.define(PAGES_SYMBOL, pages, 8);
    this.data.define(STACK_SYMBOL, new Uint8Array(8), 8);
  }

  private runtime(): void {
    const { e } = this.emission;
    const c = {
      e,
      traps: this.emission.traps,
      window: this.emission.window,
      growable: this.growable,
      maxPages: this.m.memory?.max ?? 65536,
      tableSize: this.emission.tableSize,
    };
    for (const name of this.helpers) {
      while (e.length & 15) e.u8(0xcc);
      const start = e.length;
      this.emission.positions.push({ offset: start, pos: 0 });
      emitRuntime(c, name);
      this.textSymbol(name, start, e.length, false);
    }
  }

  private constOffset(expr: { kind: string; bits?: bigint } | undefined): number {
    return Number(BigInt.asUintN(32, expr?.bits ?? 0n));
  }

  private globals(): void {
    const { m } = this;
    if (m.globals.length === 0) return;
    const bytes = new Uint8Array(m.globals.length * 8);
    const view = new DataView(bytes.buffer);
    m.globals.forEach((g, i) => {
      if (g.init.kind === "const")
        view.setBigUint64(
          i * 8,
          BigInt.asUintN(g.type === 0x7e || g.type === 0x7c ? 64 : 32, g.init.bits),
          true,
        );
    });
    const base = this.data.define(GLOBALS_SYMBOL, bytes, 16);
    m.globals.forEach((g, i) => {
      const name = m.globalNames.get(i);
      const size = g.type === 0x7e || g.type === 0x7c ? 8 : 4;
      if (name) this.data.symbols.push({ name, offset: base + i * 8, size });
    });
  }

  /** 16-byte table entries for functions, with relocations into `section`. */
  private entries(section: SectionBuilder, symbol: string, funcs: number[]): void {
    const bytes = new Uint8Array(funcs.length * TABLE_ENTRY);
    const view = new DataView(bytes.buffer);
    section.align(16);
    const base = section.length;
    const imported = this.m.funcImports.length;
    funcs.forEach((func, i) => {
      const at = i * TABLE_ENTRY;
      if (func < 0) {
        view.setInt32(at + 8, NULL_TYPE, true);
        return;
      }
      const typeIndex =
        func < imported
          ? (this.m.funcImports[func] as (typeof this.m.funcImports)[number]).typeIndex
          : (this.m.funcs[func - imported] as FuncBody).typeIndex;
      view.setInt32(at + 8, this.canonical[typeIndex] as number, true);
      const slot = func < imported ? this.wrappers.get(func) : func - imported;
      section.relocations.push(
        slot === undefined
          ? {
              offset: base + at,
              kind: "abs64",
              symbol: (this.m.funcImports[func] as { name: string }).name,
              addend: 0,
            }
          : {
              offset: base + at,
              kind: "abs64",
              symbol: TEXT_SYMBOL,
              addend: this.funcOffsets[slot] as number,
            },
      );
    });
    section.define(symbol, bytes, 16);
  }

  private table(): void {
    const { m } = this;
    if (!m.table) return;
    const size = m.table.min;
    const funcs: number[] = new Array(size).fill(-1);
    m.elements.forEach((segment, i) => {
      if (segment.mode !== "active") return;
      const offset = this.constOffset(segment.offset);
      if (offset + segment.funcs.length > size) {
        throw new CompileError(
          `element segment ${i} (offset ${offset}, ${segment.funcs.length} entries) reaches beyond the table of ${size} entries`,
        );
      }
      segment.funcs.forEach((func, n) => {
        funcs[offset + n] = func;
      });
    });
    // Only table.init and table.copy change a table.
    const changes = [...this.helpers].some(
      (h) => h === HELPER.tableCopy || h.startsWith(HELPER.tableInit),
    );
    this.entries(changes ? this.data : this.rodata, TABLE_SYMBOL, funcs);
  }

  private segments(): void {
    const { m } = this;
    for (const name of this.helpers) {
      const i = Number(name.slice(name.lastIndexOf(".") + 1));
      const size = new Uint8Array(4);
      const view = new DataView(size.buffer);
      if (name.startsWith(HELPER.init) || name.startsWith(HELPER.drop)) {
        const segment = m.data[i] as (typeof m.data)[number];
        if (this.data.symbols.some((s) => s.name === SEGMENT.dataSize + i)) continue;
        // An active segment is dropped once memory is initialized.
        view.setUint32(0, segment.mode === "passive" ? segment.bytes.length : 0, true);
        this.data.define(SEGMENT.dataSize + i, size, 4);
        this.rodata.define(
          SEGMENT.data + i,
          segment.mode === "passive" ? segment.bytes : new Uint8Array(0),
          8,
        );
      } else if (name.startsWith(HELPER.tableInit) || name.startsWith(HELPER.elemDrop)) {
        const segment = m.elements[i] as (typeof m.elements)[number];
        if (this.data.symbols.some((s) => s.name === SEGMENT.elementsSize + i)) continue;
        const funcs = segment.mode === "passive" ? segment.funcs : [];
        view.setUint32(0, funcs.length, true);
        this.data.define(SEGMENT.elementsSize + i, size, 4);
        this.entries(this.rodata, SEGMENT.elements + i, funcs);
      }
    }
    if (this.target.window !== undefined) this.placeData(this.target.window);
  }

  /** Active segments at their fixed addresses; what lies between them is zero. */
  private placeData(window: bigint): void {
    const memory = new Map<number, Uint8Array>();
    this.m.data.forEach((segment, i) => {
      if (segment.mode !== "active" || segment.bytes.length === 0) return;
      const offset = this.constOffset(segment.offset);
      if (offset + segment.bytes.length > 2 ** 32) {
        throw new CompileError(`data segment ${i} at offset ${offset} reaches beyond 4 GiB`);
      }
      memory.set(offset, segment.bytes);
    });
    const heapBase = this.heapBase();
    const sorted = [...memory].sort((a, b) => a[0] - b[0]);
    for (let i = 0; i < sorted.length; ) {
      const start = (sorted[i] as [number, Uint8Array])[0];
      let end = start;
      let j = i;
      for (; j < sorted.length; j++) {
        const [offset, bytes] = sorted[j] as [number, Uint8Array];
        if (j > i && offset - end > MAX_GAP) break;
        end = Math.max(end, offset + bytes.length);
      }
      const data = new Uint8Array(end - start);
      for (let k = i; k < j; k++) {
        const [offset, bytes] = sorted[k] as [number, Uint8Array];
        data.set(bytes, offset - start);
      }
      const next = sorted[j]?.[0] ?? Math.max(end, heapBase);
      this.wasmData.push({
        name: ".wasm.data",
        writable: true,
        executable: false,
        align: 1,
        data,
        memSize: next - start,
        address: window + BigInt(start),
      });
      i = j;
    }
  }

  /** End of static memory by asc's global `~lib/memory/__heap_base`, or 0 when it is not there. */
  private heapBase(): number {
    for (const [index, name] of this.m.globalNames) {
      const global = this.m.globals[index];
      if (name === "~lib/memory/__heap_base" && global?.init.kind === "const")
        return Number(global.init.bits);
    }
    const exported = this.m.exports.find((x) => x.kind === "global" && x.name === "__heap_base");
    const init = exported ? this.m.globals[exported.index]?.init : undefined;
    return init?.kind === "const" ? Number(init.bits) : 0;
  }

  private constants(): void {
    const { emission } = this;
    if (emission.pool.used) this.rodata.define(POOL_SYMBOL, emission.pool.content(), 16);
    if (emission.jumpTables.length > 0) {
      const base = this.rodata.define(JUMP_TABLE_SYMBOL, new Uint8Array(emission.jumpTableSize), 8);
      for (const table of emission.jumpTables) {
        table.targets.forEach((target, i) => {
          // Entries are relative to the start of their table.
          this.rodata.relocations.push({
            offset: base + table.offset + i * 4,
            kind: "pc32",
            symbol: TEXT_SYMBOL,
            addend: target + i * 4,
          });
        });
      }
    }
  }

  private trapTable(): void {
    const { traps } = this.emission;
    const files: string[] = [];
    const bytes = new Uint8Array(traps.length * TRAP_ENTRY);
    const view = new DataView(bytes.buffer);
    traps.sort((a, b) => a.offset - b.offset);
    traps.forEach(({ offset, kind, pos }, i) => {
      const at = i * TRAP_ENTRY;
      const source = pos ? this.map?.at(pos) : undefined;
      let file = 0;
      if (source) {
        file = files.indexOf(source.file) + 1;
        if (file === 0) file = files.push(source.file);
      }
      view.setUint16(at + 8, kind, true);
      view.setUint16(at + 10, file, true);
      view.setUint32(at + 12, source?.line ?? 0, true);
      this.traps.relocations.push({
        offset: at,
        kind: "abs64",
        symbol: TEXT_SYMBOL,
        addend: offset,
      });
    });
    this.traps.define("__aot_traps_start", bytes, 16);
    this.traps.symbols.push({ name: "__aot_traps_end", offset: bytes.length, size: 0 });
    const names = new TextEncoder().encode(`\u0000${files.map((f) => `${f}\u0000`).join("")}`);
    this.rodata.define("__aot_trap_files", names, 1);
  }

  private object(): ObjectFile {
    const { e } = this.emission;
    const { m } = this;
    const relocations: Relocation[] = [];
    for (const fixup of e.fixups) {
      if (fixup.symbol.startsWith(FUNC_PREFIX)) {
        const target = this.funcOffsets[Number(fixup.symbol.slice(1))] as number;
        e.patch32(fixup.offset, target + fixup.addend - fixup.offset);
      } else {
        const local = this.textSymbols.find((s) => s.name === fixup.symbol && !s.global);
        if (local && fixup.kind === "pc32") {
          e.patch32(fixup.offset, Number(local.value) + fixup.addend - fixup.offset);
        } else relocations.push({ section: 0, ...fixup });
      }
    }
    const imported = m.funcImports.length;
    const symbols: ObjectSymbol[] = [
      { name: TEXT_SYMBOL, section: 0, value: 0n, size: 0, kind: "none", global: false },
    ];
    const taken = new Set<string>();
    const exportedNames = new Map<number, string[]>();
    for (const x of m.exports) {
      if (x.kind !== "func" || x.index < imported) continue;
      exportedNames.set(x.index, [...(exportedNames.get(x.index) ?? []), x.name]);
      taken.add(x.name);
    }
    m.funcs.forEach((_, i) => {
      const index = imported + i;
      const start = this.funcOffsets[i] as number;
      const end = this.funcEnds[i] as number;
      for (const name of exportedNames.get(index) ?? []) this.textSymbol(name, start, end, true);
      if (m.start === index) this.textSymbol("__wasm_start", start, end, true);
      const own = m.funcNames.get(index);
      if (own !== undefined) {
        let name = own;
        for (let n = 1; taken.has(name); n++) name = `${own}$${n}`;
        taken.add(name);
        this.textSymbol(name, start, end, false);
      } else if (!exportedNames.has(index))
        this.textSymbol(`wasm-function[${index}]`, start, end, false);
    });
    symbols.push(...this.textSymbols);
    const sections: ObjectSection[] = [
      {
        name: ".text",
        writable: false,
        executable: true,
        align: 16,
        data: e.bytes.slice(0, e.length),
        memSize: e.length,
      },
    ];
    const globals = new Set(["__aot_traps_start", "__aot_traps_end", "__aot_trap_files"]);
    for (const builder of [this.rodata, this.data, this.traps]) {
      if (builder.length === 0 && builder.symbols.length === 0) continue;
      const section = sections.length;
      const data = builder.data();
      sections.push({
        name: builder.name,
        writable: builder.writable,
        executable: false,
        align: 16,
        data,
        memSize: data.length,
      });
      for (const r of builder.relocations) relocations.push({ section, ...r });
      for (const s of builder.symbols) {
        symbols.push({
          name: s.name,
          section,
          value: BigInt(s.offset),
          size: s.size,
          kind: "object",
          global: globals.has(s.name),
        });
      }
      if (builder === this.data) {
        const base = builder.symbols.find((s) => s.name === GLOBALS_SYMBOL)?.offset ?? 0;
        for (const x of m.exports) {
          if (x.kind !== "global") continue;
          const type = m.globals[x.index]?.type;
          const size = type === 0x7e || type === 0x7c ? 8 : 4;
          symbols.push({
            name: x.name,
            section,
            value: BigInt(base + x.index * 8),
            size,
            kind: "object",
            global: true,
          });
        }
      }
    }
    sections.push(...this.wasmData);
    const object: ObjectFile = { name: this.o.name, sections, symbols, relocations };
    if (this.map) object.lines = this.lineRows(this.map);
    return object;
  }

  private lineRows(map: SourceMap): LineRow[] {
    const rows: LineRow[] = [];
    let last: LineRow | undefined;
    for (const { offset, pos } of this.emission.positions) {
      const source = pos ? map.at(pos) : undefined;
      const row: LineRow = {
        section: 0,
        offset,
        file: source?.file ?? "",
        line: source?.line ?? 0,
        column: source?.column ?? 0,
      };
      if (last && last.file === row.file && last.line === row.line && last.column === row.column)
        continue;
      rows.push(row);
      last = row;
    }
    return rows;
  }
}

/**
 * Compiles a wasm module to a relocatable x86-64 object.
 * @throws CompileError with one line naming file, section, byte offset and problem.
 */
export function compile(wasm: Uint8Array, options: CompileOptions): ObjectFile {
  try {
    return new Compiler(wasm, options).compile();
  } catch (error) {
    if (error instanceof WasmError || error instanceof CompileError) {
      throw new CompileError(`${options.name}: ${error.message}`);
    }
    throw error;
  }
}
