// Records what a program does with its wasm modules in V8: every call of an export with arguments and
// results, every call of an import with its answer, and all that JavaScript writes into memory between
// them. program.ts makes an executable of it that does the same without JavaScript.

import { decodeModule } from "../../wasm/decode.ts";
import {
  F32,
  F64,
  type FuncType,
  funcTypeOf,
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

/** What one instance did. */
export interface Recording {
  module: Module;
  /** Exported functions in the order of their numbers on the tape. */
  exports: { name: string; index: number }[];
  tape: BigUint64Array;
  /** Calls of exports and of imports. */
  calls: number;
  importCalls: number;
  /** Values of imported globals, by index. */
  globals: (number | bigint)[];
  /** Pages of an imported memory when the instance was made. */
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

const PAGE = 4096;

class Recorder {
  readonly module: Module;
  readonly exports: { name: string; index: number }[] = [];
  private readonly numbers = new Map<string, number>();
  private words = new BigUint64Array(1 << 16);
  private length = 0;
  private memory: WebAssembly.Memory | undefined;
  private shadow = new Uint8Array(0);
  calls = 0;
  importCalls = 0;

  constructor(bytes: Uint8Array) {
    this.module = decodeModule(bytes);
  }

  private put(word: bigint | number): void {
    if (this.length === this.words.length) {
      const bigger = new BigUint64Array(this.words.length * 2);
      bigger.set(this.words);
      this.words = bigger;
    }
    this.words[this.length++] = BigInt(word);
  }

  /** Remembers memory as compiled code leaves it. */
  private leave(): void {
    if (!this.memory) return;
    const now = new Uint8Array(this.memory.buffer);
    if (this.shadow.length === now.length) this.shadow.set(now);
    else this.shadow = now.slice();
  }

  /** Puts what JavaScript has changed since on the tape. */
  private enter(): void {
    if (!this.memory) return;
    const now = new Uint8Array(this.memory.buffer);
    if (now.length > this.shadow.length) {
      this.put(Step.Grow);
      this.put((now.length - this.shadow.length) / 65536);
      const grown = new Uint8Array(now.length);
      grown.set(this.shadow);
      this.shadow = grown;
    }
    for (let at = 0; at < now.length; at += PAGE) {
      const a = now.subarray(at, at + PAGE);
      if (Buffer.compare(a, this.shadow.subarray(at, at + PAGE)) !== 0) this.page(now, at);
    }
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

  /** The import object with functions that record. */
  imports(given: WebAssembly.Imports): WebAssembly.Imports {
    const out: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module, name } of [...this.module.globalImports, ...this.tables()]) {
      out[module] = { ...out[module], [name]: given[module]?.[name] as WebAssembly.ImportValue };
    }
    const { memoryImport } = this.module;
    if (memoryImport) {
      const { module, name } = memoryImport;
      const memory = given[module]?.[name] as WebAssembly.Memory;
      out[module] = { ...out[module], [name]: memory };
      this.memory = memory;
    }
    this.module.funcImports.forEach(({ module, name }, i) => {
      const type = funcTypeOf(this.module, i);
      const f = given[module]?.[name] as (...args: unknown[]) => unknown;
      const wrapped = (...args: unknown[]): unknown => {
        this.importCalls++;
        this.put(IMPORT | BigInt(i));
        type.params.forEach((t, n) => {
          this.put(wordOf(t, args[n]));
        });
        this.leave();
        let result: unknown;
        try {
          result = f(...args);
        } catch (error) {
          throw new NotRecordable(`${module}.${name} throws ${error}`);
        }
        this.enter();
        this.put(Step.Return);
        this.resultsOf(type, result);
        return result;
      };
      out[module] = { ...out[module], [name]: wrapped };
    });
    return out;
  }

  private tables(): { module: string; name: string }[] {
    return this.module.tableImport ? [this.module.tableImport] : [];
  }

  /** The instance with exports that record. */
  instance(real: WebAssembly.Instance): WebAssembly.Instance {
    const exports: Record<string, WebAssembly.ExportValue> = {};
    for (const x of this.module.exports) {
      const value = real.exports[x.name] as WebAssembly.ExportValue;
      if (x.kind === "memory") this.memory = value as WebAssembly.Memory;
      exports[x.name] = x.kind === "func" ? this.wrapExport(x.name, x.index, value) : value;
    }
    this.leave();
    const instance = Object.create(WebAssembly.Instance.prototype) as WebAssembly.Instance;
    return Object.defineProperty(instance, "exports", { value: Object.freeze(exports) });
  }

  private wrapExport(name: string, index: number, value: unknown): () => unknown {
    const type = funcTypeOf(this.module, index);
    const f = value as (...args: unknown[]) => unknown;
    return (...args: unknown[]): unknown => {
      this.calls++;
      this.enter();
      let number = this.numbers.get(name);
      if (number === undefined) {
        number = this.exports.push({ name, index }) - 1;
        this.numbers.set(name, number);
      }
      this.put(Step.Call + number);
      type.params.forEach((t, n) => {
        const missing = t === 0x7e ? 0n : 0;
        this.put(wordOf(t, args[n] ?? missing));
      });
      const result = f(...args);
      this.resultsOf(type, result);
      this.leave();
      return result;
    };
  }

  finish(globals: (number | bigint)[], pages: number | undefined): Recording {
    this.put(Step.Return);
    return {
      module: this.module,
      exports: this.exports,
      tape: this.words.slice(0, this.length),
      calls: this.calls,
      importCalls: this.importCalls,
      globals,
      pages,
      memory: this.shadow,
    };
  }
}

/** Runs `program` and returns what each instance it made did, in the order they were made. */
export async function record(program: () => unknown): Promise<Recording[]> {
  const bytesOf = new WeakMap<WebAssembly.Module, Uint8Array>();
  const finishers: (() => Recording)[] = [];
  const real = {
    Module: WebAssembly.Module,
    Instance: WebAssembly.Instance,
    compile: WebAssembly.compile,
    instantiate: WebAssembly.instantiate,
  };
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
    const recorder = new Recorder(bytesOf.get(module) as Uint8Array);
    const m = recorder.module;
    const globals = m.globalImports.map((g): number | bigint => {
      const value = given[g.module]?.[g.name] as WebAssembly.Global | number | bigint;
      return typeof value === "object" ? value.value : value;
    });
    const memory =
      m.memoryImport &&
      (given[m.memoryImport.module]?.[m.memoryImport.name] as WebAssembly.Memory | undefined);
    const pages = memory && memory.buffer.byteLength / 65536;
    finishers.push(() => recorder.finish(globals, pages));
    return recorder.instance(new real.Instance(module, recorder.imports(given)));
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
  try {
    await program();
  } finally {
    Object.assign(WebAssembly, real);
  }
  return finishers.map((finish) => finish());
}
