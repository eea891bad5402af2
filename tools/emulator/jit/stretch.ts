// Loops over arrays, whose accesses stay in their pages for many rounds. Such a loop is compiled a second time without
// looking at pages, at the budget and at alignment: how many rounds that is right for is found out before. The first
// form of the loop does all other rounds, and comes back here for the next pages.

import { I32, type ValType } from "../../wasm/types.ts";
import { PINNED, TLB_ADDEND, TLB_EXEC, TLB_READ } from "../core/state.ts";
import { type Affine, affineOf, fieldItself, sameAffine, substituted } from "./affine.ts";
import type { Chunk, Code } from "./code.ts";
import type { Flow } from "./flow.ts";
import {
  binary,
  EXTEND_U,
  I32_ADD,
  I32_AND,
  I32_SUB,
  I64_ADD,
  I64_AND,
  I64_EQZ,
  I64_NE,
  I64_SHL,
  unary,
  WRAP,
} from "./fold.ts";
import { accessTest, emitDiffers, type PageTest } from "./near-pages.ts";
import type { Edge, Node } from "./region.ts";
import { BUDGET, REGISTERS, RIP_BASE, type StateLocals, TLB } from "./state-locals.ts";
import { CONST, computed, emit, i64, SELECT, type Value } from "./value.ts";

const I32_LOAD = 0x28;
const I32_STORE = 0x36;
const I32_LT_S = 0x48;
const I32_DIV_S = 0x6d;
const I64_MUL = 0x7e;

const PAGE = 4096;
/** Rounds below which the second form is not worth finding out. */
const LEAST_ROUNDS = 4;
/** Most blocks of a loop, and addresses that it goes through. */
const MAX_CHAIN = 6;
const MAX_STREAMS = 8;

/** A loop that is a chain of blocks: its head, and what follows it up to the way back. */
export type Chain = readonly number[];

/**
 * Loops of the graph of `edges[node]` that are chains of blocks with links, which no other way leads into. Where several
 * have a head, because what is around the inner one leads back to where that begins, it is the one with node 0, which is
 * hot, or the shortest.
 */
export function chainsOf(
  edges: readonly (readonly number[])[],
  flow: Flow,
  nodes: readonly Node[],
): Chain[] {
  const before: number[][] = edges.map(() => []);
  for (const [from, ways] of edges.entries()) for (const to of ways) before[to]?.push(from);
  const linked = (chain: Chain): boolean =>
    chain.every((from, i) => {
      const to = chain[(i + 1) % chain.length];
      const { edges: own, seldom } = nodes[from] as Node;
      return !seldom && own.some((edge) => edge.to === to && edge.expected === undefined);
    });
  const chains: Chain[] = [];
  for (const head of flow.loops) {
    const found = (before[head] as number[])
      .filter((from) => flow.edge(from, head) === "back")
      .flatMap((from) => chainTo(from, head, before, flow))
      .filter(linked)
      .sort((x, y) => Number(y.includes(0)) - Number(x.includes(0)) || x.length - y.length);
    if (found[0] !== undefined) chains.push(found[0]);
  }
  return chains;
}

/** The chain from a loop's head to `last`, if that is one; in an array, or nothing. */
function chainTo(
  last: number,
  head: number,
  before: readonly (readonly number[])[],
  flow: Flow,
): Chain[] {
  const chain: number[] = [];
  let node = last;
  for (; node !== head; node = (before[node] as number[])[0] as number) {
    if (chain.length === MAX_CHAIN || before[node]?.length !== 1 || flow.targets.includes(node))
      return [];
    chain.unshift(node);
  }
  return [[head, ...chain]];
}

/** Nodes and their ways on, with the second forms of `chains` behind all others. */
export function withCopies(
  nodes: readonly Node[],
  edges: readonly (readonly number[])[],
  chains: readonly Chain[],
): { nodes: Node[]; edges: (readonly number[])[]; copies: number[][] } {
  const all = { nodes: [...nodes], edges: [...edges], copies: [] as number[][] };
  for (const chain of chains) {
    const first = all.nodes.length;
    const copies = chain.map((_, i) => first + i);
    const [head] = chain as [number];
    for (const [i, node] of chain.entries()) {
      const next = (i + 1) % chain.length;
      const copied = (to: number): number => (to === chain[next] ? (copies[next] as number) : to);
      const original = nodes[node] as Node;
      all.nodes.push({
        ...original,
        edges: original.edges.map((edge): Edge => ({ ...edge, to: copied(edge.to) })),
      });
      const ways = (edges[node] as readonly number[]).map(copied);
      all.edges.push(i === 0 ? [...ways, head] : ways);
    }
    // First of all ways on, so that it is written last: when the loop's first form is known.
    all.edges[head] = [first, ...(edges[head] as readonly number[])];
    all.copies.push(copies);
  }
  return all;
}

