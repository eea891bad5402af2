// What debuggers are told about functions: names, places and types from the program's description, inlined calls from
// source positions, and where parameters and variables are, from the values that the register allocator has placed.

import {
  constant,
  type DebugFunction,
  type DebugVariable,
  dwarfRegister,
  dwarfXmm,
  type InlinedCall,
  inFrame,
  inRegister,
  windowPointer,
} from "../../elf/index.ts";
import type { FunctionDescription } from "../../wasm/description.ts";
import type { LocalChange } from "../ir/build.ts";
import { I32, Op, type Type, type Value } from "../ir/ir.ts";
import { copyNumber, fileOffset } from "../ir/position.ts";
import { FIRST_SLOT, type LFunc } from "../regalloc/lir.ts";
import type { Allocation } from "../regalloc/resolve.ts";
import type { SourceMap } from "../wasm/sourcemap.ts";
import type { CodePosition, EmittedFunction } from "../x64/emit.ts";
import { R15 } from "../x64/encoder.ts";
import { assignParams } from "../x64/machine.ts";
import { Scopes, type SourceRow, sameSource } from "./scopes.ts";
import { DebugTypes } from "./types.ts";

/** SSE registers are numbered behind the general ones. */
const FIRST_SSE = 16;
/** Instructions times changes of variables beyond which a function's variables are left out: it takes as long. */
const MAX_WORK = 4_000_000;

/** A compiled function with what led to it. */
export interface Compiled {
  /** Name in the name section. */
  name: string | undefined;
  /** Of its parameters. */
  types: Type[];
  changes: readonly LocalChange[];
  /** Positions of its calls of itself in whose place copies stand, by number of the copy, from 1. */
  calls: readonly number[];
  lir: LFunc;
  allocation: Allocation;
  emitted: EmittedFunction;
  start: number;
  end: number;
}

interface Variable {
  owner: FunctionDescription;
  name: string;
  type: string;
  parameter: boolean;
  changes: LocalChange[];
}

/** Collects the functions of one object. */
export class DebugFunctions {
  readonly list: DebugFunction[] = [];
  readonly types: DebugTypes;
  private readonly map: SourceMap;
  private readonly scopes: Scopes;
  private readonly window: boolean;

  /** Undefined where the source map says nothing about the program. `window`: R15 holds the window's base. */
  static of(map: SourceMap | undefined, window: boolean): DebugFunctions | undefined {
    return map?.description && new DebugFunctions(map, window);
  }

  private constructor(map: SourceMap, window: boolean) {
    const description = map.description as NonNullable<SourceMap["description"]>;
    this.map = map;
    this.window = window;
    this.scopes = new Scopes(description);
    this.types = new DebugTypes(description.classes, !window);
  }

  /** Adds a function; `positions` are those of its code. */
  add(f: Compiled, positions: readonly CodePosition[]): void {
    const own = this.scopes.named(f.name);
    if (!own) return;
    const rows: SourceRow[] = [];
    for (const { offset, pos } of positions) {
      const source = pos ? this.map.at(fileOffset(pos)) : undefined;
      const copy = copyNumber(pos);
      const call = copy > 0 ? this.map.at(f.calls[copy - 1] as number) : undefined;
      const last = rows[rows.length - 1];
      if (!last || last.source !== source || last.call !== call)
        rows.push({ offset, source, call });
    }
    const inlined = this.scopes.inlined(own, rows, f.end);
    const variables = this.variables(f, own);
    const sources = variables.length > 0 ? instructionSources(f.lir) : [];
    const placed = variables.map((variable): [Variable, DebugVariable] => [
      variable,
      this.place(variable, f, sources),
    ]);
    this.attach(inlined, placed);
    this.list.push({
      section: 0,
      start: f.start,
      name: own.label,
      file: own.file,
      line: own.start[0],
      result: own.result === "" ? undefined : this.types.result(own.result),
      variables: placed.filter(([{ owner }]) => sameSource(owner, own)).map(([, v]) => v),
      inlined,
    });
  }

  /** Parameters, and variables by the source positions at which locals are set. */
  private variables(f: Compiled, own: FunctionDescription): Variable[] {
    const found: Variable[] = [];
    const byName = new Map<string, Variable[]>();
    const variable = (
      owner: FunctionDescription,
      name: string,
      type: string,
      parameter: boolean,
    ): Variable => {
      let named = byName.get(name);
      if (!named) {
        named = [];
        byName.set(name, named);
      }
      let known = named.find((each) => sameSource(each.owner, owner));
      if (!known) {
        known = { owner, name, type, parameter, changes: [] };
        named.push(known);
        found.push(known);
      }
      return known;
    };
    const current = new Map<number, Variable>();
    // The optimizer may have taken parameters away; then it is not known which.
    const parameters = own.parameters.length === f.types.length ? own.parameters : [];
    parameters.forEach(([name, type], i) => {
      current.set(i, variable(own, name, type, true));
    });
    for (const change of f.changes) {
      if (change.set) {
        const source = this.map.at(change.pos);
        const owner = source && this.scopes.at(source);
        const match = owner?.variables.find(
          ([line, column]) => line === source?.line && column === source.column,
        );
        if (owner && match) {
          current.set(change.local, variable(owner, match[2], match[3], false));
        } else current.delete(change.local);
      }
      current.get(change.local)?.changes.push(change);
    }
    const changes = found.reduce((sum, each) => sum + each.changes.length, 0);
    return changes * f.emitted.steps.length > MAX_WORK ? [] : found;
  }

