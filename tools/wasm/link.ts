// Static linking: modules that import from each other as one module, by the rules of instantiation (core
// specification 2.0, 4.5.3 and 4.5.4). Imports that no given module answers to stay imports. Segments are
// copied and start functions run by functions of the program, or, where all is instantiated before the
// program runs, stay what they are.

import { constantOf, toSpec } from "./rewrite.ts";
import {
  type ConstExpr,
  type FuncType,
  funcTypeOf,
  type GlobalType,
  globalTypeOf,
  type Limits,
  type Module,
  type ValType,
} from "./types.ts";
import {
  type Bytes,
  buildModule,
  i32Const,
  type LimitsSpec,
  type ModuleSpec,
  type TableSpec,
  uleb,
} from "./writer.ts";

type Kind = "func" | "table" | "memory" | "global";

/** An item of an instance. */
interface Item {
  instance: Instance;
  index: number;
}

export interface Instance {
  module: Module;
  /** What each import means, by kind and index; undefined where it stays an import. */
  imports: Record<Kind, (Item | undefined)[]>;
}

/** Why an import has no meaning. */
export class UnlinkableError extends Error {}

/** What only the size that something has grown to could decide. */
export class GrownError extends UnlinkableError {}

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
 * Gives every import its meaning; `registered` are the instances by module name, undefined for a name whose
 * functions and globals stay imports.
 * @throws UnlinkableError where an import is unknown or of another type.
 */
