// Records what a program does with its wasm modules in V8: every call of an export with arguments and
// results, every call of an import with its answer, and all that JavaScript writes into memory between
// them. Instances that share a memory, as a main module and what it loads dynamically do, are one program
// and have one tape. program.ts makes an executable of it that does the same without JavaScript.

import { decodeModule } from "../../wasm/decode.ts";
import {
  F32,
  F64,
  type FuncType,
  funcTypeOf,
  type GlobalType,
  globalTypeOf,
  I32,
  type Module,
  type ValType,
} from "../../wasm/types.ts";

/** Operations on the tape; each is a word, as is all that follows it. */
export const Step = {
  /** The program, or the import that was called, is done; an import's result follows. */
  Return: 0,
  /** Bytes JavaScript wrote: window offset and number of words follow, then the words. */
  Write: 1,
  /** JavaScript grew the memory: pages follow. */
  Grow: 2,
  /** Calls export number `step - Call`: arguments follow, what happens inside, then results. */
  Call: 3,
} as const;
/** Bit that marks the number of an import in front of its arguments. */
export const IMPORT = 1n << 62n;
/** Bit that marks, as a step, the number of a global in front of the value JavaScript gave it. */
export const GLOBAL = 1n << 61n;

/** A function or a global: the position of its instance in the recording, and its index there. */
export interface Reference {
  instance: number;
  index: number;
}

/** A module as it was instantiated. */
export interface LinkedInstance {
  module: Module;
  /** Values of imported globals when the instance was made, by index. */
  globals: (number | bigint)[];
  /** Imported globals that are globals of an instance before, by index. */
  sharedGlobals: Map<number, Reference>;
  /** Imported functions that are exports of the recording's instances, by index. */
  linkedFuncs: Map<number, Reference>;
  /** Number on the tape of the first imported function; the others follow. */
  firstImport: number;
}

/** What one instance, or several with one memory, did. */
export interface Recording {
  /** In the order in which they were made. */
  instances: LinkedInstance[];
  /** Exported functions in the order of their numbers on the tape. */
  exports: Reference[];
  /** Globals that JavaScript can set, in the order of their numbers on the tape. */
  settable: Reference[];
  /** Table entries that JavaScript set; each slot was null before and is set once. */
  tableEntries: Map<number, Reference>;
  /** Entries of the table at the end; 0 where JavaScript does not see it. */
  tableSize: number;
  tape: BigUint64Array;
  /** Calls of exports and of imports. */
  calls: number;
  importCalls: number;
  /** Pages of an imported memory when the first instance was made. */
  pages: number | undefined;
  /** Memory at the end. */
  memory: Uint8Array;
}

/** Thrown where a program does what a recording cannot hold. */
export class NotRecordable extends Error {}

const scratch = new DataView(new ArrayBuffer(8));

/** The bits of a value as JavaScript has it. */
function wordOf(type: ValType, value: unknown): bigint {
  if (type === I32) return BigInt.asUintN(32, BigInt(Number(value) | 0));
  if (type === F32) {
    scratch.setFloat32(0, Number(value));
    return BigInt(scratch.getUint32(0));
  }
  if (type === F64) {
    scratch.setFloat64(0, Number(value));
    return scratch.getBigUint64(0);
  }
  return BigInt.asUintN(64, BigInt(value as bigint));
}

/** Sizes of blocks that are compared, in bytes: all memory by chunks, and pages of what differs. */
const CHUNK = 65536;
const PAGE = 4096;

/** Starts of the pages that differ; `before` is as long as `now`. */
function* changedPages(now: Uint8Array, before: Uint8Array): Generator<number> {
  const a = Buffer.from(now.buffer);
  const b = Buffer.from(before.buffer);
  const differs = (at: number, size: number): boolean =>
    a.compare(b, at, at + size, at, at + size) !== 0;
  for (let chunk = 0; chunk < a.length; chunk += CHUNK) {
    if (!differs(chunk, CHUNK)) continue;
    for (let at = chunk; at < chunk + CHUNK; at += PAGE) if (differs(at, PAGE)) yield at;
  }
}

type AnyFunction = (...args: unknown[]) => unknown;