/** An access of a block, over the fields at the block's start. */
interface Access {
  readonly block: number;
  readonly form: Affine;
  readonly size: number;
  readonly tag: number;
  stream?: Stream;
}

/** What is taken for granted about the low bits of an address of a block: that they are 0. */
interface Alignment {
  readonly block: number;
  readonly form: Affine;
  readonly mask: bigint;
  holds: boolean;
}

/** Addresses of an access in all rounds: the first one over the fields at the head, and what each round adds. */
interface Stream {
  readonly start: Affine;
  readonly step: number;
  size: number;
  readonly tags: Set<number>;
  readonly alignments: Set<bigint>;
  readonly bases: Base[];
}

/** What is the same in all rounds of the host address of accesses to a stream: what of the linear one, and its local. */
interface Base {
  readonly part: Affine;
  readonly local: number;
}

/** A loop of a region and its second form. */
export class Stretch {
  readonly chain: Chain;
  readonly copies: readonly number[];
  /** The loop has no second form. */
  failed = false;
  readonly #code: Code;
  readonly #state: StateLocals;
  /** Rounds that are left. */
  readonly #left: number;
  readonly #accesses: Access[] = [];
  readonly #alignments: Alignment[] = [];
  /** What each block makes of registers. */
  readonly #changes: Map<number, Affine | undefined>[] = [];
  readonly #streams: Stream[] = [];
  #cost = 0;
  /** What registers are at each block's start, and behind the last one, over those at the head. */
  readonly #fields: Map<number, Affine | undefined>[] = [new Map()];
  #entry: { chunk: Chunk; bindings: readonly (Value | undefined)[] } | undefined;

  constructor(code: Code, state: StateLocals, chain: Chain, copies: readonly number[]) {
    this.#code = code;
    this.#state = state;
    this.chain = chain;
    this.copies = copies;
    this.#left = code.local(I32);
  }

  // ---- The first form

  /** Here, at the loop's head, the second form will be entered. */
  leaveEntry(): void {
    const { bindings } = this.#state;
    this.#entry = { chunk: this.#code.chunk.insert(), bindings: bindings.slice() };
  }

