// The compiler driver: wasm bytes → relocatable object. Runs the pipeline function by function
// (wasm → ir → regalloc → x64) into one piece of code; image.ts puts the data around it.
// The contract with guest code is docs/toolchain.md.

import type { ObjectFile } from "../elf/object.ts";
import { decodeModule } from "../wasm/decode.ts";
import { isVisible, printable } from "../wasm/names.ts";
import { WasmError } from "../wasm/reader.ts";
import {
  type ConstExpr,
  type FuncBody,
  funcTypeOf,
  type Import,
  type Module,
} from "../wasm/types.ts";
import { uleb } from "../wasm/writer.ts";
import { INDIRECT, recursion } from "./callgraph.ts";
import { DebugFunctions } from "./debug/functions.ts";
import { CompileError } from "./error.ts";
import { type CompiledCode, globalPlaces, ImageBuilder } from "./image.ts";
import { type BuildContext, Builder, type TablePlace } from "./ir/build.ts";
import { Func, type Signature } from "./ir/ir.ts";
import { irSignature, irType } from "./ir/numeric.ts";
import { optimize } from "./ir/optimize.ts";
import { findTailCalls } from "./ir/tail.ts";
import { exportSymbol } from "./names.ts";
import { mapPrefix, type PrefixMap } from "./prefix.ts";
import { checkAllocation } from "./regalloc/check.ts";
import type { LFunc } from "./regalloc/lir.ts";
import { type Allocation, allocate } from "./regalloc/resolve.ts";
import { emitStart } from "./start.ts";
import {
  importModule,
  resolveImport,
  TARGETS,
  type Target,
  type TargetName,
} from "./targets/target.ts";
import { SourceMap } from "./wasm/sourcemap.ts";
import { type BodyFacts, noFacts, validateBody } from "./wasm/validate.ts";
import { type EmitContext, type EmittedFunction, emitFunction } from "./x64/emit.ts";
import { Encoder } from "./x64/encoder.ts";
import { separateFrame } from "./x64/frame.ts";
import { type GlobalPlace, lowerFunction } from "./x64/lower.ts";
import { assignParams, assignResults, passesInRegisters, registerSet } from "./x64/machine.ts";
import { ConstantPool } from "./x64/pool.ts";
import { emitRuntime } from "./x64/runtime.ts";
import {
  FUNCTIONS_SYMBOL,
  functionReference,
  TABLE_SIZE_SYMBOL,
  tableSymbol,
} from "./x64/symbols.ts";

export { CompileError };

export interface CompileOptions {
  target: TargetName;
  /** Names the module in messages and in the object. */
  name: string;
  /** Text of the source map asc wrote beside the module. */
  sourceMap?: string;
  /** Changes the beginnings of file names in the output; of several that fit, the last one counts. */
  filePrefixMap?: readonly PrefixMap[];
  /**
   * Instructions beyond the x86-64 baseline that may be used, all of level x86-64-v2 behind `sse41`: vector
   * instructions need it. None by default.
   */
  features?: { sse41?: boolean; popcnt?: boolean };
  /** Checks every register allocation; for tests, it takes as long as the compilation. */
  verify?: boolean;
  /** Registers of each class to allocate at most; for tests of the allocation under pressure. */
  registers?: number;
}

class Compiler {
  private readonly m: Module;
  private readonly target: Target;
  private readonly o: CompileOptions;
  private readonly signatures: Signature[];
  private readonly emission: EmitContext;
  private readonly code: CompiledCode;
  private readonly image: ImageBuilder;
  /** Bytes that every call of a compiled function leaves for stack arguments at least. */
  private tailArea = 0;
  private recurs: ReturnType<typeof recursion> = () => true;
  private readonly globals: GlobalPlace[];