/** What a recording function stands for. */
interface Exported extends Reference {
  recorder: Recorder;
  real: AnyFunction;
}

/** Recording functions and what they stand for, and the way back. */
const exported = new WeakMap<AnyFunction, Exported>();
const recording = new WeakMap<AnyFunction, AnyFunction>();

interface SettableGlobal extends Reference {
  type: ValType;
  object: WebAssembly.Global;
  /** Its bits as compiled code left it. */
  shadow: bigint;
}

class Recorder {
  readonly instances: LinkedInstance[] = [];
  memory: WebAssembly.Memory | undefined;
  private readonly exports: Reference[] = [];
  private readonly numbers = new Map<AnyFunction, number>();
  private readonly settable: SettableGlobal[] = [];
  private readonly tableEntries = new Map<number, Reference>();
  private table: WebAssembly.Table | undefined;
  private pages: number | undefined;
  private imported = 0;
  private words = new BigUint64Array(1 << 16);
  private length = 0;
  private shadow = new Uint8Array(0);
  private calls = 0;
  private importCalls = 0;

  private put(word: bigint | number): void {
    if (this.length === this.words.length) {
      const bigger = new BigUint64Array(this.words.length * 2);
      bigger.set(this.words);
      this.words = bigger;
    }
    this.words[this.length++] = BigInt(word);
  }

  /** Remembers memory and globals as compiled code leaves them. */
  private leave(): void {
    for (const g of this.settable) g.shadow = wordOf(g.type, g.object.value);
    if (!this.memory) return;
    const now = new Uint8Array(this.memory.buffer);
    this.growShadow(now.length);
    for (const at of changedPages(now, this.shadow)) {
      this.shadow.set(now.subarray(at, at + PAGE), at);
    }
  }

  private growShadow(length: number): void {
    if (length === this.shadow.length) return;
    const grown = new Uint8Array(length);
    grown.set(this.shadow);
    this.shadow = grown;
  }

  /** Puts what JavaScript has changed since on the tape. */
  private enter(): void {
    this.settable.forEach(({ type, object, shadow }, i) => {
      const now = wordOf(type, object.value);
      if (now === shadow) return;
      this.put(GLOBAL | BigInt(i));
      this.put(now);
    });
    if (!this.memory) return;
    const now = new Uint8Array(this.memory.buffer);
    if (now.length > this.shadow.length) {
      this.put(Step.Grow);
      this.put((now.length - this.shadow.length) / 65536);
      this.growShadow(now.length);
    }
    for (const at of changedPages(now, this.shadow)) this.page(now, at);
  }

  private page(now: Uint8Array, start: number): void {
    const words = new BigUint64Array(now.buffer, start, PAGE / 8);
    const before = new BigUint64Array(this.shadow.buffer, start, PAGE / 8);
    for (let i = 0; i < words.length; i++) {
      if (words[i] === before[i]) continue;
      let end = i + 1;
      while (end < words.length && words[end] !== before[end]) end++;
      this.put(Step.Write);
      this.put(start + i * 8);
      this.put(end - i);
      for (; i < end; i++) this.put(words[i] as bigint);
    }
  }

  private resultsOf(type: FuncType, value: unknown): void {
    const values = type.results.length > 1 ? [...(value as unknown[])] : [value];
    type.results.forEach((t, i) => {
      this.put(wordOf(t, values[i]));
    });
  }

