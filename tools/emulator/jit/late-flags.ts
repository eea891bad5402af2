// The flags where a block begins that others go to, or where the region ends. They are computed from operands of the last
// arithmetic instruction, and most blocks only overwrite them; but a local that one block gives to the next has to be
// there, needed or not. So a way to a block says how they are computed, and who asks for them computes them: mostly
// rare ways out. Some engines would move that from where the block begins to where it is needed, others not.

import type { ValType } from "../../wasm/types.ts";
import { type Chunk, type Code, OP_BR_TABLE } from "./code.ts";
import { binary, I32_EQ, select } from "./fold.ts";
import { FLAG_AUX, FLAG_RES, type StateLocals } from "./state-locals.ts";
import { alike, emit, I32, i32, LOCAL, local, SELECT, traps, type Value } from "./value.ts";

/** Where the flags are computed: where a loop or another block begins, or where the region ends. */
export type Place = "loop" | "block" | "exit";

/** Ways to compute the flags that a place knows; on others they are computed before the branch. */
const MAX_FORMS = { loop: 3, block: 3, exit: 40 } as const;
/** Values that a form needs, besides registers where these are in their locals. */
const MAX_CARRIED = { loop: 2, block: 2, exit: 5 } as const;
/** Instructions of a form. */
const MAX_NODES = 48;
/** Who asks for a loop's flags, up to how many; beyond that they are computed at the head. */
const MAX_READS = 32;

/** The two words of the flags, over what locals hold at the head. */
interface Form {
  readonly res: Value;
  readonly aux: Value;
}

/** One of the two words of a loop's flags, for ways out. */
interface LeftFlag {
  /** Where ways out take along what it comes of. */
  readonly exits: Chunk[];
  /** What it is, over what they have taken along; known once the loop is complete. */
  value: Value | undefined;
}

/** Locals of a region for what its branches say of flags. They hold it on the way to a head only. */
export class Carriers {
  /** Which form the flags have, 0 if they are in their own locals; 0 also where no branch is on its way. */
  readonly form: number;
  /** Flags of loops that ways out of the region say, by the locals that stand for them in the loop. */
  readonly left = new Map<number, LeftFlag>();
  readonly #code: Code;
  readonly #carried = new Map<ValType, number[]>();
  readonly #taken = new Map<ValType, number[]>();

  constructor(code: Code) {
    this.#code = code;
    this.form = code.local(I32);
  }

  /** The `n`th local for values of a type that forms need. */
  carried(type: ValType, n: number): number {
    return this.#nth(this.#carried, type, n);
  }

  /** The same for those that flags of a loop come of, set on ways out only: elsewhere nothing has to be kept for them. */
  taken(type: ValType, n: number): number {
    return this.#nth(this.#taken, type, n);
  }

  #nth(all: Map<ValType, number[]>, type: ValType, n: number): number {
    const locals = all.get(type) ?? [];
    all.set(type, locals);
    while (locals.length <= n) locals.push(this.#code.local(type));
    return locals[n] as number;
  }
}

/** What a branch does in place of computing the flags. */
export interface Deferred {
  /** Values that go to locals for the form's sake. */
  readonly moves: readonly { readonly value: Value; readonly to: number }[];
  /** Number of the form, for the local `form`. */
  readonly number: number;
}

/** The head of a loop: its place, locals that stand for the flags from there on, and where these are read. */
interface Loop {
  readonly head: Chunk;
  readonly res: Value;
  readonly aux: Value;
  readonly reads: readonly (readonly [flags: keyof Form, chunks: readonly Chunk[]])[];
}

export class LateFlags {
  /** Some branch comes here with the flags in their locals. */
  plain: boolean;
  readonly #code: Code;
  readonly #state: StateLocals;
  readonly #carriers: Carriers;
  readonly #place: Place;
  readonly #loop: Loop | undefined;
  readonly #forms: Form[] = [];
  /** Flags that ways out of the region have left to its end, by the second word: the first one, and what came of them. */
  readonly #left = new Map<Value, { of: Value; form: Form; deferred: Deferred }>();

  /** The construct of a loop has been opened at `code.chunk`. */
  constructor(code: Code, state: StateLocals, carriers: Carriers, place: Place) {
    this.#code = code;
    this.#state = state;
    this.#carriers = carriers;
    this.#place = place;
    this.plain = place !== "block";
    if (place !== "loop") return;
    const field = (f: number): Value => {
      const { type } = state.canonical(f);
      const value = local(type, code.local(type));
      value.uses = 2;
      return value;
    };
    const head = code.chunk.insert();
    const [res, aux] = [field(FLAG_RES), field(FLAG_AUX)];
    const exits: Chunk[] = [];
    for (const flag of [res, aux]) carriers.left.set(flag.n, { exits, value: undefined });
    const reads = [
      ["res", code.leaveReads(res.n)],
      ["aux", code.leaveReads(aux.n)],
    ] as const;
    this.#loop = { head, res, aux, reads };
  }

