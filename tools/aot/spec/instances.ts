// Instances of a script that are linked with each other, as one module: each import becomes what it
// means, and what happens at instantiation becomes a function (core specification, 4.5.4), so that the
// program can instantiate and call in the script's order. Imports are matched as in 4.5.3.

import { constantOf, toSpec } from "../../wasm/rewrite.ts";
import {
  type ConstExpr,
  FUNCREF,
  type FuncType,
  funcTypeOf,
  type GlobalType,
  globalTypeOf,
  I32,
  I64,
  type Limits,
  type Module,
  type ValType,
} from "../../wasm/types.ts";
import {
  type Bytes,
  i32Const,
  type LimitsSpec,
  type ModuleSpec,
  type TableSpec,
  uleb,
} from "../../wasm/writer.ts";
import { HOST_IMPORTS } from "./values.ts";

type Kind = "func" | "table" | "memory" | "global";

/** An item of an instance, or of the module `spectest`. */
interface Item {
  instance: Instance;
  index: number;
}

export interface Instance {
  module: Module;
  /** What each import means, by kind and index. */
  imports: Record<Kind, Item[]>;
}

/** Why an import has no meaning. */
export class UnlinkableError extends Error {}

/** What only the size that something has grown to could decide. */
export class GrownError extends UnlinkableError {}

/** The instance of `spectest`, as the test suite's documentation describes it. */
export const SPECTEST: Instance = {
  module: {
    bytes: Uint8Array.of(0x0b),
    types: [[], [I32], [I64], [0x7d], [0x7c], [I32, 0x7d], [0x7c, 0x7c]].map((params) => ({
      params: params as ValType[],
      results: [],
    })),
    funcImports: [],
    globalImports: [],
    memoryImport: undefined,
    tableImports: [],
    funcs: [0, 1, 2, 3, 4, 5, 6].map((typeIndex) => ({ typeIndex, locals: [], start: 0, end: 1 })),
    tables: [{ type: FUNCREF, min: 10, max: 20 }],
    memory: { min: 1, max: 2 },
    globals: [
      { type: I32, mutable: false, init: { kind: "const", type: I32, bits: 666n } },
      { type: I64, mutable: false, init: { kind: "const", type: I64, bits: 666n } },
      // 666.6 in both formats.
      { type: 0x7d, mutable: false, init: { kind: "const", type: 0x7d, bits: 0x4426a666n } },
      {
        type: 0x7c,
        mutable: false,
        init: { kind: "const", type: 0x7c, bits: 0x4084d4cccccccccdn },
      },
    ],
    exports: [
      ...["", "_i32", "_i64", "_f32", "_f64", "_i32_f32", "_f64_f64"].map((suffix, index) => ({
        name: `print${suffix}`,
        kind: "func" as const,
        index,
      })),
      ...["i32", "i64", "f32", "f64"].map((type, index) => ({
        name: `global_${type}`,
        kind: "global" as const,
        index,
      })),
      { name: "table", kind: "table", index: 0 },
      { name: "memory", kind: "memory", index: 0 },
    ],
    start: undefined,
    elements: [],
    data: [],
    dataCount: undefined,
    declaredFuncs: new Set(),
    funcNames: new Map(),
    globalNames: new Map(),
    sourceMapUrl: undefined,
  },
  imports: { func: [], table: [], memory: [], global: [] },
};

/** Follows imports to the item that is defined. */
function resolve(kind: Kind, item: Item): Item {
  for (let { instance, index } = item; ; ) {
    const imported = instance.imports[kind][index];
    if (!imported) return { instance, index };
    ({ instance, index } = imported);
  }
}

function sameTypes(a: FuncType, b: FuncType): boolean {
  return a.params.join() === b.params.join() && a.results.join() === b.results.join();
}

/** Whether what has limits `have` can be imported as `want`. */
function fits(have: Limits, want: Limits): boolean {
  if (want.max !== undefined && (have.max === undefined || have.max > want.max)) return false;
  if (have.min < want.min && want.min <= (have.max ?? want.min)) {
    throw new GrownError("incompatible import type, unless it has grown");
  }
  return have.min >= want.min;
}