  constructor(bytes: Uint8Array, options: CompileOptions) {
    this.o = options;
    this.target = TARGETS[options.target];
    this.m = decodeModule(bytes);
    const map =
      options.sourceMap === undefined ? undefined : new SourceMap(options.sourceMap, this.rename);
    this.signatures = this.m.types.map(irSignature);
    this.globals = globalPlaces(this.m);
    const byShape = new Map<string, number>();
    const typeNumbers = this.m.types.map((s, i) => {
      const shape = `${s.params}:${s.results}`;
      const known = byShape.get(shape);
      if (known !== undefined) return known;
      byShape.set(shape, i + 1);
      return i + 1;
    });
    this.emission = {
      e: new Encoder(),
      pool: new ConstantPool(),
      window: this.target.window !== 0n,
      registers: registerSet(this.target.window !== 0n, options.registers),
      traps: [],
      positions: [],
      frames: [],
      jumpTables: [],
      jumpTableSize: 0,
      tables: this.m.tables.map((table, i) => ({
        ...table,
        symbol: tableSymbol(i),
        sizeSymbol: undefined,
      })),
    };
    this.code = {
      module: this.m,
      target: this.target,
      emission: this.emission,
      typeNumbers,
      starts: [],
      ends: [],
      wrappers: new Map(),
      adapters: new Map(),
      functionNumbers: new Map(),
      references: this.m.globals.some(({ init }) => init.kind === "func"),
      changedTables: new Set(),
      helpers: new Set(),
      routines: [],
      map,
      debug: DebugFunctions.of(map, this.target.window !== 0n),
    };
    this.image = new ImageBuilder(this.code);
  }

  private get fixedPages(): number | undefined {
    const { memory } = this.target;
    if (memory === "grows") return undefined;
    return memory === "window" ? 65536 : (this.m.memory?.min ?? 0);
  }

  private readonly rename = (file: string): string => mapPrefix(this.o.filePrefixMap ?? [], file);

  compile(): ObjectFile {
    this.checkImports();
    const context = this.context();
    const exported = new Set(this.m.exports.filter((x) => x.kind === "func").map((x) => x.index));
    if (this.m.start !== undefined) exported.add(this.m.start);
    const imported = this.m.funcImports.length;
    const facts = this.m.funcs.map((_, i) => this.validate(i));
    if (facts.some(({ tailCalls }) => tailCalls)) {
      const sizes = this.signatures.map(({ params }) => assignParams(params).size);
      this.tailArea = Math.max(...sizes);
    }
    this.recurs = recursion(facts, imported, this.m.declaredFuncs);
    for (const { references, grownTables, setTables } of facts) {
      if (references) this.code.references = true;
      for (const table of setTables) this.code.changedTables.add(table);
      for (const table of grownTables) {
        (this.emission.tables[table] as TablePlace).sizeSymbol = TABLE_SIZE_SYMBOL + table;
      }
    }
    this.m.funcs.forEach((body, i) => {
      this.function(context, body, facts[i] as BodyFacts, i, exported.has(imported + i));
    });
    this.makeWrappers(context);
    for (const index of exported) this.makeAdapter(context, index, facts[index - imported]);
    if (this.target.window === undefined) {
      emitStart(this.code, this.image, {
        level2: this.o.features?.sse41 || this.o.features?.popcnt || false,
        reference: (index) => this.reference(index),
      });
    }
    this.runtime();
    return this.image.build(this.rename(this.o.name));
  }

  private checkImports(): void {
    const { m } = this;
    const refuse = (entry: Import, what: string, why: string): never => {
      const name = `"${printable(entry.module)}.${printable(entry.name)}"`;
      throw new WasmError("import section", entry.offset, `imported ${what} ${name} ${why}`);
    };
    for (const entry of m.globalImports) {
      if (importModule(entry.module) !== "stub") {
        refuse(
          entry,
          "global",
          "is not supported: only module stub has globals, symbols of other objects",
        );
      }
      if (entry.name === "" || !isVisible(entry.name)) {
        refuse(entry, "global", "cannot be the name of a symbol");
      }
    }
    for (const entry of m.tableImports) {
      refuse(entry, "table", "is not supported: declare it in the module");
    }
    const known = (expr: ConstExpr | undefined): boolean => expr?.kind !== "global";
    const needed = [...m.globals.map(({ init }) => init), ...m.data.map((s) => s.offset)];
    const entries = m.elements.flatMap((s) => Array.from(s.funcs));
    if (
      ![...needed, ...m.elements.map((s) => s.offset)].every(known) ||
      entries.some((f) => f < -1)
    ) {
      refuse(
        m.globalImports[0] as Import,
        "global",
        "is needed before the program runs; declare it in the module",
      );
    }
  }

