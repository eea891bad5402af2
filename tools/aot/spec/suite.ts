// Runs the scripts of the WebAssembly specification's test suite, as wast2json writes them, against the
// compiler: what must be refused is refused, what is called returns or traps as the script says.
// Instances that are linked with each other run as one Linux process, which instantiates and calls in
// the script's order.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodeModule } from "../../wasm/decode.ts";
import {
  GrownError,
  type Instance,
  instantiate,
  MemoriesError,
  Program,
  UnlinkableError,
} from "../../wasm/link.ts";
import { WasmError } from "../../wasm/reader.ts";
import { funcTypeOf, type GlobalType, globalTypeOf, I32, type Module } from "../../wasm/types.ts";
import { type Bytes, buildModule, uleb } from "../../wasm/writer.ts";
import { type Outcome, runNative } from "../fuzz/harness.ts";
import { TRAP_MESSAGES, TrapKind } from "../ir/ir.ts";
import { validateBody } from "../wasm/validate.ts";
import { SPECTEST } from "./spectest.ts";
import {
  HOST_IMPORTS,
  isKnown,
  MAIN,
  pushValue,
  RESULT_BYTES,
  storeResults,
  type Value,
  wrongResult,
} from "./values.ts";

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

class Skip extends Error {}

type Check = (outcome: Outcome, area: DataView, n: number) => string | undefined;

/** Something the process does: it instantiates, or calls or reads an export. */
interface Step {
  line: number;
  instance: Instance;
  action: Action | undefined;
  /** What is wrong with the outcome. */
  check: Check;
}

/** Instances that share something, in the order of the script, and what happens to them. */
interface Group {
  instances: Instance[];
  steps: Step[];
}

function trapOf(outcome: Outcome, text: string | undefined): string | undefined {
  const kinds = TRAPS.find(([start]) => text?.startsWith(start))?.[1] ?? [];
  if (kinds.includes(outcome.trap)) return undefined;
  return `${TRAP_MESSAGES[outcome.trap]}, "${text}" expected`;
}

const noTrap: Check = ({ trap }) => (trap ? `traps: ${TRAP_MESSAGES[trap]}` : undefined);

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

/** Why a command cannot be judged, where that is what the error says. */
function skipReason(error: unknown): string | undefined {
  if (error instanceof Skip) return error.message;
  if (error instanceof GrownError) return "linking by a size that is known at run time only";
  return isProposal(error) ? "a proposal that is not supported" : undefined;
}

/** The module with a function for each step. */
function program({ instances, steps }: Group): Uint8Array {
  const p = new Program(instances, { imports: HOST_IMPORTS, spare: [SPECTEST] });
  const { spec } = p;
  const nothing = p.type([], []);
  steps.forEach(({ instance, action }, n) => {
    const name = `case ${n}`;
    const { module } = instance;
    if (!action) {
      spec.exports.push({ name, kind: 0, index: p.startOf(instance) });
      return;
    }
    const exported = module.exports.find((x) => x.name === action.field);
    if (!exported) throw new Error(`no export ${action.field}`);
    let code: Bytes;
    let results = [(globalTypeOf(module, exported.index) as GlobalType)?.type];
    if (action.type === "get") code = [0x23, ...uleb(p.index("global", instance, exported.index))];
    else {
      ({ results } = funcTypeOf(module, exported.index));
      const func = uleb(p.index("func", instance, exported.index));
      code = [...(action.args ?? []).flatMap(pushValue), 0x10, ...func];
    }
    const index = p.func(nothing, results, [...code, ...storeResults(results, n)]);
    spec.exports.push({ name, kind: 0, index });
  });
  spec.exports.push({ name: "main", kind: 0, index: p.func(p.type([], [I32]), [], MAIN) });
  return buildModule(spec);
}

export class SpecScript {
  private readonly path: string;
  private readonly result: SpecResult = { passed: 0, failures: [], skipped: new Map() };
  private readonly groups = new Map<Instance, Group>();
  private readonly byName = new Map<string, Instance | string>();
  private readonly registered = new Map<string, Instance | string>([["spectest", SPECTEST]]);
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

