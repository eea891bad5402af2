// Runs the scripts of the WebAssembly specification's test suite, as wast2json writes them, against the
// compiler: what must be refused is refused, what is called returns or traps as the script says.
// Modules run as Linux processes; what they import from `spectest` is built into them, other
// instances cannot be linked and are skipped with that reason.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodeModule } from "../../wasm/decode.ts";
import { WasmError } from "../../wasm/reader.ts";
import { toSpec } from "../../wasm/rewrite.ts";
import {
  F32,
  F64,
  funcTypeOf,
  globalTypeOf,
  I32,
  I64,
  type Module,
  type ValType,
} from "../../wasm/types.ts";
import {
  type Bytes,
  buildModule,
  f32Const,
  f64Const,
  i32Const,
  i64Const,
  uleb,
} from "../../wasm/writer.ts";
import { CompileError } from "../error.ts";
import { type Outcome, runNative } from "../fuzz/harness.ts";
import { TRAP_MESSAGES, TrapKind } from "../ir/ir.ts";
import { validateBody } from "../wasm/validate.ts";

interface Value {
  type: string;
  /** Bits in decimal, or `nan:canonical`, `nan:arithmetic`. */
  value?: string;
}

interface Action {
  type: "invoke" | "get";
  module?: string;
  field: string;
  args?: Value[];
}

interface Command {
  type: string;
  line: number;
  name?: string;
  as?: string;
  filename?: string;
  module_type?: "binary" | "text";
  text?: string;
  action?: Action;
  expected?: Value[];
}

export interface SpecResult {
  passed: number;
  /** `line: what went wrong`. */
  failures: string[];
  /** Number of skipped commands by reason. */
  skipped: Map<string, number>;
}

/** What `spectest` exports, by the test suite's documentation. */
const SPECTEST: Record<string, { global: number } | "function" | "memory" | "table"> = {
  print: "function",
  print_i32: "function",
  print_i64: "function",
  print_f32: "function",
  print_f64: "function",
  print_i32_f32: "function",
  print_f64_f64: "function",
  global_i32: { global: 666 },
  global_i64: { global: 666 },
  global_f32: { global: 666.6 },
  global_f64: { global: 666.6 },
  memory: "memory",
  table: "table",
};
const SPECTEST_MEMORY = { min: 1, max: 2 };
const SPECTEST_TABLE = 10;

/** Trap kinds by the start of the message the suite expects. */
const TRAPS: [string, number[]][] = [
  ["integer divide by zero", [TrapKind.DivideByZero]],
  // Conversions have one kind, for NaN and for what is too large.
  ["integer overflow", [TrapKind.IntegerOverflow, TrapKind.FloatToInt]],
  ["invalid conversion to integer", [TrapKind.FloatToInt]],
  ["out of bounds memory access", [TrapKind.MemoryBounds]],
  ["out of bounds table access", [TrapKind.TableBounds]],
  ["undefined", [TrapKind.TableIndex]],
  ["uninitialized", [TrapKind.IndirectCall]],
  ["indirect call", [TrapKind.IndirectCall]],
  ["unreachable", [TrapKind.Unreachable]],
];

const TYPES: Record<string, ValType> = { i32: I32, i64: I64, f32: F32, f64: F64 };
/** Bytes per call in the area of results: up to 32 values. */
const RESULT_BYTES = 256;

class Skip extends Error {}

interface Case {
  line: number;
  action: Action;
  /** What a passing outcome looks like. */
  check: (outcome: Outcome, words: bigint[]) => string | undefined;
}

/** A module of the script and the calls it gets, run once the script is read. */
interface Instance {
  module: Module;
  cases: Case[];
  /** Whether another instance may have changed its memory, table or globals. */
  shared: boolean;
}

function constant(value: Value): Bytes {
  const type = TYPES[value.type];
  if (type === undefined) throw new Skip("reference types");
  const bits = BigInt(value.value as string);
  if (type === I32) return i32Const(Number(BigInt.asIntN(32, bits)));
  if (type === I64) return i64Const(bits);
  return type === F32 ? f32Const(Number(bits)) : f64Const(bits);
}

/** Whether the word holds the expected value; the kinds of NaN are those of the script format. */
function matches(word: bigint, expected: Value): boolean {
  const type = TYPES[expected.type];
  const wide = type === I64 || type === F64;
  if (!expected.value?.startsWith("nan:")) {
    return word === BigInt.asUintN(wide ? 64 : 32, BigInt(expected.value as string));
  }
  const quiet = type === F64 ? 0x7ff8000000000000n : 0x7fc00000n;
  const sign = type === F64 ? 1n << 63n : 1n << 31n;
  const rest = word & ~sign;
  return expected.value === "nan:canonical" ? rest === quiet : (rest & quiet) === quiet;
}

/** Checks every body; throws WasmError. */
function validate(bytes: Uint8Array): Module {
  const module = decodeModule(bytes);
  module.funcs.forEach((_, i) => {
    validateBody(module, i);
  });
  return module;
}

function isProposal(error: unknown): boolean {
  return error instanceof WasmError && /proposal, which is not supported/.test(error.message);
}