  private context(): BuildContext {
    const { m } = this;
    const imported = m.funcImports.length;
    const meanings = m.funcImports.map((entry) => {
      try {
        const signature = this.signatures[entry.typeIndex] as Signature;
        return resolveImport(this.target, entry.module, entry.name, signature);
      } catch (error) {
        throw new WasmError("import section", entry.offset, (error as Error).message);
      }
    });
    const constants = m.globals.map(({ type, mutable, init }) => {
      if (init.kind === "global") return undefined;
      // A function that only a global refers to has a number as well.
      const bits = init.kind === "const" ? init.bits : BigInt(this.functionNumber(init.index));
      if (mutable) return undefined;
      return { type: irType(type), bits };
    });
    return {
      module: m,
      tracksLocals: this.code.debug !== undefined,
      signatures: this.signatures,
      typeNumbers: this.code.typeNumbers,
      globalConst: (index) => constants[index - m.globalImports.length],
      functionNumber: (index) => this.functionNumber(index),
      tables: this.emission.tables,
      functions: FUNCTIONS_SYMBOL,
      target: (index) => {
        const func = index - imported;
        if (func >= 0) {
          const signature = this.signatures[(m.funcs[func] as FuncBody).typeIndex] as Signature;
          return { signature, func, symbol: functionReference(func) };
        }
        const meaning = meanings[index] as (typeof meanings)[number];
        if (meaning.kind === "intrinsic") return meaning.call;
        const entry = m.funcImports[index] as (typeof m.funcImports)[number];
        return {
          signature: this.signatures[entry.typeIndex] as Signature,
          func: -1,
          symbol: meaning.reference,
        };
      },
    };
  }

  private functionNumber(index: number): number {
    const { functionNumbers: numbers } = this.code;
    const number = numbers.get(index) ?? numbers.size + 1;
    numbers.set(index, number);
    return number;
  }

  private validate(i: number): BodyFacts {
    const facts = validateBody(this.m, i);
    const { usesFloat, usesVector } = facts;
    const { name, sse } = this.target;
    if (!sse && usesVector) this.refuse(i, usesVector, `SSE, which target ${name} does not use`);
    if (!sse && usesFloat) {
      this.refuse(i, usesFloat, `floating point, which target ${name} does not use`);
    }
    if (usesVector && !this.o.features?.sse41) {
      this.refuse(i, usesVector, "a CPU of level x86-64-v2: compile with --cpu x86-64-v2");
    }
    return facts;
  }

  private refuse(i: number, use: { offset: number; name: string }, need: string): never {
    const index = this.m.funcImports.length + i;
    const own = this.m.funcNames.get(index);
    throw new WasmError(
      `code section, function ${index}${own === undefined ? "" : ` (${printable(own)})`}`,
      use.offset,
      `${use.name} needs ${need}`,
    );
  }

  private function(
    context: BuildContext,
    body: FuncBody,
    facts: BodyFacts,
    i: number,
    exported: boolean,
  ): void {
    const index = this.m.funcImports.length + i;
    const own = this.m.funcNames.get(index);
    const name = own === undefined ? `function ${index}` : printable(own);
    const f = new Func(name, this.signatures[body.typeIndex] as Signature);
    const builder = new Builder(f, context, body, facts);
    builder.build();
    const { positions } = this.emission;
    const before = positions.length;
    const generated = this.generate(f, i, exported);
    this.code.debug?.add(
      {
        ...generated,
        name: own,
        types: f.signature.params,
        changes: builder.changes,
        calls: f.inlinedCalls,
        start: this.code.starts[i] as number,
        end: this.code.ends[i] as number,
      },
      positions.slice(before),
    );
  }

  private generate(
    f: Func,
    slot: number,
    exported: boolean,
    adapter = false,
  ): { lir: LFunc; allocation: Allocation; emitted: EmittedFunction } {
    const { e } = this.emission;
    // Kernels and system programs stay small: their loops are short, and they are loaded with the system.
    optimize(f, slot, this.target.name === "linux");
    // With room for tail calls on the stack, callers would have to know that there are such calls.
    if (this.tailArea === 0 && !adapter && passesInRegisters(f.signature)) {
      const imported = this.m.funcImports.length;
      findTailCalls(f, (signature, callee) => {
        const index = callee === undefined ? INDIRECT : imported + callee;
        return passesInRegisters(signature) && !this.recurs(imported + slot, index);
      });
    }
    const lir = lowerFunction(f, {
      window: this.emission.window,
      windowBase: this.emission.window ? this.target.window : undefined,
      fixedPages: this.fixedPages,
      pool: this.emission.pool,
      helpers: this.code.helpers,
      exported,
      tailArea: this.tailArea,
      globals: this.globals,
      adapter,
      features: {
        sse41: this.o.features?.sse41 ?? false,
        popcnt: this.o.features?.popcnt ?? false,
      },
    });
    separateFrame(lir);
    const allocation = allocate(lir, this.emission.registers);
    if (this.o.verify) checkAllocation(lir, allocation);
    e.align(16);
    this.code.starts[slot] = e.length;
    const emitted = emitFunction(this.emission, lir, allocation);
    this.code.ends[slot] = e.length;
    return { lir, allocation, emitted };
  }