  /** Makes an instance of `source`, with exports that record. */
  instantiate(
    source: WebAssembly.Module,
    module: Module,
    given: WebAssembly.Imports,
    Instance: typeof WebAssembly.Instance,
  ): WebAssembly.Instance {
    const first = this.instances.length === 0;
    if (!first && module.start !== undefined) {
      throw new NotRecordable("a start function of a module loaded later");
    }
    const globals = module.globalImports.map((g): number | bigint => {
      const value = given[g.module]?.[g.name];
      return value instanceof WebAssembly.Global ? value.value : (value as number | bigint);
    });
    const instance: LinkedInstance = {
      module,
      globals,
      sharedGlobals: new Map(),
      linkedFuncs: new Map(),
      firstImport: this.imported,
    };
    const number = this.instances.push(instance) - 1;
    this.imported += module.funcImports.length;
    this.importGlobals(number, given);
    const real = new Instance(source, this.imports(instance, given));
    const exports: Record<string, WebAssembly.ExportValue> = {};
    for (const x of module.exports) {
      const value = real.exports[x.name] as WebAssembly.ExportValue;
      if (x.kind === "memory") this.memory = value as WebAssembly.Memory;
      if (x.kind === "table") this.table = value as WebAssembly.Table;
      if (x.kind === "global") {
        const place = { instance: number, index: x.index };
        this.noteGlobal(globalTypeOf(module, x.index) as GlobalType, value, place);
      }
      exports[x.name] =
        x.kind === "func" ? this.wrapExport(number, x.index, value as AnyFunction) : value;
    }
    // What a later instance's segments put into memory comes from outside, as what JavaScript writes.
    if (first) this.leave();
    const result = Object.create(WebAssembly.Instance.prototype) as WebAssembly.Instance;
    return Object.defineProperty(result, "exports", { value: Object.freeze(exports) });
  }

  private importGlobals(number: number, given: WebAssembly.Imports): void {
    const { module, sharedGlobals } = this.instances[number] as LinkedInstance;
    module.globalImports.forEach((g, index) => {
      const known = this.noteGlobal(g, given[g.module]?.[g.name], { instance: number, index });
      if (known) sharedGlobals.set(index, known);
    });
  }

  /** Follows a global that JavaScript can set. Returns where it was seen before, if it was. */
  private noteGlobal(
    { type, mutable }: GlobalType,
    object: unknown,
    place: Reference,
  ): Reference | undefined {
    if (!mutable || !(object instanceof WebAssembly.Global)) return undefined;
    const known = this.settable.find((g) => g.object === object);
    if (!known) this.settable.push({ ...place, type, object, shadow: wordOf(type, object.value) });
    return known;
  }

  /** The import object with functions that record, but for those of the program itself. */
  private imports(instance: LinkedInstance, given: WebAssembly.Imports): WebAssembly.Imports {
    const { module: m, firstImport } = instance;
    const out: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    const give = ({ module, name }: { module: string; name: string }, value: unknown): void => {
      out[module] = { ...out[module], [name]: value as WebAssembly.ImportValue };
    };
    for (const entry of m.globalImports) give(entry, given[entry.module]?.[entry.name]);
    for (const entry of m.tableImports) {
      this.table = given[entry.module]?.[entry.name] as WebAssembly.Table;
      give(entry, this.table);
    }
    if (m.memoryImport) {
      const { module, name } = m.memoryImport;
      this.memory = given[module]?.[name] as WebAssembly.Memory;
      this.pages ??= this.memory.buffer.byteLength / 65536;
      give(m.memoryImport, this.memory);
    }
    m.funcImports.forEach((entry, i) => {
      const f = given[entry.module]?.[entry.name] as AnyFunction;
      const target = exported.get(f);
      if (target?.recorder === this) {
        instance.linkedFuncs.set(i, target);
        give(entry, target.real);
      } else {
        const name = `${entry.module}.${entry.name}`;
        give(entry, this.wrapImport(name, firstImport + i, funcTypeOf(m, i), f));
      }
    });
    return out;
  }

  private wrapImport(name: string, number: number, type: FuncType, f: AnyFunction): AnyFunction {
    return (...args) => {
      this.importCalls++;
      this.put(IMPORT | BigInt(number));
      type.params.forEach((t, n) => {
        this.put(wordOf(t, args[n]));
      });
      this.leave();
      let result: unknown;
      try {
        result = f(...args);
      } catch (error) {
        throw new NotRecordable(`${name} throws ${error}`);
      }
      this.enter();
      this.put(Step.Return);
      this.resultsOf(type, result);
      return result;
    };
  }