/**
 * Gives every import its meaning; `registered` are the instances by module name.
 * @throws UnlinkableError where an import is unknown or of another type.
 */
export function instantiate(module: Module, registered: (name: string) => Instance): Instance {
  const imports: Instance["imports"] = { func: [], table: [], memory: [], global: [] };
  const find = (
    kind: Kind,
    entry: { module: string; name: string },
    accepts: (item: Item) => boolean,
  ): void => {
    const instance = registered(entry.module);
    const exported = instance.module.exports.find((x) => x.name === entry.name);
    const place = `${kind} "${entry.module}.${entry.name}"`;
    if (!exported) throw new UnlinkableError(`unknown import: ${place}`);
    const item =
      exported.kind === kind ? resolve(kind, { instance, index: exported.index }) : undefined;
    if (!item || !accepts(item)) throw new UnlinkableError(`incompatible import type: ${place}`);
    imports[kind].push(item);
  };
  for (const entry of module.funcImports) {
    const type = module.types[entry.typeIndex] as FuncType;
    find("func", entry, ({ instance, index }) =>
      sameTypes(funcTypeOf(instance.module, index), type),
    );
  }
  module.tableImports.forEach((entry, i) => {
    const want = module.tables[i] as (typeof module.tables)[number];
    find("table", entry, ({ instance, index }) => {
      const have = instance.module.tables[index];
      return have?.type === want.type && fits(have, want);
    });
  });
  if (module.memoryImport) {
    find("memory", module.memoryImport, ({ instance }) =>
      fits(instance.module.memory as Limits, module.memory as Limits),
    );
  }
  for (const entry of module.globalImports) {
    find("global", entry, ({ instance, index }) => {
      const have = globalTypeOf(instance.module, index) as GlobalType;
      return have.type === entry.type && have.mutable === entry.mutable;
    });
  }
  return { module, imports };
}

/** A program has one memory: instances that are linked with each other cannot have several. */
export class MemoriesError extends Error {}

/** Indices of one instance in the program. */
interface Bases {
  type: number;
  func: number;
  table: number;
  global: number;
  element: number;
  data: number;
}

/** Several instances as one module. */
export class Program {
  readonly spec: ModuleSpec = {
    types: [],
    imports: [],
    funcs: [],
    tables: [],
    globals: [],
    exports: [],
    elements: [],
    data: [],
  };
  private readonly bases = new Map<Instance, Bases>();
  private readonly tables: TableSpec[] = [];
  /** Function that instantiates, by instance. */
  private readonly starts = new Map<Instance, number>();

  /**
   * Lays out the instances, `spectest` first where it is used.
   * @throws MemoriesError where they have several memories.
   */
  constructor(instances: Instance[]) {
    const { spec } = this;
    for (const { module, name, params, results } of HOST_IMPORTS) {
      spec.imports.push({ module, name, type: this.type(params, results) });
    }
    let func = spec.imports.length;
    let [type, table, global, element, data] = [spec.types.length, 0, 0, 0, 0];
    const memories = new Set<Instance>();
    for (const instance of instances) {
      if (instance.module.memory) memories.add(resolve("memory", { instance, index: 0 }).instance);
    }
    for (const instance of instances) {
      const m = instance.module;
      this.bases.set(instance, { type, func, table, global, element, data });
      type += m.types.length;
      func += m.funcs.length;
      table += m.tables.length - m.tableImports.length;
      global += m.globals.length;
      element += m.elements.length;
      data += m.data.length;
    }
    // That of spectest only where it is imported.
    if (!instances.some(({ imports }) => imports.memory[0]?.instance === SPECTEST)) {
      memories.delete(SPECTEST);
    }
    if (memories.size > 1) throw new MemoriesError("several memories in one program");
    for (const { module } of memories) spec.memory = module.memory as LimitsSpec;
    for (const instance of instances) spec.types.push(...instance.module.types);
    for (const instance of instances) this.add(instance);
    spec.tables = this.tables;
    // Every function may be named: segments that declare come last.
    for (const instance of instances) this.starts.set(instance, this.start(instance));
    spec.elements.push({
      declarative: true,
      funcs: spec.funcs.map((_, i) => spec.imports.length + i),
    });
  }