  /** Functions around imports that have an address: in a table, as an export or as start function. */
  private makeWrappers(context: BuildContext): void {
    const { m } = this;
    const wanted = new Set<number>();
    for (const segment of m.elements) for (const func of segment.funcs) wanted.add(func);
    for (const func of this.code.functionNumbers.keys()) wanted.add(func);
    if (m.start !== undefined) wanted.add(m.start);
    for (const x of m.exports) {
      // A stub that is exported by its own name is the symbol already.
      const entry = x.kind === "func" ? m.funcImports[x.index] : undefined;
      if (entry && exportSymbol(x.name) !== entry.name) wanted.add(x.index);
    }
    for (const index of wanted) {
      const entry = m.funcImports[index];
      if (!entry) continue;
      const name = `${printable(entry.module)}.${printable(entry.name)}`;
      this.code.wrappers.set(index, this.forward(context, index, name, false));
    }
  }

  /**
   * An exported function whose callers must leave more room than the System V ABI says, for the
   * arguments of its tail calls or before its stack results, gets an entry that leaves it.
   */
  private makeAdapter(context: BuildContext, index: number, facts: BodyFacts | undefined): void {
    const { params, results } = funcTypeOf(this.m, index);
    const size = assignParams(params.map(irType)).size;
    const stackResults = assignResults(results.map(irType), 0).size > 0;
    if (size >= this.tailArea || (facts && !facts.tailCalls && !stackResults)) return;
    if (!facts && !this.code.wrappers.has(index)) return;
    const name = this.m.funcNames.get(index) ?? `function ${index}`;
    this.code.adapters.set(index, this.forward(context, index, printable(name), true));
  }

  /** Compiles a function that calls function `index` and returns what that returns; its slot. */
  private forward(context: BuildContext, index: number, name: string, adapter: boolean): number {
    const { m } = this;
    const slot = this.code.starts.length;
    const imported = m.funcImports[index];
    const typeIndex = (imported ?? (m.funcs[index - m.funcImports.length] as FuncBody)).typeIndex;
    const signature = this.signatures[typeIndex] as Signature;
    const f = new Func(name, signature);
    // A body `local.get 0 … call index end`, built like any other.
    const code: number[] = [];
    signature.params.forEach((_, p) => {
      code.push(0x20, ...uleb(p));
    });
    code.push(0x10, ...uleb(index), 0x0b);
    const bytes = Uint8Array.from(code);
    const body: FuncBody = { typeIndex, locals: [], start: 0, end: bytes.length };
    new Builder(f, { ...context, module: { ...m, bytes } }, body, noFacts()).build();
    this.generate(f, slot, true, adapter);
    return slot;
  }

  /** Reference to a function by its index; an import has one where it has a wrapper. */
  private reference(index: number): string {
    const { adapters, wrappers } = this.code;
    const own = index - this.m.funcImports.length;
    const entry = adapters.get(index);
    return functionReference(entry ?? (own >= 0 ? own : (wrappers.get(index) as number)));
  }

  private runtime(): void {
    const { e } = this.emission;
    const c = {
      e,
      traps: this.emission.traps,
      window: this.emission.window,
      fixedPages: this.fixedPages,
      sse: this.target.sse,
      maxPages: this.m.memory?.max ?? 65536,
      tables: this.emission.tables,
    };
    for (const name of this.code.helpers) {
      e.align(16);
      const start = e.length;
      this.emission.positions.push({ offset: start, pos: 0 });
      emitRuntime(c, name);
      this.code.routines.push({ name, start, end: e.length, kind: "leaf" });
    }
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
