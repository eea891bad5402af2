// The flags where a loop of a region begins anew. They are computed from operands of the last arithmetic instruction, and
// most rounds only overwrite them; but a local that a round gives to the next one has to be there, needed or not. So
// a way back to the loop's head says how they are computed, and who asks for them computes them: mostly rare ways out. Some
// engines would move that from the head to where it is needed, others not.

import type { ValType } from "../../wasm/types.ts";
import type { Chunk, Code } from "./code.ts";
import { binary, I32_EQ, select } from "./fold.ts";
import { FLAG_AUX, FLAG_RES, type StateLocals } from "./state-locals.ts";
import { alike, emit, I32, i32, LOCAL, local, SELECT, traps, type Value } from "./value.ts";

/** Ways to compute the flags that a head knows; on others they are computed before the branch. */
const MAX_FORMS = 3;
/** Instructions of a form, and values that it needs besides registers. */
const MAX_NODES = 48;
const MAX_CARRIED = 2;
/** Who asks for flags, up to how many; beyond that they are computed at the head. */
const MAX_READS = 16;

/** The two words of the flags, over what locals hold at the loop's head. */
interface Form {
  readonly res: Value;
  readonly aux: Value;
}

/** What a way back does in place of computing the flags. */
export interface Deferred {
  /** Values that go to locals for the form's sake. */
  readonly moves: readonly { readonly value: Value; readonly to: number }[];
  /** Number of the form, for the local `form`. */
  readonly number: number;
}

export class LoopFlags {
  /** Local: which form the flags have, 0 if they are in their own locals. It is 0 but on the way to the head. */
  readonly form: number;
  readonly #code: Code;
  readonly #state: StateLocals;
  readonly #head: Chunk;
  readonly #res: Value;
  readonly #aux: Value;
  readonly #forms: Form[] = [];
  readonly #carried: Value[] = [];
  readonly #reads: readonly (readonly [flags: keyof Form, chunks: readonly Chunk[]])[];

