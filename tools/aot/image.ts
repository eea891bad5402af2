// The object file of a module: constants, globals, the function table and memory around the code,
// their symbols and relocations. May assume that all functions are compiled and their offsets known;
// every reference of the code is resolved or a relocation afterwards.

import {
  type AddressTable,
  NO_ADDRESS,
  type ObjectFile,
  type ObjectSection,
  type ObjectSymbol,
  type Relocation,
} from "../elf/index.ts";
import { isVisible, percentEncode } from "../wasm/names.ts";
import {
  type ConstExpr,
  EXTERNREF,
  F64,
  FUNCREF,
  type GlobalType,
  I64,
  type Module,
  type RefType,
  V128,
} from "../wasm/types.ts";
import { callFrames, type RoutineFrame } from "./debug/frames.ts";
import type { DebugFunctions } from "./debug/functions.ts";
import { CompileError } from "./error.ts";
import { exportSymbol, LocalNames } from "./names.ts";
import { SectionBuilder } from "./section.ts";
import type { Target } from "./targets/target.ts";
import { lineRows, TRAP_ENTRY, trapTable } from "./traps.ts";
import type { SourceMap } from "./wasm/sourcemap.ts";
import type { EmitContext } from "./x64/emit.ts";
import type { GlobalPlace } from "./x64/lower.ts";
import { tableCapacity } from "./x64/runtime.ts";
import {
  external,
  externalName,
  FUNCTIONS_SYMBOL,
  functionSlot,
  GLOBALS_SYMBOL,
  HELPER,
  helperNumbers,
  JUMP_TABLE_SYMBOL,
  POOL_SYMBOL,
  SEGMENT,
} from "./x64/symbols.ts";

/** Bytes of a table entry of functions: u64 code address, u32 type number, 0 for null, u32 function number. */
const TABLE_ENTRY = 16;
const entrySize = (type: RefType): number => (type === FUNCREF ? TABLE_ENTRY : 8);
/** Gaps between data segments up to this size become zeros in one section. */
const MAX_GAP = 4096;
/** A table with more null bytes than this at its end gets a section that does not store them. */
const MAX_NULL_TAIL = 65536;
const TEXT = ".text";

/** What the driver has compiled. */
export interface CompiledCode {
  module: Module;
  target: Target;
  emission: EmitContext;
  /** Type numbers for tables by type index, from 1 on; equal types have equal numbers. */
  typeNumbers: number[];
  /** Start and end of each compiled function in the code: the module's own, then wrappers. */
  starts: number[];
  ends: number[];
  /** Slot of the wrapper around an imported function, by its index. */
  wrappers: Map<number, number>;
  /** Slot of the entry for callers from outside, by the function's index, where it needs one. */
  adapters: Map<number, number>;
  /** Numbers of functions as references, by function index, from 1 on. */
  functionNumbers: Map<number, number>;
  /** Whether table entries need the numbers of their functions. */
  references: boolean;
  /** Tables that instructions of functions store into. */
  changedTables: Set<number>;
  /** Routines of the run time that the code calls, by HELPER name. */
  helpers: Set<string>;
  /** Symbols of code that is not a function of the module. */
  routines: (RoutineFrame & { name: string })[];
  map: SourceMap | undefined;
  debug: DebugFunctions | undefined;
}

/** Value of the offset of an active segment. */
export function segmentOffset(expr: ConstExpr | undefined): number {
  return expr?.kind === "const" ? Number(BigInt.asUintN(32, expr.bits)) : 0;
}

/** The first active element segment that does not fit into the table, or -1. */
export function strayElements(m: Module): number {
  return m.elements.findIndex(
    (s) =>
      s.mode === "active" &&
      segmentOffset(s.offset) + s.funcs.length > (m.tables[s.table]?.min ?? 0),
  );
}

const sizeOf = ({ type }: GlobalType): number => {
  if (type === V128) return 16;
  return type === I64 || type === F64 || type === EXTERNREF ? 8 : 4;
};

/** Where globals are, by index: imported ones are symbols of other objects. */
export function globalPlaces(m: Module): GlobalPlace[] {
  const imported = m.globalImports.map(({ name }) => ({ symbol: external(name), offset: 0 }));
  const { offsets } = globalOffsets(m);
  return [...imported, ...offsets.map((offset) => ({ symbol: GLOBALS_SYMBOL, offset }))];
}