export function instantiate(
  module: Module,
  registered: (name: string) => Instance | undefined,
): Instance {
  const imports: Instance["imports"] = { func: [], table: [], memory: [], global: [] };
  const find = (
    kind: Kind,
    entry: { module: string; name: string },
    accepts: (item: Item) => boolean,
  ): void => {
    const instance = registered(entry.module);
    if (!instance) {
      if (kind === "table")
        throw new UnlinkableError(`table "${entry.module}.${entry.name}" is of no linked module`);
      imports[kind].push(undefined);
      return;
    }
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

/** First imports of the program that are an instance's. */
interface ImportBases {
  funcImport: number;
  globalImport: number;
}

/** Indices of one instance in the program. */
interface Bases extends ImportBases {
  type: number;
  func: number;
  table: number;
  global: number;
  element: number;
  data: number;
}

export interface ProgramOptions {
  /** Functions that the program imports before all others. */
  imports?: { module: string; name: string; params: ValType[]; results: ValType[] }[];
  /** Instances whose memory is there only where it is imported. */
  spare?: Instance[];
  /** Everything is instantiated, in order, before the program runs. */
  static?: boolean;
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
    funcNames: [],
  };
  private readonly bases = new Map<Instance, Bases>();
  private readonly tables: TableSpec[] = [];
  private readonly static: boolean;
  private readonly funcImports: number;
  /** Function that instantiates, by instance. */
  private readonly starts = new Map<Instance, number>();

  /**
   * Lays out the instances in the order in which they are instantiated.
   * @throws MemoriesError where they have several memories.
   */
  constructor(instances: Instance[], options: ProgramOptions = {}) {
    const { spec } = this;
    this.static = options.static ?? false;
    for (const { module, name, params, results } of options.imports ?? []) {
      spec.imports.push({ module, name, type: this.type(params, results) });
    }
    const firstType = spec.types.length;
    const typeOf = new Map<Instance, number>();
    for (const instance of instances) {
      typeOf.set(instance, spec.types.length);
      spec.types.push(...instance.module.types);
    }
    const left = this.importsLeft(instances, typeOf);
    this.funcImports = spec.imports.length;
    spec.imports.push(...left.globals);
    let [func, global] = [this.funcImports, left.globals.length];
    let [type, table, element, data] = [firstType, 0, 0, 0];
    const memories = new Set<Instance>();
    for (const instance of instances) {
      if (instance.module.memory) memories.add(resolve("memory", { instance, index: 0 }).instance);
    }
    for (const instance of instances) {
      const m = instance.module;
      const imports = left.bases.get(instance) as ImportBases;
      this.bases.set(instance, { type, func, table, global, element, data, ...imports });
      type += m.types.length;
      func += m.funcs.length;
      table += m.tables.length - m.tableImports.length;
      global += m.globals.length;
      element += m.elements.length;
      data += m.data.length;
    }
    for (const spare of options.spare ?? []) {
      if (!instances.some(({ imports }) => imports.memory[0]?.instance === spare)) {
        memories.delete(spare);
      }
    }
    if (memories.size > 1) throw new MemoriesError("several memories in one program");
    for (const { module } of memories) spec.memory = module.memory as LimitsSpec;
    for (const instance of instances) this.add(instance);
    spec.tables = this.tables;
    if (this.static) {
      this.runStarts(instances);
      return;
    }
    // Every function may be named: segments that declare come last.
    for (const instance of instances) this.starts.set(instance, this.start(instance));
    spec.elements.push({
      declarative: true,
      funcs: spec.funcs.map((_, i) => this.funcImports + i),
    });
  }

  /** Appends the functions that stay imports; returns the globals that do, and where each instance's begin. */
  private importsLeft(instances: Instance[], typeOf: Map<Instance, number>) {
    const { imports } = this.spec;
    const globals: ModuleSpec["imports"] = [];
    const bases = new Map<Instance, ImportBases>();
    for (const instance of instances) {
      const m = instance.module;
      bases.set(instance, { funcImport: imports.length, globalImport: globals.length });
      m.funcImports.forEach(({ module, name, typeIndex }, i) => {
        if (instance.imports.func[i]) return;
        imports.push({ module, name, type: (typeOf.get(instance) as number) + typeIndex });
      });
      m.globalImports.forEach(({ module, name, type, mutable }, i) => {
        if (!instance.imports.global[i]) globals.push({ module, name, global: type, mutable });
      });
    }
    return { globals, bases };
  }

  /** One start function that runs those of the instances in order. */
  private runStarts(instances: Instance[]): void {
    const code = instances.flatMap((instance) => {
      const { start } = instance.module;
      return start === undefined ? [] : [0x10, ...uleb(this.index("func", instance, start))];
    });
    if (code.length > 0) this.spec.start = this.func(this.type([], []), [], code);
  }

  type(params: ValType[], results: ValType[]): number {
    return this.spec.types.push({ params, results }) - 1;
  }

  /** Appends a function and returns its index. */
  func(type: number, locals: ValType[], code: ArrayLike<number>): number {
    return this.funcImports + this.spec.funcs.push({ type, locals, code }) - 1;
  }

  /** Index in the program. */
  index(kind: "func" | "table" | "global", instance: Instance, index: number): number {
    const item = resolve(kind, { instance, index });
    const { module, imports } = item.instance;
    const bases = this.bases.get(item.instance) as Bases;
    const imported = {
      func: module.funcImports.length,
      table: module.tableImports.length,
      global: module.globalImports.length,
    }[kind];
    if (item.index >= imported) return bases[kind] + item.index - imported;
    // One that stays an import: the nth of those of the instance.
    const nth = imports[kind].slice(0, item.index).filter((x) => x === undefined).length;
    return (kind === "func" ? bases.funcImport : bases.globalImport) + nth;
  }

  /** Code of the value that a constant expression of the instance has. */
  private constant(instance: Instance, expr: ConstExpr): Bytes {
    if (expr.kind === "func") return [0xd2, ...uleb(this.index("func", instance, expr.index))];
    if (expr.kind === "global") {
      const item = resolve("global", { instance, index: expr.index });
      const { globals, globalImports } = item.instance.module;
      const global = globals[item.index - globalImports.length];
      if (!global) return [0x23, ...uleb(this.index("global", instance, expr.index))];
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
    for (const { type, funcs, mode, table, offset } of m.elements) {
      const active = this.static && mode === "active";
      spec.elements.push({
        type,
        funcs: Array.from(funcs, (f) => this.element(instance, f)),
        ...(active ? { table: this.index("table", instance, table) } : {}),
        ...(active && offset ? { offset: this.constant(instance, offset) } : {}),
        ...(this.static && mode === "declarative" ? { declarative: true } : {}),
      });
    }
    for (const { bytes, offset } of m.data) {
      const active = this.static && offset !== undefined;
      spec.data.push({ bytes, ...(active ? { offset: this.constant(instance, offset) } : {}) });
    }
    for (const [index, name] of m.funcNames) {
      if (!instance.imports.func[index]) {
        spec.funcNames?.push([this.index("func", instance, index), name]);
      }
    }
  }

  /** Exports what the instance exports. */
  exportAll(instance: Instance): void {
    for (const { name, kind, index } of instance.module.exports) {
      this.spec.exports.push({
        name,
        kind: ({ func: 0, table: 1, memory: 2, global: 3 } as const)[kind],
        index: kind === "memory" ? 0 : this.index(kind, instance, index),
      });
    }
  }

  /** An entry of a segment, as the writer has it. */
  private element(instance: Instance, f: number): number {
    if (f === -1) return -1;
    if (f >= 0) return this.index("func", instance, f);
    const item = resolve("global", { instance, index: -2 - f });
    const { globals, globalImports } = item.instance.module;
    const init = globals[item.index - globalImports.length]?.init;
    if (!init) return -2 - this.index("global", instance, -2 - f);
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

/** A module to link: the name under which others import from it, and its content. */
export interface LinkInput {
  name: string;
  module: Module;
  /** Its memory stands for that of the program, whatever the program's is. */
  spare?: boolean;
}

/**
 * The program's module linked with those before it, as one module that exports what it exports. `others` are
 * instantiated in their order, each may import from those before it.
 * @throws UnlinkableError, MemoriesError
 */
export function linkModules(others: LinkInput[], main: Module): Uint8Array<ArrayBuffer> {
  const registered = new Map<string, Instance>();
  const find = (name: string): Instance | undefined => registered.get(name);
  const spare: Instance[] = [];
  for (const { name, module, spare: isSpare } of others) {
    if (registered.has(name)) throw new UnlinkableError(`two modules are called "${name}"`);
    const instance = instantiate(module, find);
    registered.set(name, instance);
    if (isSpare) spare.push(instance);
  }
  const last = instantiate(main, find);
  const program = new Program([...registered.values(), last], { static: true, spare });
  program.exportAll(last);
  return buildModule(program.spec);
}