  private wrapExport(instance: number, index: number, real: AnyFunction): AnyFunction {
    // One function has one wrapper, whatever names it is exported by and wherever it is found.
    const before = recording.get(real);
    if (before) return before;
    const type = funcTypeOf((this.instances[instance] as LinkedInstance).module, index);
    const wrapper: AnyFunction = (...args) => {
      this.calls++;
      this.enter();
      let number = this.numbers.get(real);
      if (number === undefined) {
        number = this.exports.push({ instance, index }) - 1;
        this.numbers.set(real, number);
      }
      this.put(Step.Call + number);
      type.params.forEach((t, n) => {
        const missing = t === 0x7e ? 0n : 0;
        this.put(wordOf(t, args[n] ?? missing));
      });
      const result = real(...args);
      this.resultsOf(type, result);
      this.leave();
      return result;
    };
    exported.set(wrapper, { recorder: this, instance, index, real });
    recording.set(real, wrapper);
    return wrapper;
  }

  /** Notes that JavaScript puts `f` into the table, if the table is this program's. */
  setEntry(table: WebAssembly.Table, slot: number, before: unknown, f: AnyFunction): void {
    if (table !== this.table) return;
    const entry = exported.get(f);
    if (entry?.recorder !== this || this.tableEntries.has(slot) || before !== null) {
      throw new NotRecordable(
        `table entry ${slot} is replaced, or by a function that is not exported`,
      );
    }
    this.tableEntries.set(slot, entry);
  }

  finish(): Recording {
    this.put(Step.Return);
    return {
      instances: this.instances,
      exports: this.exports,
      settable: this.settable,
      tableEntries: this.tableEntries,
      tableSize: this.table?.length ?? 0,
      tape: this.words.slice(0, this.length),
      calls: this.calls,
      importCalls: this.importCalls,
      pages: this.pages,
      memory: this.shadow,
    };
  }
}

/** Runs `program` and returns what the instances it made did, in the order they were made. */
export async function record(program: () => unknown): Promise<Recording[]> {
  const bytesOf = new WeakMap<WebAssembly.Module, Uint8Array>();
  const recorders: Recorder[] = [];
  const real = {
    Module: WebAssembly.Module,
    Instance: WebAssembly.Instance,
    compile: WebAssembly.compile,
    instantiate: WebAssembly.instantiate,
  };
  const { get, set } = WebAssembly.Table.prototype;
  const compile = (source: BufferSource): WebAssembly.Module => {
    const bytes = ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source);
    const module = new real.Module(source);
    bytesOf.set(module, bytes.slice());
    return module;
  };
  const instantiate = (
    module: WebAssembly.Module,
    given: WebAssembly.Imports = {},
  ): WebAssembly.Instance => {
    const m = decodeModule(bytesOf.get(module) as Uint8Array);
    const memory = m.memoryImport && given[m.memoryImport.module]?.[m.memoryImport.name];
    let recorder = recorders.find((r) => memory && r.memory === memory);
    if (!recorder) {
      recorder = new Recorder();
      recorders.push(recorder);
    }
    return recorder.instantiate(module, m, given, real.Instance);
  };
  Object.assign(WebAssembly, {
    Module: new Proxy(real.Module, { construct: (_, [source]) => compile(source) }),
    Instance: new Proxy(real.Instance, {
      construct: (_, [module, given]) => instantiate(module, given),
    }),
    compile: async (source: BufferSource) => compile(source),
    instantiate: async (source: BufferSource | WebAssembly.Module, given?: WebAssembly.Imports) => {
      if (source instanceof real.Module) return instantiate(source, given);
      const module = compile(source);
      return { module, instance: instantiate(module, given) };
    },
  });
  Object.assign(WebAssembly.Table.prototype, {
    get(this: WebAssembly.Table, slot: number): unknown {
      const f = get.call(this, slot);
      return recording.get(f) ?? f;
    },
    set(this: WebAssembly.Table, slot: number, f: AnyFunction | null): void {
      const before = get.call(this, slot);
      // Throws where JavaScript tries a function of its own.
      set.call(this, slot, (f && exported.get(f)?.real) ?? f);
      if (f) for (const recorder of recorders) recorder.setEntry(this, slot, before, f);
    },
  });
  try {
    await program();
  } finally {
    Object.assign(WebAssembly, real);
    Object.assign(WebAssembly.Table.prototype, { get, set });
  }
  return recorders.map((recorder) => recorder.finish());
}