  /** `sources` are the wasm positions of the function's instructions. */
  private place(variable: Variable, f: Compiled, sources: readonly number[]): DebugVariable {
    const { steps } = f.emitted;
    const { changes } = variable;
    const ranges: DebugVariable["ranges"] = [];
    const incoming = this.incoming(variable, f);
    if (incoming) ranges.push(incoming.range);
    let before = -1;
    let value: Value | undefined;
    let last = incoming?.range;
    let place: Value | number | undefined = incoming?.register;
    for (let i = 0; i < steps.length; i += 2) {
      const start = steps[i] as number;
      const k = steps[i + 1] as number;
      const pos = sources[k] as number;
      // In a copy of the function variables have other values, of which nothing is noted.
      if (pos !== before) value = copyNumber(pos) > 0 ? undefined : valueAt(changes, pos);
      before = pos;
      const here = value && placeOf(value, k, f);
      if (here === undefined) continue;
      const end = steps[i + 2] ?? f.end;
      if (incoming && end <= incoming.range.end) continue;
      // Expressions are made once a range: most instructions change no place.
      if (last?.end === start && place === here) last.end = end;
      else if (end > start) {
        const expression = this.expression(here, variable.type, f);
        if (!expression) continue;
        last = { start, end, expression };
        place = here;
        ranges.push(last);
      }
    }
    const { name, type, parameter } = variable;
    return { name, type: this.types.of(type), parameter, ranges };
  }

  /** A parameter is where the caller has put it until the code that takes it has run. */
  private incoming(
    variable: Variable,
    f: Compiled,
  ): { range: DebugVariable["ranges"][number]; register: number } | undefined {
    const first = variable.changes[0];
    if (!variable.parameter || !first || first.set || first.value.op !== Op.Param) return undefined;
    const { registers, offsets } = assignParams(f.types);
    const register = registers[first.value.imm] as number;
    // The first instructions take the parameters out of their registers, one after the other; what is not used may be
    // overwritten from then on.
    const vreg = f.lir.values[first.value.id] ?? 0;
    const { steps } = f.emitted;
    let end = steps[0] ?? f.end;
    for (let i = 0; vreg > 0 && i < steps.length; i += 2) {
      if (f.allocation.liveAt(vreg, (steps[i + 1] as number) * 4) !== undefined) {
        end = steps[i] as number;
        break;
      }
    }
    const frame = offsets[first.value.imm] as number;
    const expression =
      register < 0 ? this.inMemory(frame, variable.type) : this.inRegister(register, variable.type);
    return { range: { start: f.start, end, expression }, register };
  }

  private expression(place: Value | number, type: string, f: Compiled): number[] | undefined {
    if (typeof place !== "number") {
      return this.isPointer(type)
        ? undefined
        : constant(place.type === I32 ? BigInt(place.imm) : place.big);
    }
    return place >= FIRST_SLOT
      ? this.inMemory(f.emitted.slotOffset(place), type)
      : this.inRegister(place, type);
  }

  private inMemory(frame: number, type: string): number[] {
    if (!this.isPointer(type)) return inFrame(frame);
    return windowPointer(dwarfRegister(R15), { frame });
  }

  private inRegister(location: number, type: string): number[] {
    if (location >= FIRST_SSE) return inRegister(dwarfXmm(location - FIRST_SSE));
    const register = dwarfRegister(location);
    if (!this.isPointer(type)) return inRegister(register);
    return windowPointer(dwarfRegister(R15), { register });
  }

  /** Whether debuggers are to see an address where the program has an offset. */
  private isPointer(type: string): boolean {
    return this.window && this.types.isClass(type);
  }

  /** Gives inlined calls the variables of their functions, as far as they are there in their code. */
  private attach(
    calls: readonly InlinedCall[],
    placed: readonly (readonly [Variable, DebugVariable])[],
  ): void {
    for (const call of calls) {
      for (const [{ owner }, variable] of placed) {
        if (owner.label !== call.name) continue;
        const ranges = call.ranges.flatMap((range) => clip(variable.ranges, range));
        if (ranges.length > 0) call.variables.push({ ...variable, parameter: false, ranges });
      }
      this.attach(call.inlined, placed);
    }
  }
}

/** The wasm position of each instruction. */
function instructionSources(lir: LFunc): number[] {
  const sources: number[] = [];
  for (const { insts } of lir.blocks) for (const { pos } of insts) sources.push(pos);
  return sources;
}

/** Where instruction `k` finds `value`: a location, the value itself if it is a constant, or nowhere. */
function placeOf(value: Value, k: number, f: Compiled): Value | number | undefined {
  if (value.op === Op.Const) return value;
  const vreg = f.lir.values[value.id] ?? 0;
  if (vreg <= 0) return undefined;
  const location = f.allocation.liveAt(vreg, k * 4);
  if (location !== undefined) return location;
  const copy = f.lir.copies.get(vreg);
  return copy === undefined ? undefined : f.allocation.liveAt(copy, k * 4);
}

/** The value that the last of the changes before wasm position `pos` has given. */
function valueAt(changes: readonly LocalChange[], pos: number): Value | undefined {
  for (let i = changes.length - 1; i >= 0; i--) {
    const { set, pos: at, value } = changes[i] as LocalChange;
    if (set ? at < pos : at <= pos) return value;
  }
  return undefined;
}

function clip(
  ranges: DebugVariable["ranges"],
  bounds: { start: number; end: number },
): DebugVariable["ranges"] {
  return ranges.flatMap(({ start, end, expression }) => {
    const from = Math.max(start, bounds.start);
    const to = Math.min(end, bounds.end);
    return from < to ? [{ start: from, end: to, expression }] : [];
  });
}