  /** An instance of the command's module, in the group of all that it is linked with. */
  private instance(command: Command): Instance {
    const instance = instantiate(validate(this.bytes(command)), (name) => {
      const known = this.registered.get(name);
      if (known === undefined) throw new UnlinkableError(`unknown import: module "${name}"`);
      if (typeof known === "string") throw new Skip(known);
      return known;
    });
    const group: Group = { instances: [], steps: [] };
    const linked = Object.values(instance.imports).flatMap((items) =>
      items.flatMap((item) => (item ? [item.instance] : [])),
    );
    const others = new Set(linked.filter((i) => i !== SPECTEST).map((i) => this.groups.get(i)));
    for (const other of others) {
      group.instances.push(...(other as Group).instances);
      group.steps.push(...(other as Group).steps);
    }
    if (linked.includes(SPECTEST) && !group.instances.includes(SPECTEST)) {
      group.instances.push(SPECTEST);
    }
    group.instances.push(instance);
    group.steps.sort((a, b) => a.line - b.line);
    for (const member of group.instances) this.groups.set(member, group);
    this.groups.delete(SPECTEST);
    return instance;
  }

  private addStep(
    instance: Instance,
    action: Action | undefined,
    line: number,
    check: Check,
  ): void {
    this.groups.get(instance)?.steps.push({ line, instance, action, check });
  }

  private module(command: Command): void {
    let instance: Instance | string;
    try {
      instance = this.instance(command);
      this.addStep(instance, undefined, command.line, noTrap);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      instance = skipReason(error) ?? error.message;
      if (skipReason(error) !== undefined) this.skip(instance);
      else this.fail(command.line, `a valid module is refused: ${error.message}`);
    }
    this.current = instance;
    if (command.name) this.byName.set(command.name, instance);
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

  private addCase(command: Command, check: Check): void {
    const action = command.action as Action;
    const instance = action.module ? this.byName.get(action.module) : this.current;
    if (typeof instance !== "object") this.skip(instance ?? "an unknown module");
    else if (![...(action.args ?? []), ...(command.expected ?? [])].every(isKnown)) {
      this.skip("values of an unknown type");
    } else this.addStep(instance, action, command.line, check);
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
        this.addCase(command, noTrap);
        return;
      case "assert_return":
        this.addCase(
          command,
          (outcome, area, n) =>
            noTrap(outcome, area, n) ?? wrongResult(area, n, command.expected ?? []),
        );
        return;
      case "assert_trap":
        this.addCase(command, (outcome) => trapOf(outcome, command.text));
        return;
      case "assert_exhaustion":
        // The guard page below the stack: a fault that is no trap of the table.
        this.addCase(command, (outcome) =>
          outcome.trap === TrapKind.MemoryBounds ? undefined : "the stack is not exhausted",
        );
        return;
      case "assert_uninstantiable":
        this.fails(command, () => {
          const instance = this.instance(command);
          this.addStep(instance, undefined, command.line, (outcome) =>
            trapOf(outcome, command.text),
          );
        });
        return;
      case "assert_unlinkable":
        // Since version 2 this is a trap of the instantiation, after what came before has been copied.
        if (/segment does not fit/.test(command.text ?? "")) {
          this.skip("segments that version 1 compares with their bounds when it links");
          return;
        }
        this.fails(command, () => {
          this.instance(command);
          this.fail(command.line, `linked, though ${command.text}`);
        });
        return;
      case "register": {
        const instance = command.name ? this.byName.get(command.name) : this.current;
        this.registered.set(command.as as string, instance as Instance | string);
        return;
      }
      default:
        this.skip(`command ${command.type}`);
    }
  }

  /** A module that must not become an instance. */
  private fails(command: Command, link: () => void): void {
    try {
      link();
    } catch (error) {
      const reason = skipReason(error);
      if (error instanceof UnlinkableError && command.type === "assert_unlinkable") {
        this.result.passed++;
      } else if (reason !== undefined) this.skip(reason);
      else if (error instanceof Error) this.fail(command.line, error.message);
      else throw error;
    }
  }

  private runGroup(group: Group): void {
    const { steps } = group;
    const calls = steps.map((_, n) => ({ name: `case ${n}`, params: [], results: [], args: [] }));
    const { outcomes, area } = runNative(program(group), calls, 0, {
      verify: true,
      features: { sse41: true, popcnt: true },
      area: steps.length * RESULT_BYTES,
    });
    const view = new DataView(area.buffer, area.byteOffset, area.length);
    steps.forEach(({ line, action, check }, n) => {
      const problem = check(outcomes[n] as Outcome, view, n);
      if (problem === undefined) this.result.passed++;
      else this.fail(line, `${action?.field ?? "instantiation"}: ${problem}`);
    });
  }

  run(): SpecResult {
    const { commands } = JSON.parse(readFileSync(this.path, "utf8")) as { commands: Command[] };
    for (const command of commands) this.command(command);
    for (const group of new Set(this.groups.values())) {
      try {
        this.runGroup(group);
      } catch (error) {
        const { message } = error as Error;
        if (error instanceof MemoriesError) this.skip(message, group.steps.length);
        else this.fail(group.steps[0]?.line ?? 0, message);
      }
    }
    return this.result;
  }
}