  /** A block of the chain looks for the page of an access. */
  noteAccess(block: number, { linear, size, tag }: PageTest): void {
    const form = affineOf(linear, this.#state);
    if (form === undefined || tag === TLB_EXEC) this.failed = true;
    else this.#accesses.push({ block, form, size, tag });
  }

  /** A block of the chain tests whether an address is aligned. */
  noteAlignment(block: number, { address, mask }: AlignmentTest): void {
    const form = affineOf(address, this.#state);
    if (form) this.#alignments.push({ block, form, mask, holds: false });
  }

  /** A block of the chain goes on to the next one, having taken `cost` of the budget. */
  noteEnd(block: number, cost: number): void {
    const state = this.#state;
    const budget = state.bindings[BUDGET];
    const { n } = state.canonical(BUDGET);
    if (budget?.op !== I32_ADD || budget.a?.n !== n || budget.b?.n !== -cost) this.failed = true;
    if (state.bindings[RIP_BASE] ?? state.bindings[TLB]) this.failed = true;
    const changes = new Map<number, Affine | undefined>();
    for (let f = 0; f < REGISTERS; f++) {
      const value = state.bindings[f];
      if (value) changes.set(f, affineOf(value, state));
    }
    const other = this.#changes[block];
    if (other === undefined) {
      this.#changes[block] = changes;
      this.#cost += cost;
      return;
    }
    // Another way to the same end.
    for (const f of new Set([...other.keys(), ...changes.keys()])) {
      const x = other.has(f) ? other.get(f) : fieldItself(f);
      const y = changes.has(f) ? changes.get(f) : fieldItself(f);
      other.set(f, x && y && sameAffine(x, y) ? x : undefined);
    }
  }

  // ---- What is known of all rounds

  /** The first form has been written: whether there may be a second. */
  solve(): boolean {
    if (this.failed || this.#accesses.length === 0) return false;
    const starts = new Map<Access | Alignment, Affine | undefined>();
    for (let block = 0; block < this.chain.length; block++) {
      const changes = this.#changes[block];
      if (changes === undefined) return false;
      const fields = this.#fields[block] as Map<number, Affine | undefined>;
      const at = (f: number): Affine | undefined => this.#registerAt(block, f);
      for (const each of [...this.#accesses, ...this.#alignments])
        if (each.block === block) starts.set(each, substituted(each.form, at));
      const next = new Map(fields);
      for (const [f, form] of changes) next.set(f, form && substituted(form, at));
      this.#fields.push(next);
    }
    const at = (f: number): Affine | undefined => this.#registerAt(this.chain.length, f);
    for (const access of this.#accesses) {
      const start = starts.get(access);
      const step = start && stepOf(start, at);
      if (start === undefined || step === undefined) return false;
      access.stream = this.#stream(start, Number(step), access);
      if (this.#streams.length > MAX_STREAMS) return false;
    }
    for (const alignment of this.#alignments) {
      const start = starts.get(alignment);
      const step = start && stepOf(start, at);
      const stream = this.#streams.find((s) => start && sameAffine(s.start, start));
      if (step === undefined || stream === undefined || (step & alignment.mask) !== 0n) continue;
      alignment.holds = true;
      stream.alignments.add(alignment.mask);
    }
    return true;
  }

  /** What register `f` is where a block begins, over those at the head. */
  #registerAt(block: number, f: number): Affine | undefined {
    const fields = this.#fields[block] as Map<number, Affine | undefined>;
    return fields.has(f) ? fields.get(f) : fieldItself(f);
  }

  /** Whether the low half of register `f` is the same in all rounds, and where a block begins. */
  #stays(block: number, f: number): boolean {
    return [block, this.chain.length].every((end) => {
      const form = this.#registerAt(end, f);
      return form?.terms.size === 1 && form.terms.get(f) === 1n && form.plus === 0n;
    });
  }

  #stream(start: Affine, step: number, { size, tag }: Access): Stream {
    let stream = this.#streams.find((s) => sameAffine(s.start, start));
    if (stream === undefined) {
      stream = { start, step, size, tags: new Set(), alignments: new Set(), bases: [] };
      this.#streams.push(stream);
    }
    stream.size = Math.max(stream.size, size);
    stream.tags.add(tag);
    return stream;
  }

  // ---- The second form

  /** Counts a round where its head begins; `exhausted` writes how it goes on where none is left. */
  count(exhausted: () => void): void {
    const code = this.#code;
    code.get(this.#left).i32Const(1).bytes(I32_SUB).tee(this.#left);
    code.i32Const(0).bytes(I32_LT_S);
    code.chunk.hint(code.chunk.bytes.length, false);
    code.if();
    exhausted();
    code.end();
  }

  /** The host address of an access of the second form, in a local; undefined where it has to look for it. */
  hostOf(block: number, { linear, size, tag }: PageTest): number | undefined {
    const form = affineOf(linear, this.#state);
    const access =
      form &&
      this.#accesses.find(
        (a) => a.block === block && a.tag === tag && a.size === size && sameAffine(a.form, form),
      );
    const stream = access?.stream;
    if (form === undefined || stream === undefined) {
      this.failed = true;
      return undefined;
    }
    // Only the low half counts: what stays is added up before the loop.
    const terms = [...form.terms];
    const stay = new Map(terms.filter(([f]) => this.#stays(block, f)));
    const code = this.#code;
    const host = code.temporary(I32);
    code.get(this.#base(stream, { terms: stay, plus: form.plus, fit: "exact" }));
    for (const [f, times] of terms) {
      if (stay.has(f)) continue;
      emit(code, unary(WRAP, multiplied(this.#state.canonical(f), times)));
      code.bytes(I32_ADD);
    }
    code.set(host);
    return host;
  }

  #base({ bases }: Stream, part: Affine): number {
    let base = bases.find((other) => sameAffine(other.part, part));
    if (base === undefined) {
      base = { part, local: this.#code.local(I32) };
      bases.push(base);
    }
    return base.local;
  }

  /** Whether an address of the second form is known to be aligned. */
  isAligned(block: number, { address, mask }: AlignmentTest): boolean {
    const form = affineOf(address, this.#state);
    return this.#alignments.some(
      (a) => a.holds && a.block === block && a.mask === mask && form && sameAffine(a.form, form),
    );
  }

  /**
   * The second form has been written: writes how it is entered, at the first one's head. `need` is what the budget has to
   * be greater than at the start of each round; `go` writes the branch.
   */
  enter(need: number, go: () => void): void {
    const entry = this.#entry;
    if (this.failed || entry === undefined) return;
    this.#code.writeApart(entry.chunk, new Map<ValType, number[]>(), () => {
      this.#state.bindings = entry.bindings.slice();
      this.#writeEntry(need, go);
    });
  }

  #writeEntry(need: number, go: () => void): void {
    const code = this.#code;
    const state = this.#state;
    const otherwise = code.block();
    // Rounds that the budget lasts for.
    emit(code, state.read(BUDGET));
    code.i32Const(need + 1 - this.#cost).bytes(I32_SUB);
    code.i32Const(this.#cost).bytes(I32_DIV_S).set(this.#left);
    for (const stream of this.#streams) this.#writeStream(stream, otherwise);
    code.get(this.#left).i32Const(LEAST_ROUNDS).bytes(I32_LT_S).branchIf(otherwise);
    go();
    code.end();
  }

  /** Finds what a stream's addresses are in the host, and for how many rounds. */
  #writeStream({ start, step, size, tags, alignments, bases }: Stream, otherwise: number): void {
    const code = this.#code;
    const state = this.#state;
    const linear = computed(code, this.#valueOf(start));
    for (const mask of alignments) {
      emit(code, linear);
      code.i64Const(mask).bytes(I64_AND);
      code.i64Const(0n).bytes(I64_NE).branchIf(otherwise);
    }
    const test = accessTest(linear, state.read(TLB), size, TLB_READ);
    const entry = computed(code, test.entry);
    const page = computed(code, test.lastPage);
    for (const tag of tags) {
      emitDiffers(code, entry, tag, page);
      code.branchIf(otherwise);
    }
    // The engine moves what it can compute to where it is used, into the loop: but not what it loads.
    for (const { part, local } of bases) {
      code.i32Const(0);
      emit(code, unary(WRAP, this.#valueOf(part)));
      emit(code, entry);
      code.bytes(I32_LOAD, 2).u32(TLB_ADDEND).bytes(I32_ADD, I32_STORE, 2).u32(PINNED);
      code.i32Const(0).bytes(I32_LOAD, 2).u32(PINNED).set(local);
    }
    if (step === 0) return;
    const rounds = code.temporary(I32);
    if (step > 0) code.i32Const(PAGE - size + step);
    emit(code, linear);
    code
      .bytes(WRAP)
      .i32Const(PAGE - 1)
      .bytes(I32_AND);
    if (step > 0) code.bytes(I32_SUB);
    else code.i32Const(-step).bytes(I32_ADD);
    code.i32Const(Math.abs(step)).bytes(I32_DIV_S).tee(rounds);
    code.get(this.#left).get(rounds).get(this.#left).bytes(I32_LT_S, SELECT).set(this.#left);
  }

  #valueOf({ terms, plus, fit }: Affine): Value {
    let value: Value = i64(plus);
    for (const [f, times] of terms)
      value = binary(I64_ADD, value, multiplied(this.#state.canonical(f), times));
    return fit === "short" ? unary(EXTEND_U, unary(WRAP, value)) : value;
  }
}

function multiplied(value: Value, times: bigint): Value {
  if (times === 1n) return value;
  for (let by = 1n; by < 4n; by++) if (times === 1n << by) return binary(I64_SHL, value, i64(by));
  return binary(I64_MUL, value, i64(times));
}

/** What a round adds to an address, if that is the same in all, where registers are `at` at the end of one. */
function stepOf(start: Affine, at: (f: number) => Affine | undefined): bigint | undefined {
  if (start.fit === "low") return undefined;
  let step = 0n;
  for (const [f, times] of start.terms) {
    const end = at(f);
    if (end === undefined || end.terms.size !== 1 || end.terms.get(f) !== 1n) return undefined;
    if (start.fit === "exact" && end.fit !== "exact") return undefined;
    step += times * end.plus;
  }
  step = BigInt.asIntN(start.fit === "exact" ? 64 : 32, step);
  return step > -PAGE && step < PAGE ? step : undefined;
}

/** A condition that holds where an address is not a multiple of a power of two. */
export interface AlignmentTest {
  readonly address: Value;
  readonly mask: bigint;
  /** The condition is that it is one. */
  readonly aligned: boolean;
}

/** The test for alignment that a condition is, if it is one. */
export function alignmentTest({ op, a, b }: Value): AlignmentTest | undefined {
  const aligned = op === I64_EQZ;
  const zero = op === I64_NE && b?.op === CONST && b.bits === 0n;
  const mask = a?.b;
  if ((!aligned && !zero) || a?.op !== I64_AND || mask?.op !== CONST) return undefined;
  const bits = mask.bits;
  if (bits <= 0n || bits > 63n || (bits & (bits + 1n)) !== 0n) return undefined;
  return { address: a.a as Value, mask: bits, aligned };
}