/** Offsets of the module's own globals, 8 or 16 bytes each, and the size of all. */
function globalOffsets(m: Module): { offsets: number[]; size: number } {
  let size = 0;
  const offsets = m.globals.map(({ type }) => {
    if (type === V128) size = (size + 15) & ~15;
    const offset = size;
    size += type === V128 ? 16 : 8;
    return offset;
  });
  return { offsets, size };
}

/** Collects the sections of one object. */
export class ImageBuilder {
  private readonly code: CompiledCode;
  private readonly m: Module;
  private readonly rodata = new SectionBuilder(".rodata", false);
  private readonly data = new SectionBuilder(".data", true);
  private readonly traps = new SectionBuilder(".rodata.traps", false);
  /** Tables that grow, each with its room. */
  private readonly growing: SectionBuilder[] = [];
  private readonly wasmData: ObjectSection[] = [];
  /** Where the compiler's data symbols are. */
  private readonly places = new Map<string, { section: SectionBuilder; offset: number }>();
  private globalsBase = 0;

  constructor(code: CompiledCode) {
    this.code = code;
    this.m = code.module;
  }

  /** Puts bytes behind a symbol of the compiler's. */
  define(where: "rodata" | "data", name: string, bytes: Uint8Array, align: number): void {
    this.defineIn(this[where], name, bytes, align);
  }

  private defineIn(
    section: SectionBuilder,
    name: string,
    bytes: Uint8Array,
    align: number,
    size = bytes.length,
  ): number {
    const offset = section.define(name, bytes, align, size);
    this.places.set(name, { section, offset });
    return offset;
  }

  /** Lays everything out and returns the object, called `name`. */
  build(name: string): ObjectFile {
    if (this.code.references) this.numberFunctions();
    this.globals();
    this.m.tables.forEach((_, i) => {
      this.functionTable(i);
    });
    this.passiveSegments();
    if (this.code.references) this.functions();
    if (this.code.target.window !== undefined) this.placeData(this.code.target.window);
    this.constants();
    this.trapTable();
    return this.object(name);
  }

  private globals(): void {
    const { m } = this;
    if (m.globals.length === 0) return;
    const { offsets, size } = globalOffsets(m);
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    m.globals.forEach((g, i) => {
      const { init } = g;
      let bits = 0n;
      if (init.kind === "const") bits = init.bits;
      else if (init.kind === "func") bits = BigInt(this.number(init.index));
      const offset = offsets[i] as number;
      view.setBigUint64(offset, BigInt.asUintN(Math.min(sizeOf(g), 8) * 8, bits), true);
      if (g.type === V128) view.setBigUint64(offset + 8, BigInt.asUintN(64, bits >> 64n), true);
    });
    this.globalsBase = this.defineIn(this.data, GLOBALS_SYMBOL, bytes, 16);
  }

  private number(func: number): number {
    return this.code.functionNumbers.get(func) as number;
  }

  /** Any function of an element segment may become a reference. */
  private numberFunctions(): void {
    const { functionNumbers: numbers } = this.code;
    for (const { funcs } of this.m.elements) {
      for (const f of funcs) if (f >= 0 && !numbers.has(f)) numbers.set(f, numbers.size + 1);
    }
  }

  /** The table entries that references stand for. */
  private functions(): void {
    const funcs = Int32Array.from([-1, ...this.code.functionNumbers.keys()]);
    this.entries(this.rodata, FUNCTIONS_SYMBOL, FUNCREF, funcs, funcs.length);
  }

  /** Entries of `funcs` (-1 is null) behind a symbol; `size` entries in all, the rest null. */
  private entries(
    section: SectionBuilder,
    symbol: string,
    type: RefType,
    funcs: Int32Array,
    size: number,
  ): void {
    const { m, code } = this;
    if (type !== FUNCREF) {
      // All are null: nothing else is known before the program runs.
      const bytes = new Uint8Array(funcs.length * entrySize(type));
      this.defineIn(section, symbol, bytes, 16, size * entrySize(type));
      return;
    }
    const bytes = new Uint8Array(funcs.length * TABLE_ENTRY);
    const view = new DataView(bytes.buffer);
    const addends = new Uint32Array(funcs.length).fill(NO_ADDRESS);
    const imported = m.funcImports.length;
    funcs.forEach((func, i) => {
      if (func < 0) return;
      const own = func >= imported;
      const typeIndex = own ? m.funcs[func - imported]?.typeIndex : m.funcImports[func]?.typeIndex;
      const slot = own ? func - imported : (code.wrappers.get(func) as number);
      view.setInt32(i * TABLE_ENTRY + 8, code.typeNumbers[typeIndex as number] as number, true);
      if (code.references) view.setUint32(i * TABLE_ENTRY + 12, this.number(func), true);
      addends[i] = code.starts[slot] as number;
    });
    const offset = this.defineIn(section, symbol, bytes, 16, size * TABLE_ENTRY);
    section.addresses.push({ offset, stride: TABLE_ENTRY, addends });
  }