/** The values of imported globals; throws Skip where something cannot be built in. */
function globalValues(m: Module): number[] {
  const imports = [...m.funcImports, ...m.globalImports];
  for (const i of [m.memoryImport, m.tableImport]) if (i) imports.push(i as (typeof imports)[0]);
  for (const { module, name } of imports) {
    if (module !== "spectest" || !Object.hasOwn(SPECTEST, name)) {
      throw new Skip("links to another instance");
    }
  }
  return m.globalImports.map(({ name }) => {
    const meaning = SPECTEST[name];
    if (typeof meaning !== "object") throw new Skip("links to another instance");
    return meaning.global;
  });
}

/** The module with a function for each case, which stores the results where the process shows them. */
function program(m: Module, cases: Case[]): Uint8Array {
  const native = [
    { module: "stub", name: "run", params: [], results: [] },
    { module: "x86", name: "store64", params: [I64, I64], results: [] },
    { module: "symbol", name: "area", params: [], results: [I64] },
  ] as { module: string; name: string; params: ValType[]; results: ValType[] }[];
  const [RUN, STORE, AREA] = [0, 1, 2];
  const imported = m.funcImports.length;
  const stubs = native.length + m.funcs.length;
  const func = (index: number): number =>
    index < imported ? stubs + index : native.length + index - imported;
  const same = (index: number): number => index;
  const map = { type: same, func, global: same, data: same, element: same };
  const spec = toSpec(m, globalValues(m), map);
  if (m.memoryImport) spec.memory = SPECTEST_MEMORY;
  if (m.tableImport) spec.table = Math.max(SPECTEST_TABLE, m.table?.min ?? 0);
  const types = m.types.slice();
  const typeOf = (params: ValType[], results: ValType[]): number =>
    types.push({ params, results }) - 1;
  spec.types = types;
  spec.imports = native.map((i) => ({
    module: i.module,
    name: i.name,
    type: typeOf(i.params, i.results),
  }));
  // Functions of spectest do nothing.
  for (const { typeIndex } of m.funcImports) {
    spec.funcs.push({ type: typeIndex, locals: [], code: [] });
  }
  const nothing = typeOf([], []);
  spec.exports = [];
  cases.forEach(({ action }, n) => {
    const exported = m.exports.find((x) => x.name === action.field);
    if (!exported) throw new Error(`no export ${action.field}`);
    const code: Bytes = [];
    let results: ValType[];
    if (action.type === "get") {
      results = [globalTypeOf(m, exported.index)?.type as ValType];
      code.push(0x23, ...uleb(exported.index));
    } else {
      ({ results } = funcTypeOf(m, exported.index));
      code.push(...(action.args ?? []).flatMap(constant), 0x10, ...uleb(func(exported.index)));
    }
    for (let i = results.length - 1; i >= 0; i--) code.push(0x21, ...uleb(i));
    results.forEach((type, i) => {
      const bits = { [I32]: [0xad], [I64]: [], [F32]: [0xbc, 0xad], [F64]: [0xbd] }[type];
      const offset = i64Const(BigInt(n * RESULT_BYTES + i * 8));
      code.push(0x10, AREA as number, ...offset, 0x7c, 0x20, ...uleb(i), ...bits);
      code.push(0x10, STORE as number);
    });
    const index = spec.imports.length + spec.funcs.length;
    spec.funcs.push({ type: nothing, locals: results, code });
    spec.exports.push({ name: `case ${n}`, kind: 0, index });
  });
  spec.exports.push({ name: "main", kind: 0, index: spec.imports.length + spec.funcs.length });
  const code = [0x10, RUN as number, ...i32Const(0)];
  spec.funcs.push({ type: typeOf([], [I32]), locals: [], code });
  return buildModule(spec);
}

export class SpecScript {
  private readonly path: string;
  private readonly result: SpecResult = { passed: 0, failures: [], skipped: new Map() };
  private readonly instances: Instance[] = [];
  private readonly byName = new Map<string, Instance | string>();
  private readonly registered = new Map<string, Instance | string>();
  /** The last module, or why it cannot be used. */
  private current: Instance | string = "no module yet";

  /** `path`: the .json file; the modules it names stand beside it. */
  constructor(path: string) {
    this.path = path;
  }

  private skip(reason: string, count = 1): void {
    const { skipped } = this.result;
    skipped.set(reason, (skipped.get(reason) ?? 0) + count);
  }

  private fail(line: number, problem: string): void {
    this.result.failures.push(`${line}: ${problem}`);
  }

  private bytes(command: Command): Uint8Array {
    return readFileSync(join(dirname(this.path), command.filename as string));
  }

  private module(command: Command): void {
    let instance: Instance | string;
    try {
      const module = validate(this.bytes(command));
      this.share(module);
      globalValues(module);
      instance = { module, cases: [], shared: false };
      this.instances.push(instance);
      this.result.passed++;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      instance = isProposal(error) ? "a proposal that is not supported" : error.message;
      if (error instanceof Skip || isProposal(error)) this.skip(instance);
      else this.fail(command.line, `a valid module is refused: ${error.message}`);
    }
    this.current = instance;
    if (command.name) this.byName.set(command.name, instance);
  }