  type(params: ValType[], results: ValType[]): number {
    return this.spec.types.push({ params, results }) - 1;
  }

  /** Appends a function and returns its index. */
  func(type: number, locals: ValType[], code: ArrayLike<number>): number {
    const { funcs, imports } = this.spec;
    return imports.length + funcs.push({ type, locals, code }) - 1;
  }

  /** Index in the program. */
  index(kind: "func" | "table" | "global", instance: Instance, index: number): number {
    const item = resolve(kind, { instance, index });
    const { module } = item.instance;
    const imported = {
      func: module.funcImports,
      table: module.tableImports,
      global: module.globalImports,
    };
    return (this.bases.get(item.instance) as Bases)[kind] + item.index - imported[kind].length;
  }

  /** Code of the value that a constant expression of the instance has. */
  private constant(instance: Instance, expr: ConstExpr): Bytes {
    if (expr.kind === "func") return [0xd2, ...uleb(this.index("func", instance, expr.index))];
    if (expr.kind === "global") {
      const item = resolve("global", { instance, index: expr.index });
      const { globals, globalImports } = item.instance.module;
      const global = globals[item.index - globalImports.length] as Module["globals"][number];
      return this.constant(item.instance, global.init);
    }
    return constantOf(expr.type, expr.bits);
  }

  private add(instance: Instance): void {
    const { spec } = this;
    const m = instance.module;
    const base = this.bases.get(instance) as Bases;
    const part = toSpec({ ...m, elements: [], data: [], globals: [], exports: [] }, [], {
      type: (index) => base.type + index,
      func: (index) => this.index("func", instance, index),
      global: (index) => this.index("global", instance, index),
      table: (index) => this.index("table", instance, index),
      data: (index) => base.data + index,
      element: (index) => base.element + index,
    });
    spec.funcs.push(...part.funcs);
    for (const { type, mutable, init } of m.globals) {
      spec.globals.push({ type, mutable, init: this.constant(instance, init) });
    }
    for (const table of m.tables.slice(m.tableImports.length)) this.tables.push(table as TableSpec);
    for (const { type, funcs } of m.elements) {
      spec.elements.push({ type, funcs: Array.from(funcs, (f) => this.element(instance, f)) });
    }
    for (const { bytes } of m.data) spec.data.push({ bytes });
  }

  /** An entry of a segment, as the writer has it. */
  private element(instance: Instance, f: number): number {
    if (f === -1) return -1;
    if (f >= 0) return this.index("func", instance, f);
    const item = resolve("global", { instance, index: -2 - f });
    const { globals, globalImports } = item.instance.module;
    const { init } = globals[item.index - globalImports.length] as Module["globals"][number];
    if (init.kind === "func") return this.index("func", item.instance, init.index);
    return init.kind === "global" ? this.element(item.instance, -2 - init.index) : -1;
  }

  /** The function that copies the active segments and runs the start function. */
  private start(instance: Instance): number {
    const m = instance.module;
    const base = this.bases.get(instance) as Bases;
    const code: Bytes = [];
    const offset = (expr: ConstExpr | undefined): Bytes =>
      expr ? this.constant(instance, expr) : i32Const(0);
    m.elements.forEach((s, i) => {
      const segment = uleb(base.element + i);
      if (s.mode === "active") {
        const table = uleb(this.index("table", instance, s.table));
        code.push(...offset(s.offset), ...i32Const(0), ...i32Const(s.funcs.length));
        code.push(0xfc, 12, ...segment, ...table);
      }
      if (s.mode !== "passive") code.push(0xfc, 13, ...segment);
    });
    m.data.forEach((s, i) => {
      if (s.mode !== "active") return;
      const segment = uleb(base.data + i);
      code.push(...offset(s.offset), ...i32Const(0), ...i32Const(s.bytes.length));
      code.push(0xfc, 8, ...segment, 0, 0xfc, 9, ...segment);
    });
    if (m.start !== undefined) code.push(0x10, ...uleb(this.index("func", instance, m.start)));
    return this.func(this.type([], []), [], code);
  }

  /** Index of the function that instantiates. */
  startOf(instance: Instance): number {
    return this.starts.get(instance) as number;
  }
}