  private functionTable(index: number): void {
    const { m } = this;
    const place = this.code.emission.tables[index] as EmitContext["tables"][number];
    const { type, min: size, symbol, sizeSymbol } = place;
    const active = m.elements.filter((s) => s.mode === "active" && s.table === index);
    // A stray segment leaves no program that could look into the table.
    const fits = strayElements(m) < 0;
    if (!fits && this.code.target.name !== "linux") {
      throw new CompileError(
        `element segment ${strayElements(m)} reaches beyond the table of ${m.tables[m.elements[strayElements(m)]?.table ?? 0]?.min} entries`,
      );
    }
    const last = active.map((s) => segmentOffset(s.offset) + s.funcs.length);
    const used = fits ? last.reduce((a, b) => Math.max(a, b), 0) : 0;
    const funcs = new Int32Array(used).fill(-1);
    if (fits) for (const s of active) funcs.set(s.funcs, segmentOffset(s.offset));
    if (sizeSymbol !== undefined) {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, size, true);
      this.define("data", sizeSymbol, bytes, 4);
      const section = new SectionBuilder(".data.table", true);
      this.growing.push(section);
      this.entries(section, symbol, type, funcs, tableCapacity(place));
      return;
    }
    const tail = (size - used) * entrySize(type);
    if (tail > MAX_NULL_TAIL) {
      const section = new SectionBuilder(".data.table", true);
      this.growing.push(section);
      this.entries(section, symbol, type, funcs, size);
      return;
    }
    const all = new Int32Array(size).fill(-1);
    all.set(funcs);
    this.entries(this.changes(index) ? this.data : this.rodata, symbol, type, all, size);
  }

  /** Whether instructions store into the table. */
  private changes(table: number): boolean {
    const { changedTables, helpers } = this.code;
    if (changedTables.has(table)) return true;
    return [...helpers].some((name) => {
      const [first, second] = helperNumbers(name);
      if (name.startsWith(HELPER.tableInit)) return second === table;
      const stores = name.startsWith(HELPER.tableCopy) || name.startsWith(HELPER.tableFill);
      return stores && first === table;
    });
  }

  private passiveSegments(): void {
    const { m } = this;
    for (const name of this.code.helpers) {
      const i = helperNumbers(name)[0] as number;
      const size = new Uint8Array(4);
      const view = new DataView(size.buffer);
      // Active and declarative segments are dropped once the module is instantiated.
      if (name.startsWith(HELPER.init) || name.startsWith(HELPER.drop)) {
        const segment = m.data[i];
        if (!segment || this.places.has(SEGMENT.dataSize + i)) continue;
        const bytes = segment.mode === "passive" ? segment.bytes : new Uint8Array(0);
        view.setUint32(0, bytes.length, true);
        this.defineIn(this.data, SEGMENT.dataSize + i, size, 4);
        this.defineIn(this.rodata, SEGMENT.data + i, bytes, 8);
      } else if (name.startsWith(HELPER.tableInit) || name.startsWith(HELPER.elemDrop)) {
        const segment = m.elements[i];
        if (!segment || this.places.has(SEGMENT.elementsSize + i)) continue;
        const funcs = segment.mode === "passive" ? segment.funcs : new Int32Array(0);
        view.setUint32(0, funcs.length, true);
        this.defineIn(this.data, SEGMENT.elementsSize + i, size, 4);
        this.entries(this.rodata, SEGMENT.elements + i, segment.type, funcs, funcs.length);
      }
    }
  }

  /** Active segments at their fixed addresses; what lies between them is zero. */
  private placeData(window: bigint): void {
    const pieces: { offset: number; bytes: Uint8Array; order: number }[] = [];
    this.m.data.forEach((segment, i) => {
      if (segment.mode !== "active" || segment.bytes.length === 0) return;
      const offset = segmentOffset(segment.offset);
      if (offset + segment.bytes.length > 2 ** 32) {
        throw new CompileError(`data segment ${i} at offset ${offset} reaches beyond 4 GiB`);
      }
      pieces.push({ offset, bytes: segment.bytes, order: i });
    });
    const heapBase = this.heapBase();
    pieces.sort((a, b) => a.offset - b.offset);
    for (let i = 0; i < pieces.length; ) {
      const start = pieces[i]?.offset as number;
      let end = start;
      let j = i;
      for (; j < pieces.length; j++) {
        const { offset, bytes } = pieces[j] as (typeof pieces)[number];
        if (j > i && offset - end > MAX_GAP) break;
        end = Math.max(end, offset + bytes.length);
      }
      const data = new Uint8Array(end - start);
      // Where segments overlap the later one of the module holds.
      const group = pieces.slice(i, j).sort((a, b) => a.order - b.order);
      for (const { offset, bytes } of group) data.set(bytes, offset - start);
      const next = pieces[j]?.offset ?? Math.max(end, heapBase);
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
    const { m } = this;
    const own = (index: number) => m.globals[index - m.globalImports.length];
    for (const [index, name] of m.globalNames) {
      const global = own(index);
      if (name === "~lib/memory/__heap_base" && global) return segmentOffset(global.init);
    }
    const exported = m.exports.find((x) => x.kind === "global" && x.name === "__heap_base");
    return segmentOffset(exported && own(exported.index)?.init);
  }

  private constants(): void {
    const { emission } = this.code;
    if (emission.pool.used) this.define("rodata", POOL_SYMBOL, emission.pool.content(), 16);
    if (emission.jumpTables.length === 0) return;
    const base = this.defineIn(
      this.rodata,
      JUMP_TABLE_SYMBOL,
      new Uint8Array(emission.jumpTableSize),
      8,
    );
    for (const table of emission.jumpTables) {
      table.targets.forEach((target, i) => {
        // Entries are relative to the start of their table.
        this.rodata.relocations.push({
          offset: base + table.offset + i * 4,
          kind: "pc32",
          symbol: TEXT,
          scope: 0,
          addend: target + i * 4,
        });
      });
    }
  }

  private trapTable(): void {
    const { entries, offsets, files } = trapTable(this.code.emission.traps, this.code.map);
    this.defineIn(this.traps, "__aot_traps_start", entries, 16);
    this.traps.symbols.push({ name: "__aot_traps_end", offset: entries.length, size: 0 });
    this.traps.addresses.push({ offset: 0, stride: TRAP_ENTRY, addends: offsets });
    this.define("rodata", "__aot_trap_files", files, 1);
  }

  /** Symbols of all functions: exports are global ones, the others have names for debuggers. */
  private functionSymbols(): ObjectSymbol[] {
    const { m, code } = this;
    const symbols: ObjectSymbol[] = [];
    const add = (name: string, start: number, end: number, global: boolean): void => {
      symbols.push({
        name,
        section: 0,
        value: BigInt(start),
        size: end - start,
        kind: "func",
        global,
      });
    };
    for (const r of code.routines) add(r.name, r.start, r.end, r.kind === "outermost");
    const imported = m.funcImports.length;
    const slotOf = (index: number): number | undefined =>
      code.adapters.get(index) ?? (index < imported ? code.wrappers.get(index) : index - imported);
    const ofSlot = (slot: number, name: string, global: boolean): void =>
      add(name, code.starts[slot] as number, code.ends[slot] as number, global);
    const exported = new Map<number, string>();
    const exports: string[] = [];
    for (const x of m.exports) {
      const slot = x.kind === "func" ? slotOf(x.index) : undefined;
      if (slot === undefined) continue;
      const symbol = exportSymbol(x.name);
      exports.push(symbol);
      exported.set(x.index, x.name);
      ofSlot(slot, symbol, true);
    }
    const start = m.start === undefined ? undefined : slotOf(m.start);
    if (start !== undefined) ofSlot(start, "__wasm_start", true);
    const locals = new LocalNames(exports);
    m.funcs.forEach((_, slot) => {
      const index = imported + slot;
      const own = m.funcNames.get(index);
      if (own === undefined || own === "") {
        if (!exported.has(index) || code.adapters.has(index))
          ofSlot(slot, `wasm-function[${index}]`, false);
      } else if (own !== exported.get(index) || code.adapters.has(index))
        ofSlot(slot, locals.unique(exportSymbol(own)), false);
    });
    return symbols;
  }

  /** Appends the symbols of the module's globals, which are in `section`. */
  private globalSymbols(section: number, symbols: ObjectSymbol[]): void {
    const { m } = this;
    const imported = m.globalImports.length;
    const places = globalPlaces(m);
    const add = (name: string, index: number, global: boolean): void => {
      const own = m.globals[index - imported];
      // An imported global is a symbol of another object.
      if (!own) return;
      symbols.push({
        name,
        section,
        value: BigInt(this.globalsBase + (places[index] as GlobalPlace).offset),
        size: sizeOf(own),
        kind: "object",
        global,
      });
    };
    places.forEach((_, i) => {
      const name = m.globalNames.get(i);
      if (name) add(isVisible(name) ? name : percentEncode(name), i, false);
    });
    for (const x of m.exports) if (x.kind === "global") add(exportSymbol(x.name), x.index, true);
  }

  private object(name: string): ObjectFile {
    const { code } = this;
    const { e } = code.emission;
    const sections: ObjectSection[] = [
      {
        name: TEXT,
        writable: false,
        executable: true,
        align: 16,
        data: e.bytes.slice(0, e.length),
        memSize: e.length,
      },
    ];
    const symbols = this.functionSymbols();
    const relocations: Relocation[] = [];
    const addressTables: AddressTable[] = [];
    const indices = new Map<SectionBuilder, number>();
    const globals = new Set(["__aot_traps_start", "__aot_traps_end", "__aot_trap_files"]);
    for (const builder of [this.rodata, this.data, ...this.growing, this.traps]) {
      if (builder.memSize === 0 && builder.symbols.length === 0) continue;
      const section = sections.length;
      indices.set(builder, section);
      sections.push({
        name: builder.name,
        writable: builder.writable,
        executable: false,
        align: 16,
        data: builder.data(),
        memSize: builder.memSize,
      });
      for (const r of builder.relocations) relocations.push({ section, ...r });
      for (const t of builder.addresses) addressTables.push({ section, target: 0, ...t });
      for (const { name: symbol, offset, size } of builder.symbols) {
        symbols.push({
          name: symbol,
          section,
          value: BigInt(offset),
          size,
          kind: "object",
          global: globals.has(symbol),
        });
      }
      if (builder === this.data) this.globalSymbols(section, symbols);
    }
    const text = sections[0]?.data as Uint8Array;
    this.codeReferences(text, indices, relocations);
    for (const section of this.wasmData) sections.push(section);
    const object: ObjectFile = { name, sections, symbols, relocations, addressTables };
    object.frames = callFrames(code.emission.frames, code.routines);
    if (code.debug) {
      object.functions = code.debug.list;
      object.types = code.debug.types.list;
    }
    if (code.map) object.lines = lineRows(code.emission.positions, code.map);
    return object;
  }

  /** Fills in the references inside the code; those to other sections and objects go to `left`. */
  private codeReferences(
    text: Uint8Array,
    indices: Map<SectionBuilder, number>,
    left: Relocation[],
  ): void {
    const { code } = this;
    const view = new DataView(text.buffer, text.byteOffset, text.length);
    const routines = new Map(code.routines.map((r) => [r.name, r.start]));
    for (const { offset, kind, symbol, addend } of code.emission.e.fixups) {
      const slot = functionSlot(symbol);
      const target = slot < 0 ? routines.get(symbol) : code.starts[slot];
      const place = this.places.get(symbol);
      const name = externalName(symbol);
      if (target !== undefined) view.setInt32(offset, target + addend - offset, true);
      else if (name !== undefined)
        left.push({ section: 0, offset, kind, symbol: name, scope: "global", addend });
      else if (place)
        left.push({
          section: 0,
          offset,
          kind,
          symbol,
          scope: indices.get(place.section) as number,
          addend: place.offset + addend,
        });
      else throw new Error(`the compiler lost ${symbol}`);
    }
  }
}