  /** What a module imports from another instance can change there. */
  private share(m: Module): void {
    const others = [...m.funcImports, ...m.globalImports, m.memoryImport, m.tableImport];
    for (const entry of others) {
      const instance = this.registered.get(entry?.module ?? "");
      if (typeof instance === "object") instance.shared = true;
    }
  }

  private refuse(command: Command): void {
    if (command.module_type === "text") {
      this.skip("a module in the text format");
      return;
    }
    try {
      const bytes = this.bytes(command);
      validate(bytes);
      // Later versions of the specification allow more; V8 knows them.
      if (WebAssembly.validate(bytes as BufferSource)) this.skip("valid by a later version");
      else this.fail(command.line, `accepted, though ${command.text}`);
    } catch (error) {
      if (!(error instanceof WasmError)) throw error;
      this.result.passed++;
    }
  }

  private addCase(command: Command, check: Case["check"]): void {
    const action = command.action as Action;
    const instance = action.module ? this.byName.get(action.module) : this.current;
    if (typeof instance !== "object") {
      this.skip(instance ?? "an unknown module");
      return;
    }
    if (instance.shared) {
      this.skip("links to another instance");
      return;
    }
    try {
      for (const arg of action.args ?? []) constant(arg);
      for (const value of command.expected ?? []) {
        if (!(value.type in TYPES)) throw new Skip("reference types");
      }
    } catch (error) {
      if (!(error instanceof Skip)) throw error;
      this.skip(error.message);
      return;
    }
    instance.cases.push({ line: command.line, action, check });
  }

  /** A module whose instantiation traps. */
  private uninstantiable(command: Command): void {
    try {
      const module = validate(this.bytes(command));
      this.share(module);
      runNative(program(module, []), [], 0, { verify: true });
      this.fail(command.line, `instantiated, though ${command.text}`);
    } catch (error) {
      if (error instanceof Skip || isProposal(error)) this.skip((error as Error).message);
      else if (error instanceof Error && /ended with SIG/.test(error.message)) this.result.passed++;
      else throw error;
    }
  }

  private command(command: Command): void {
    switch (command.type) {
      case "module":
        this.module(command);
        return;
      case "assert_invalid":
      case "assert_malformed":
        this.refuse(command);
        return;
      case "action":
      case "assert_return":
        this.addCase(command, (outcome, words) => {
          if (outcome.trap) return `traps: ${TRAP_MESSAGES[outcome.trap]}`;
          const wrong = (command.expected ?? []).findIndex(
            (value, i) => !matches(words[i] as bigint, value),
          );
          if (command.type === "action" || wrong < 0) return undefined;
          const { type, value } = (command.expected as Value[])[wrong] as Value;
          return `result ${wrong} is ${words[wrong]}, ${type} ${value} expected`;
        });
        return;
      case "assert_trap":
        this.addCase(command, (outcome) => {
          const kinds = TRAPS.find(([text]) => command.text?.startsWith(text))?.[1] ?? [];
          if (kinds.includes(outcome.trap)) return undefined;
          return `${TRAP_MESSAGES[outcome.trap]}, "${command.text}" expected`;
        });
        return;
      case "assert_exhaustion":
        // The guard page below the stack: a fault that is no trap of the table.
        this.addCase(command, (outcome) =>
          outcome.trap === TrapKind.MemoryBounds ? undefined : "the stack is not exhausted",
        );
        return;
      case "assert_uninstantiable":
        this.uninstantiable(command);
        return;
      case "register": {
        const instance = command.name ? this.byName.get(command.name) : this.current;
        this.registered.set(command.as as string, instance as Instance | string);
        return;
      }
      default:
        this.skip("links to another instance");
    }
  }

  private runInstance({ module, cases }: Instance): void {
    if (cases.length === 0 && module.start === undefined && module.data.length === 0) return;
    const calls = cases.map((_, n) => ({ name: `case ${n}`, params: [], results: [], args: [] }));
    const area = cases.length * RESULT_BYTES;
    const { outcomes, area: out } = runNative(program(module, cases), calls, 0, {
      verify: true,
      area,
    });
    const view = new DataView(out.buffer, out.byteOffset, out.length);
    cases.forEach(({ line, action, check }, n) => {
      const words = Array.from({ length: RESULT_BYTES / 8 }, (_, i) =>
        view.getBigUint64(n * RESULT_BYTES + i * 8, true),
      );
      const problem = check(outcomes[n] as Outcome, words);
      if (problem === undefined) this.result.passed++;
      else this.fail(line, `${action.field}: ${problem}`);
    });
  }

  run(): SpecResult {
    const { commands } = JSON.parse(readFileSync(this.path, "utf8")) as { commands: Command[] };
    for (const command of commands) this.command(command);
    for (const instance of this.instances) {
      try {
        this.runInstance(instance);
      } catch (error) {
        const line = instance.cases[0]?.line ?? 0;
        if (error instanceof CompileError || error instanceof Error) this.fail(line, error.message);
        else throw error;
      }
    }
    return this.result;
  }
}