  /** Begins at `code.chunk`, where the loop's construct has been opened. */
  constructor(code: Code, state: StateLocals) {
    this.#code = code;
    this.#state = state;
    this.#head = code.chunk.insert();
    this.form = code.local(I32);
    const field = (f: number): Value => {
      const { type } = state.canonical(f);
      const value = local(type, code.local(type));
      value.uses = 2;
      return value;
    };
    this.#res = field(FLAG_RES);
    this.#aux = field(FLAG_AUX);
    this.#reads = [
      ["res", code.leaveReads(this.#res.n)],
      ["aux", code.leaveReads(this.#aux.n)],
    ];
  }

  /** The flags of a path that begins at the head. */
  bind(): void {
    this.#state.bindings[FLAG_RES] = this.#res;
    this.#state.bindings[FLAG_AUX] = this.#aux;
  }

  /** How a way back with these bindings, all others of which go to their locals, can leave the flags to the head. */
  defer(bindings: readonly (Value | undefined)[]): Deferred | undefined {
    const aux = bindings[FLAG_AUX];
    // There is nothing to be saved.
    if (aux === undefined || aux.op < 0) return undefined;
    const moves: { value: Value; to: number }[] = [];
    const translate = this.#translation(bindings, moves);
    const form = {
      res: translate(bindings[FLAG_RES] ?? this.#state.canonical(FLAG_RES)),
      aux: translate(aux),
    };
    if (form.res === undefined || form.aux === undefined) return undefined;
    const number = this.#numberOf(form as Form);
    return number === undefined ? undefined : { moves, number };
  }

  #numberOf(form: Form): number | undefined {
    const known = this.#forms.findIndex((f) => alike(f.res, form.res) && alike(f.aux, form.aux));
    if (known >= 0) return known + 1;
    return this.#forms.length < MAX_FORMS ? this.#forms.push(form) : undefined;
  }

  /** Values at the end of a round by what holds them at the head; undefined where they are not to be had there. */
  #translation(
    bindings: readonly (Value | undefined)[],
    moves: { value: Value; to: number }[],
  ): (value: Value) => Value | undefined {
    const state = this.#state;
    const named = new Map<Value, Value>();
    const held = new Map<number, Value>();
    for (const [f, value] of bindings.entries()) {
      if (value === undefined || f === FLAG_RES || f === FLAG_AUX) continue;
      named.set(value, state.canonical(f));
      if (value.op === LOCAL) held.set(value.n, state.canonical(f));
    }
    let nodes = 0;
    let possible = true;
    const carry = (value: Value): Value => {
      const before = moves.find((m) => m.value.n === value.n);
      const to = before?.to ?? this.#carrier(value, moves.length);
      if (to === undefined) possible = false;
      else if (before === undefined) moves.push({ value, to });
      return local(value.type, to ?? -1, value.width);
    };
    const known = new Map<Value, Value>();
    const over = (value: Value): Value => {
      if (value.isConst || !possible) return value;
      const at = named.get(value) ?? known.get(value);
      if (at !== undefined) return at;
      let result: Value;
      if (value.op === LOCAL) {
        const f = state.fieldOf(value.n);
        const unchanged = f >= 0 && (bindings[f] === undefined || isFlag(f));
        result = held.get(value.n) ?? (unchanged ? value : carry(value));
      } else {
        if (++nodes > MAX_NODES || !computes(value.op)) possible = false;
        result = value.over(over);
      }
      known.set(value, result);
      return result;
    };
    return (value) => {
      const result = over(value);
      return possible ? result : undefined;
    };
  }

  /** The local that takes a value to the head as the `n`th one of its form. */
  #carrier(value: Value, n: number): number | undefined {
    // Flags of rounds before would be computed in each round all the same.
    if (value.n === this.#res.n || value.n === this.#aux.n || n >= MAX_CARRIED) return undefined;
    const free = this.#carried[n];
    if (free !== undefined) return free.type === value.type ? free.n : undefined;
    const to = this.#code.local(value.type);
    this.#carried.push(local(value.type, to));
    return to;
  }

  /** Writes the head, and whatever reads the flags. All else of the loop has been written. */
  finish(): void {
    const code = this.#code;
    code.readsFilled(this.#res.n);
    code.readsFilled(this.#aux.n);
    const reads = this.#reads.reduce((sum, [, chunks]) => sum + chunks.length, 0);
    if (this.#forms.length > 0 && reads <= MAX_READS) this.#computeWhereRead();
    else this.#computeAtHead();
  }

  #computeAtHead(): void {
    this.#atHead(() => {
      for (const [flags, { n }] of [
        ["res", this.#res],
        ["aux", this.#aux],
      ] as const) {
        emit(this.#code, this.#chosen(flags));
        this.#code.set(n);
      }
    });
    const { chunk } = this.#code;
    for (const [flags, chunks] of this.#reads) {
      for (const at of chunks) {
        this.#code.chunk = at;
        this.#code.get(flags === "res" ? this.#res.n : this.#aux.n);
      }
    }
    this.#code.chunk = chunk;
  }

  /** Whatever the flags are computed from is kept as it is at the head, since registers change within the round. */
  #computeWhereRead(): void {
    const code = this.#code;
    const copies = new Map<number, Value>();
    const kept = new Map<Value, Value>();
    const over = (value: Value): Value => {
      if (value.isConst) return value;
      let result = value.op === LOCAL ? copies.get(value.n) : kept.get(value);
      if (result !== undefined) return result;
      if (value.op === LOCAL) {
        result = local(value.type, code.local(value.type), value.width);
        copies.set(value.n, result);
      } else {
        result = value.over(over);
        kept.set(value, result);
      }
      return result;
    };
    const flags: Form = { res: over(this.#chosen("res")), aux: over(this.#chosen("aux")) };
    this.#atHead(() => {
      for (const [from, to] of copies) code.get(from).set(to.n);
    });
    const free = new Map<ValType, number[]>();
    for (const [which, chunks] of this.#reads) {
      for (const at of chunks) code.writeApart(at, free, () => emit(code, flags[which]));
    }
  }

  /** The flags that the way by which the head has been reached says. */
  #chosen(flags: keyof Form): Value {
    const which = local(I32, this.form);
    let value = this.#state.canonical(flags === "res" ? FLAG_RES : FLAG_AUX);
    for (const [i, form] of this.#forms.entries()) {
      const isThis = this.#forms.length === 1 ? which : binary(I32_EQ, which, i32(i + 1));
      value = select(form[flags], value, isThis);
    }
    return value;
  }

  #atHead(write: () => void): void {
    const code = this.#code;
    const { chunk } = code;
    code.chunk = this.#head;
    write();
    if (this.#forms.length > 0) code.i32Const(0).set(this.form);
    code.chunk = chunk;
  }
}

const isFlag = (field: number): boolean => field === FLAG_RES || field === FLAG_AUX;

/** Arithmetic that may be done whether it is needed or not. */
function computes(op: number): boolean {
  return op === SELECT || (op >= 0x45 && op <= 0xc4 && !traps(op));
}
