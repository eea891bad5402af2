// The flags where a loop of a region begins anew. They are computed from operands of the last arithmetic instruction, and
// most rounds only overwrite them; but a local that a round gives to the next one has to be there, needed or not. So
// a way back to the loop's head says how they are computed, and the head does so: where nothing but rare ways out asks
// for them, the engine moves that there.

import type { Chunk, Code } from "./code.ts";
import { binary, I32_EQ, select } from "./fold.ts";
import { FLAG_AUX, FLAG_RES, type StateLocals } from "./state-locals.ts";
import { alike, emit, I32, i32, LOCAL, local, SELECT, traps, type Value } from "./value.ts";

/** Ways to compute the flags that a head knows; on others they are computed before the branch. */
const MAX_FORMS = 3;
/** Instructions of a form, and values that it needs besides registers. */
const MAX_NODES = 48;
const MAX_CARRIED = 2;

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

  /** Writes the head. All ways back have been written. */
  finish(): void {
    const code = this.#code;
    const { chunk } = code;
    code.chunk = this.#head;
    const which = local(I32, this.form);
    const put = (to: Value, field: number, of: (form: Form) => Value): void => {
      let value = this.#state.canonical(field);
      for (const [i, form] of this.#forms.entries()) {
        const isThis = this.#forms.length === 1 ? which : binary(I32_EQ, which, i32(i + 1));
        value = select(of(form), value, isThis);
      }
      emit(code, value);
      code.set(to.n);
    };
    put(this.#res, FLAG_RES, ({ res }) => res);
    put(this.#aux, FLAG_AUX, ({ aux }) => aux);
    if (this.#forms.length > 0) code.i32Const(0).set(this.form);
    code.chunk = chunk;
  }
}

const isFlag = (field: number): boolean => field === FLAG_RES || field === FLAG_AUX;

/** Arithmetic that may be done whether it is needed or not. */
function computes(op: number): boolean {
  return op === SELECT || (op >= 0x45 && op <= 0xc4 && !traps(op));
}