  /** Locals for what branches say. */
  get form(): number {
    return this.#carriers.form;
  }

  /**
   * Begins the block, or the end, at `code.chunk`. All branches to it have been written, but for those back to the head
   * of a loop.
   */
  begin(): void {
    const { bindings } = this.#state;
    if (this.#loop) {
      bindings[FLAG_RES] = this.#loop.res;
      bindings[FLAG_AUX] = this.#loop.aux;
      return;
    }
    const [form, ...others] = this.#forms;
    if (form === undefined) return;
    if (this.#place === "exit") {
      this.#choose();
      return;
    }
    if (this.plain || others.length > 0) {
      this.#compute(this.#state.canonical(FLAG_RES), this.#state.canonical(FLAG_AUX));
      return;
    }
    bindings[FLAG_RES] = form.res;
    bindings[FLAG_AUX] = form.aux;
    form.res.uses++;
    form.aux.uses++;
    this.#code.i32Const(0).set(this.form);
  }

  /** How a branch with these bindings, all others of which go to their locals, can leave the flags to the head. */
  defer(bindings: readonly (Value | undefined)[]): Deferred | undefined {
    const aux = bindings[FLAG_AUX];
    // There is nothing to be saved.
    if (aux === undefined || (aux.op < 0 && !this.#isLeft(aux))) return undefined;
    const res = bindings[FLAG_RES] ?? this.#state.canonical(FLAG_RES);
    // Several ways leave most instructions, and several instructions have the same flags before them.
    const before = this.#place === "exit" ? this.#left.get(aux) : undefined;
    if (before !== undefined && before.of === res) {
      this.#takeAlong(before.form);
      return before.deferred;
    }
    const moves: { value: Value; to: number }[] = [];
    const translate = this.#translation(bindings, moves);
    const form = { res: translate(res), aux: translate(aux) };
    if (form.res === undefined || form.aux === undefined) return undefined;
    const number = this.#numberOf(form as Form);
    if (number === undefined) return undefined;
    this.#takeAlong(form as Form);
    const deferred = { moves, number };
    this.#left.set(aux, { of: res, form: form as Form, deferred });
    return deferred;
  }

  /**
   * Whether a value stands for flags of a loop, and the way that has it leaves the region. Several of these that compute
   * the same would have the engine do so in every round.
   */
  #isLeft(value: Value): boolean {
    return this.#place === "exit" && value.op === LOCAL && this.#carriers.left.has(value.n);
  }

  /** Here a way out takes along what the flags of its loop come of. */
  #takeAlong(form: Form): void {
    if (this.#place !== "exit") return;
    const loops = new Set<Chunk[]>();
    const seen = new Set<Value>();
    const find = (value: Value | undefined): void => {
      if (value === undefined || seen.has(value)) return;
      seen.add(value);
      const flag = value.op === LOCAL ? this.#carriers.left.get(value.n) : undefined;
      if (flag !== undefined) loops.add(flag.exits);
      for (const operand of [value.a, value.b, value.c]) find(operand);
    };
    find(form.res);
    find(form.aux);
    for (const exits of loops) exits.push(this.#code.chunk.insert());
  }

  #numberOf(form: Form): number | undefined {
    const known = this.#forms.findIndex((f) => alike(f.res, form.res) && alike(f.aux, form.aux));
    if (known >= 0) return known + 1;
    return this.#forms.length < MAX_FORMS[this.#place] ? this.#forms.push(form) : undefined;
  }

  /** Values at the end of a round by what holds them at the head; undefined where they are not to be had there. */
  #translation(
    bindings: readonly (Value | undefined)[],
    moves: { value: Value; to: number }[],
  ): (value: Value) => Value | undefined {
    const state = this.#state;
    const named = new Map<Value, Value>();
    const held = new Map<number, Value>();
    // Where the region ends, forms are the same for all registers.
    const placed = this.#place === "exit" ? [] : bindings;
    for (const [f, value] of placed.entries()) {
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
        const unchanged =
          f >= 0 && this.#place !== "exit" && (bindings[f] === undefined || isFlag(f));
        const stays = unchanged || this.#isLeft(value);
        result = held.get(value.n) ?? (stays ? value : carry(value));
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
    const loop = this.#loop;
    // Flags of rounds before would be computed in each round all the same.
    if (
      (loop && (value.n === loop.res.n || value.n === loop.aux.n)) ||
      n >= MAX_CARRIED[this.#place]
    )
      return undefined;
    return this.#carriers.carried(value.type, n);
  }

  /** Writes the head of a loop, and whatever reads its flags. All else of the loop has been written. */
  finish(): void {
    const loop = this.#loop;
    if (loop === undefined) return;
    const code = this.#code;
    code.readsFilled(loop.res.n);
    code.readsFilled(loop.aux.n);
    const reads = loop.reads.reduce((sum, [, chunks]) => sum + chunks.length, 0);
    if (this.#forms.length > 0 && reads <= MAX_READS) this.#computeWhereRead(loop);
    else this.#computeAtHead(loop);
  }

  #computeAtHead(loop: Loop): void {
    const { head, res, aux, reads } = loop;
    this.#in(head, () => this.#compute(res, aux));
    for (const [flags, chunks] of reads)
      for (const at of chunks) this.#in(at, () => this.#code.get(flags === "res" ? res.n : aux.n));
    this.#leave(loop, { res, aux }, [res, aux]);
  }

  /** Writes what ways out take along: the flags come of the locals `from`. */
  #leave({ res, aux }: Loop, flags: Form, from: readonly Value[]): void {
    const code = this.#code;
    const taken = new Map<number, Value>();
    const counts = new Map<ValType, number>();
    for (const { type, n, width } of from) {
      const count = counts.get(type) ?? 0;
      counts.set(type, count + 1);
      taken.set(n, local(type, this.#carriers.taken(type, count), width));
    }
    const over = renamed(taken);
    for (const [flag, value] of [
      [res, flags.res],
      [aux, flags.aux],
    ] as const) {
      const left = this.#carriers.left.get(flag.n) as LeftFlag;
      left.value = over(value);
      for (const exit of left.exits.splice(0))
        this.#in(exit, () => {
          for (const [n, to] of taken) code.get(n).set(to.n);
        });
    }
  }

  /** Whatever the flags are computed from is kept as it is at the head, since registers change within the round. */
  #computeWhereRead(loop: Loop): void {
    const { head, reads } = loop;
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
    this.#in(head, () => {
      for (const [from, to] of copies) code.get(from).set(to.n);
      code.i32Const(0).set(this.form);
    });
    const free = new Map<ValType, number[]>();
    for (const [which, chunks] of reads) {
      for (const at of chunks) code.writeApart(at, free, () => emit(code, flags[which]));
    }
    this.#leave(loop, flags, [...copies.values()]);
  }

  #in(chunk: Chunk, write: () => void): void {
    const before = this.#code.chunk;
    this.#code.chunk = chunk;
    write();
    this.#code.chunk = before;
  }

  /** Computes the flags of the form that is there, and of no other. */
  #choose(): void {
    const code = this.#code;
    const done = code.block();
    const labels = this.#forms.map(() => code.block()).reverse();
    code
      .get(this.form)
      .bytes(OP_BR_TABLE)
      .u32(labels.length + 1);
    for (const label of [done, ...labels, done]) code.u32(code.depth - label);
    const left = new Map([...this.#carriers.left].map(([n, { value }]) => [n, value as Value]));
    for (const form of this.#forms) {
      code.end();
      this.#in(code.chunk.insert(), () => {
        const over = renamed(left);
        const flags = { res: over(form.res), aux: over(form.aux) };
        this.#set(this.#state.canonical(FLAG_RES), this.#state.canonical(FLAG_AUX), flags);
        code.branch(done);
      });
    }
    code.end();
  }

  /** Computes the flags of whatever form is there. */
  #compute(res: Value, aux: Value): void {
    this.#set(res, aux, { res: this.#chosen("res"), aux: this.#chosen("aux") });
    if (this.#forms.length > 0) this.#code.i32Const(0).set(this.form);
  }

  /** Puts flags into locals. Both are computed first: they may refer to those that have been there. */
  #set(res: Value, aux: Value, flags: Form): void {
    const code = this.#code;
    emit(code, flags.res);
    emit(code, flags.aux);
    code.set(aux.n).set(res.n);
  }

  /** The flags that the way by which the block has been reached says. */
  #chosen(flags: keyof Form): Value {
    const which = local(I32, this.form);
    let value = this.#state.canonical(flags === "res" ? FLAG_RES : FLAG_AUX);
    for (const [i, form] of this.#forms.entries()) {
      const isThis = this.#forms.length === 1 ? which : binary(I32_EQ, which, i32(i + 1));
      value = select(form[flags], value, isThis);
    }
    return value;
  }
}

/** Values with others in the place of locals. */
function renamed(locals: ReadonlyMap<number, Value>): (value: Value) => Value {
  const known = new Map<Value, Value>();
  const over = (value: Value): Value => {
    if (value.op === LOCAL) return locals.get(value.n) ?? value;
    let result = known.get(value);
    if (result === undefined) {
      result = value.over(over);
      known.set(value, result);
    }
    return result;
  };
  return over;
}

const isFlag = (field: number): boolean => field === FLAG_RES || field === FLAG_AUX;

/** Arithmetic that may be done whether it is needed or not. */
function computes(op: number): boolean {
  return op === SELECT || (op >= 0x45 && op <= 0xc4 && !traps(op));
}
