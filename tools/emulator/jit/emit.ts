// The function of a region: the blocks' records in structured control flow, with a dispatcher for entries, returns and
// what else has no known target. Its type is that of a handler: it takes the heat record by which it is entered, and
// returns the record at which the interpreter goes on, or 0.

import { I32, type ValType } from "../../wasm/types.ts";
import {
  CODE_GENERATION,
  HEAT_ENTRY,
  OP_HANDLER,
  OP_SIZE,
  S_BUDGET,
  S_CHARGED,
  S_HELD,
  S_RESERVE,
  TIER_ENTRIES,
  TIER_RETIRED,
} from "../core/state.ts";
import { type Block, type Blocks, End, heatOf } from "./blocks.ts";
import { type BudgetPlan, planBudget } from "./budget.ts";
import { type Chunk, Code, type Imports, OP_BR_TABLE, OP_RETURN, OP_UNREACHABLE } from "./code.ts";
import type { CoreCode } from "./core-code.ts";
import { entered, type Flow, structure } from "./flow.ts";
import { binary } from "./fold.ts";
import { Carriers, LateFlags, type Place } from "./late-flags.ts";
import { emitPageTest, fetchTest, NO_REGISTER } from "./near-pages.ts";
import type { Edge, Node, Region } from "./region.ts";
import { type LinkState, type OpContext, type Rounds, specialize, TAILS } from "./specialize.ts";
import { type Assumed, BUDGET, RIP_BASE, StateLocals, TLB } from "./state-locals.ts";
import { type Chain, chainsOf, Stretch, withCopies } from "./stretch.ts";
import { emit, i64, type Value } from "./value.ts";

const I32_LOAD = 0x28;
const I64_LOAD = 0x29;
const I64_STORE = 0x37;
const I32_EQ = 0x46;
const I32_NE = 0x47;
const I32_LE_S = 0x4c;
const I32_ADD = 0x6a;
const I32_AND = 0x71;
const I32_OR = 0x72;
const I32_XOR = 0x73;
const I64_ADD = 0x7c;
const I64_SUB = 0x7d;
const I64_EXTEND_I32_S = 0xac;

const PAGE = 0x1000n;

/** The record: the function's parameter, and what it returns. */
const RECORD = 0;

/** A place where what the region takes for granted is looked at; `resume` says where the interpreter goes on otherwise. */
interface Check {
  readonly chunk: Chunk;
  readonly resume: number | undefined;
}

/**
 * Emits the function of a region whose place in the core's table is `slot`. Functions of the core that it calls are
 * noted in `imports`. `assumed`: what is taken for granted besides what hardly ever changes; everything by default.
 */
export function emitRegion(
  core: CoreCode,
  blocks: Blocks,
  region: Region,
  slot: number,
  imports: Imports,
  assumed?: Assumed,
): Code {
  const ways = region.nodes.map((node) => node.edges.map(({ to }) => to));
  const { edges, entries, flow, of } = entered(ways, region.entries, isFallenInto(blocks, region));
  const nodes = of === undefined ? region.nodes : [...region.nodes, region.nodes[of] as Node];
  const plan = stretched(nodes, edges, entries, flow);
  const cost = (node: number): number => instructions(blocks, plan.nodes[node] as Node);
  const budget = planBudget(plan.edges, plan.flow, cost);
  const code = new Code(imports);
  const { key } = (nodes[0] as Node).block;
  const state = new StateLocals(code, blocks.view, key, assumed);
  return new RegionWriter(core, blocks, plan, budget, slot, state, code).write();
}

/** What is written: the blocks in their structure, and loops that have a second form among them. */
interface Plan {
  readonly nodes: readonly Node[];
  readonly flow: Flow;
  readonly chains: readonly { readonly chain: Chain; readonly copies: Chain }[];
}

/** The graph of `edges[node]`, entered at `entries` and structured as `flow`, with second forms of its loops. */
function stretched(
  nodes: readonly Node[],
  edges: readonly (readonly number[])[],
  entries: readonly number[],
  flow: Flow,
): Plan & { edges: readonly (readonly number[])[] } {
  const chains = chainsOf(edges, flow, nodes);
  const all = withCopies(nodes, edges, chains);
  const both = chains.length === 0 ? flow : structure(all.edges, entries);
  // The dispatcher must not get to know more blocks.
  if (chains.length === 0 || both.targets.length > flow.targets.length)
    return { nodes, edges, flow, chains: [] };
  const pairs = chains.map((chain, i) => ({ chain, copies: all.copies[i] as Chain }));
  return { nodes: all.nodes, edges: all.edges, flow: both, chains: pairs };
}

/** Whether the hot block is also the end of another one, which begins before it. */
function isFallenInto(blocks: Blocks, { nodes }: Region): boolean {
  const [{ block: hot }] = nodes as [Node];
  return nodes.some(
    ({ block }) =>
      block.frame === hot.frame &&
      block.offset < hot.offset &&
      blocks.behind(block.end - OP_SIZE) === blocks.behind(hot.end - OP_SIZE),
  );
}

/** What a block takes of the budget at its end. */
function instructions(blocks: Blocks, { block }: Node): number {
  const before = blocks.before(block.end - OP_SIZE);
  return block.ends === End.Falls ? before : before + 1;
}

/** Whether all ways on from a block are links. */
function endsInLinks({ ends }: Block): boolean {
  return ends === End.Jump || ends === End.Branch || ends === End.Call || ends === End.Falls;
}

/** The place of a node in the chain of a loop that has a second form; `again`: it is of that form. */
interface StretchPlace {
  readonly stretch: Stretch;
  readonly place: number;
  readonly again?: true;
}

class RegionWriter {
  readonly #core: CoreCode;
  readonly #blocks: Blocks;
  readonly #nodes: readonly Node[];
  readonly #flow: Flow;
  readonly #budget: BudgetPlan;
  readonly #slot: number;
  readonly #code: Code;
  readonly #state: StateLocals;
  /** Number of the dispatcher's next target. */
  readonly #target: number;
  /** Depths inside the constructs that are left to get to a node's code, to the head of its loop, … */
  readonly #begins = new Map<number, number>();
  readonly #loops = new Map<number, number>();
  /** Flags of heads of loops, and of other nodes that edges lead to. */
  readonly #flags = new Map<number, LateFlags>();
  readonly #carriers: Carriers;
  /** How many edges lead to each node. */
  readonly #ways: readonly number[];
  #dispatcher = 0;
  /** … to the end, with the state in memory or with it in locals, and to the end by a call of the core. */
  #end = 0;
  #exit = 0;
  readonly #tails = new Map<string, { label: number; args: readonly number[]; flags: LateFlags }>();
  /** Flags of ways to the end with the state in locals. */
  readonly exitFlags: LateFlags;
  readonly #checks: Check[] = [];
  /** Loops that have a second form, by the blocks of both forms. */
  readonly #stretches = new Map<number, StretchPlace>();

  constructor(
    core: CoreCode,
    blocks: Blocks,
    { nodes, flow, chains }: Plan,
    budget: BudgetPlan,
    slot: number,
    state: StateLocals,
    code: Code,
  ) {
    this.#core = core;
    this.#blocks = blocks;
    this.#nodes = nodes;
    this.#flow = flow;
    this.#budget = budget;
    this.#slot = slot;
    this.#code = code;
    this.#state = state;
    this.#target = this.#code.local(I32);
    this.#carriers = new Carriers(code);
    this.exitFlags = this.#lateFlags("exit");
    const ways = nodes.map(() => 0);
    for (const { edges } of nodes) for (const { to } of edges) ways[to] = (ways[to] as number) + 1;
    this.#ways = ways;
    for (const { chain, copies } of chains) {
      const stretch = new Stretch(code, state, chain, copies);
      for (const [place, node] of chain.entries()) this.#stretches.set(node, { stretch, place });
      for (const [place, node] of copies.entries())
        this.#stretches.set(node, { stretch, place, again: true });
    }
  }

  write(): Code {
    const code = this.#code;
    const state = this.#state;
    this.#checks.push({ chunk: code.chunk.insert(), resume: undefined });
    state.reload();
    code.i32Const(0).i32Const(0).bytes(I64_LOAD, 3).u32(TIER_ENTRIES);
    code.i64Const(1n).bytes(I64_ADD, I64_STORE, 3).u32(TIER_ENTRIES);
    this.#countInstructions(I64_ADD, [S_BUDGET, S_CHARGED]);
    this.#load(RECORD, HEAT_ENTRY);
    code.set(this.#target);
    this.#end = code.block();
    this.#exit = code.block();
    for (const name of TAILS) {
      const args = this.#core.typeNamed(name).params.map((type) => code.local(type as ValType));
      this.#tails.set(name, { label: code.block(), args, flags: this.#lateFlags("exit") });
    }
    this.#dispatcher = code.loop();
    this.#tree(this.#nodes.length, () => {
      const { targets } = this.#flow;
      code.get(this.#target).bytes(OP_BR_TABLE).u32(targets.length);
      for (const target of targets) code.u32(code.depth - (this.#begins.get(target) as number));
      code.u32(code.depth - this.#exit);
    });
    code.end();
    code.bytes(OP_UNREACHABLE);
    for (const name of [...TAILS].reverse()) {
      const { args, flags } = this.#tail(name);
      code.end();
      flags.begin();
      state.writeBack();
      for (const arg of args) code.get(arg);
      code.call(name);
      if (this.#core.typeNamed(name).results.length === 0) code.i32Const(0);
      code.set(RECORD).branch(this.#end);
    }
    code.end();
    this.exitFlags.begin();
    state.writeBack();
    code.end();
    this.#countInstructions(I64_SUB, [S_BUDGET, S_RESERVE, S_HELD, S_CHARGED]);
    code.get(RECORD);
    state.finish();
    for (const check of this.#checks) this.#fill(check);
    return code;
  }

  /**
   * Notes what is left of the slice, and what has been charged for latencies: a region has executed as many instructions
   * as the sum of both is less at its end than at its start.
   */
  #countInstructions(operator: number, budgets: readonly number[]): void {
    const code = this.#code;
    code.i32Const(0).i32Const(0).bytes(I64_LOAD, 3).u32(TIER_RETIRED);
    for (const [i, field] of budgets.entries()) {
      code.i32Const(0).bytes(I32_LOAD, 2).u32(field);
      if (i > 0) code.bytes(I32_ADD);
    }
    code.bytes(I64_EXTEND_I32_S, operator, I64_STORE, 3).u32(TIER_RETIRED);
  }

  #load(local: number, offset: number): void {
    this.#code.get(local).bytes(I32_LOAD, 2).u32(offset);
  }

  /** Leaves the region where what it takes for granted is not so. */
  #fill({ chunk, resume }: Check): void {
    const code = this.#code;
    const back = code.chunk;
    code.chunk = chunk;
    const atEntry = code.depth === 0;
    let any = false;
    for (const { address, mask, bits } of this.#state.assumptions) {
      code.i32Const(0).bytes(I32_LOAD, 2).u32(address);
      if (mask !== -1) code.i32Const(mask).bytes(I32_AND);
      // Not 0 where it differs: comparisons would have the engine make a 0 or 1 of each.
      if (bits !== 0) code.i32Const(bits).bytes(I32_XOR);
      if (any) code.bytes(I32_OR);
      any = true;
    }
    if (any) {
      code.chunk.hint(code.chunk.bytes.length, false);
      code.if();
      // The heat record by which it has been entered last, or that of the block that was hot.
      if (resume === undefined) code.get(RECORD);
      else code.i32Const(heatOf(this.node(0).block.address));
      code.call("assumptionFailed");
      if (resume === undefined) code.get(RECORD).i32Const(OP_SIZE).bytes(I32_ADD);
      else code.i32Const(resume);
      // At the entry nothing has been counted yet.
      if (atEntry) code.bytes(OP_RETURN);
      else code.set(RECORD).branch(this.#end);
      code.end();
    }
    code.chunk = back;
  }

  /** The code of a node, and behind it that of the nodes that it dominates. */
  #tree(node: number, head: () => void): void {
    const code = this.#code;
    const children = this.#flow.children[node] as readonly number[];
    const loops = this.#flow.loops.has(node);
    if (loops) {
      this.#loops.set(node, code.loop());
      this.#addFlags(node, "loop");
    }
    for (const child of [...children].reverse()) {
      this.#begins.set(child, code.block());
      if (this.#ways[child] === 1 && !this.#flow.targets.includes(child))
        this.#addFlags(child, "block");
    }
    head();
    for (const child of children) {
      code.end();
      const form = this.#stretches.get(child);
      if (form?.again && form.place === 0 && !form.stretch.solve()) {
        form.stretch.failed = true;
        code.bytes(OP_UNREACHABLE);
      } else this.#tree(child, () => this.#node(child));
    }
    const second = this.#stretches.get(node);
    if (second?.place === 0 && !second.again) this.#enterStretch(node, second.stretch);
    if (loops) {
      this.#flags.get(node)?.finish();
      code.bytes(OP_UNREACHABLE);
      code.end();
    }
    code.bytes(OP_UNREACHABLE);
  }

  #addFlags(node: number, place: Place): void {
    this.#flags.set(node, this.#lateFlags(place));
  }

  #lateFlags(place: Place): LateFlags {
    return new LateFlags(this.#code, this.#state, this.#carriers, place);
  }

  #node(node: number): void {
    const { block, edges } = this.node(node);
    const state = this.#state;
    state.bindings.fill(undefined);
    // A record that calls its handler leaves notes of what it has computed for it, and blocks may share expressions.
    this.#code.chunk.forget(0);
    this.#flags.get(node)?.begin();
    const need = this.#budget.need(node);
    const form = this.#stretches.get(node);
    state.tracesRegisters = form !== undefined;
    if (form?.again && form.place === 0) this.#countRound(node, form.stretch);
    else if (this.#budget.looks.has(node)) this.#look(need, block.first);
    if (form?.place === 0 && !form.again) form.stretch.leaveEntry();
    for (let record = block.first; record < block.end; record += OP_SIZE) {
      const last = record + OP_SIZE === block.end;
      const context = new RecordContext(this, node, record, need);
      if (last && endsInLinks(block) && !context.goesOn()) {
        context.onLeave();
        continue;
      }
      const budget = state.bindings[BUDGET];
      if (specialize(context)) {
        if (last || state.bindings[BUDGET] === budget) continue;
        // The instruction took time.
        if (form) form.stretch.failed = true;
        state.flush();
        this.#look(need, record + OP_SIZE);
        continue;
      }
      if (form) form.stretch.failed = true;
      if (!last) this.#callHandler(record, need);
      else this.#callLast(node, record, edges);
    }
    this.#code.bytes(OP_UNREACHABLE);
  }

  /** The second form of a loop begins a round. */
  #countRound(node: number, stretch: Stretch): void {
    const code = this.#code;
    const state = this.#state;
    const head = stretch.chain[0] as number;
    stretch.count(() => {
      const { chunk } = code;
      const { bindings } = state;
      code.chunk = chunk.insert();
      state.flush(this.flagsOf(node, head));
      this.go(node, head);
      state.bindings = bindings;
      code.chunk = chunk;
    });
  }

  /** Both forms of the loop with the head `node` have been written: writes how the second one is entered. */
  #enterStretch(node: number, stretch: Stretch): void {
    const second = stretch.copies[0] as number;
    stretch.enter(this.#budget.need(second), () => {
      this.#state.flush(this.flagsOf(node, second));
      this.go(node, second);
    });
  }

  /** The loop that has a second form which a node is in. */
  stretchOf(node: number): StretchPlace | undefined {
    return this.#stretches.get(node);
  }

  /** What a node's block takes of the budget. */
  costOf(node: number): number {
    return instructions(this.#blocks, this.node(node));
  }

  /** Leaves at `record`, which is next, unless there is more budget than `need`. */
  #look(need: number, record: number): void {
    const code = this.#code;
    const state = this.#state;
    const { chunk } = code;
    const { bindings } = state;
    emit(code, state.read(BUDGET));
    code.i32Const(need).bytes(I32_LE_S);
    chunk.hint(chunk.bytes.length, false);
    code.if();
    code.chunk = chunk.insert();
    state.flush(this.exitFlags);
    this.leaveAt(record);
    state.bindings = bindings;
    code.chunk = chunk;
    code.end();
  }

  /** The same with the state in memory, for the record in RECORD. */
  #lookInMemory(need: number): void {
    const code = this.#code;
    code.i32Const(0).bytes(I32_LOAD, 2).u32(S_BUDGET);
    code.i32Const(need).bytes(I32_LE_S).branchIf(this.#end);
  }

  node(index: number): Node {
    return this.#nodes[index] as Node;
  }
  get core(): CoreCode {
    return this.#core;
  }
  get code(): Code {
    return this.#code;
  }
  get state(): StateLocals {
    return this.#state;
  }
  get blocks(): Blocks {
    return this.#blocks;
  }

  // ---- Records that are not compiled: the interpreter's handler is called, with the state in memory

  #call(record: number): void {
    const code = this.#code;
    this.#state.flush();
    this.#state.writeBack();
    code.i32Const(record).callHandler(this.#blocks.handler(record));
  }

  #callHandler(record: number, need: number): void {
    const code = this.#code;
    const next = record + OP_SIZE;
    this.#call(record);
    code.tee(RECORD).i32Const(next).bytes(I32_NE).branchIf(this.#end);
    this.#lookInMemory(need);
    this.#checks.push({ chunk: code.chunk.insert(), resume: next });
    this.#state.reload();
  }

  #callLast(node: number, record: number, edges: readonly Edge[]): void {
    const code = this.#code;
    this.#call(record);
    code.set(RECORD);
    for (const { which, to, expected } of edges) {
      const link = expected ?? this.#blocks.link(record, which);
      if (link === 0) continue;
      code.get(RECORD).i32Const(link).bytes(I32_EQ);
      // A look-up may have dropped all blocks, and built another one in the same place.
      if (expected !== undefined) {
        code.i32Const(0).bytes(I32_LOAD, 2).u32(CODE_GENERATION);
        code.i32Const(this.#blocks.u32(CODE_GENERATION)).bytes(I32_EQ, I32_AND);
      }
      code.if();
      if (!this.#budget.looks.has(to)) this.#lookInMemory(this.#budget.need(to));
      this.#checks.push({ chunk: code.chunk.insert(), resume: link });
      this.#state.reload();
      this.goPlainly(node, to);
      code.end();
    }
    this.#load(RECORD, OP_HANDLER);
    code.i32Const(this.#slot).bytes(I32_NE).branchIf(this.#end);
    this.#checks.push({ chunk: code.chunk.insert(), resume: undefined });
    this.#state.reload();
    this.#dispatch();
  }

  // ---- Ways on and out; what is pending is in the locals

  /** Who may compute the flags that an edge leaves to its end: not a loop that is entered. */
  flagsOf(from: number, to: number): LateFlags | undefined {
    const how = this.#flow.edge(from, to);
    const loops = this.#flow.loops.has(to);
    return how === (loops ? "back" : "forward") ? this.#flags.get(to) : undefined;
  }

  /** To a node along an edge, with all that is pending in the locals. */
  goPlainly(from: number, to: number): void {
    const flags = this.#flags.get(to);
    if (flags) flags.plain = true;
    this.go(from, to);
  }

  /** To a node along an edge. */
  go(from: number, to: number): void {
    const how = this.#flow.edge(from, to);
    if (how === "forward") this.#code.branch(this.#begins.get(to) as number);
    else if (how === "back") this.#code.branch(this.#loops.get(to) as number);
    else {
      this.#code.i32Const(this.#flow.targets.indexOf(to)).set(this.#target);
      this.#code.branch(this.#dispatcher);
    }
  }

  /**
   * To a node in another page, at `target` from the start of this one, if a look-up of the block there would find it
   * without a page walk. What the look-up checks besides is so wherever the TLB has that page. For 64-bit code.
   */
  cross(from: number, { to, expected }: Edge, target: bigint): void {
    const code = this.#code;
    const state = this.#state;
    const { block } = this.node(to);
    if (expected === undefined) return;
    const linear = binary(I64_ADD, state.read(RIP_BASE), i64(target));
    const test = fetchTest(linear, state.read(TLB));
    const near = this.node(from).seldom ? undefined : NO_REGISTER;
    const map = emitPageTest(code, test, near, state.nearPages);
    code
      .get(map)
      .bytes(I32_LOAD, 2)
      .u32(4 * block.offset);
    code.i32Const(block.address).bytes(I32_EQ);
    code.if();
    state.bind(RIP_BASE, binary(I64_ADD, state.read(RIP_BASE), i64(target & -PAGE)));
    state.flush();
    this.goPlainly(from, to);
    code.end();
    code.end();
  }

  /** To the entry that is asked for by the heat record in RECORD. */
  #dispatch(): void {
    this.#load(RECORD, HEAT_ENTRY);
    this.#code.set(this.#target);
    this.#code.branch(this.#dispatcher);
  }

  /** To the interpreter, at a record that is known. */
  leaveAt(record: number): void {
    this.#code.chunk.rare = true;
    this.#code.i32Const(record).set(RECORD);
    this.#code.branch(this.#exit);
  }

  /** To the record in RECORD: inside the region if it is a heat record of it. */
  leaveOrDispatch(): void {
    const code = this.#code;
    this.#load(RECORD, OP_HANDLER);
    code.i32Const(this.#slot).bytes(I32_NE);
    code.branchIf(this.#exit);
    this.#dispatch();
  }

  leave(): void {
    this.#code.branch(this.#exit);
  }

  /** Sets the arguments of the core's function with which the region ends. */
  setTail(name: string, args: readonly Value[]): void {
    const { args: locals } = this.#tail(name);
    for (const [i, arg] of args.entries()) {
      emit(this.#code, arg);
      this.#code.set(locals[i] as number);
    }
  }

  tail(name: string): void {
    this.#code.chunk.rare = true;
    this.#code.branch(this.#tail(name).label);
  }

  /** Flags of ways to the end by a call of the core. */
  tailFlags(name: string): LateFlags {
    return this.#tail(name).flags;
  }

  #tail(name: string): { label: number; args: readonly number[]; flags: LateFlags } {
    const tail = this.#tails.get(name);
    if (tail === undefined) throw new Error(`a region cannot end in ${name}`);
    return tail;
  }
}

/** A record, and where its paths go. */
class RecordContext implements OpContext {
  readonly core: CoreCode;
  readonly code: Code;
  readonly state: StateLocals;
  readonly memory: DataView;
  readonly record: number;
  readonly handler: number;
  readonly granted: number;
  readonly seldom: boolean;
  readonly rounds: Rounds | undefined;
  readonly #writer: RegionWriter;
  readonly #node: number;
  readonly #edges: readonly Edge[];

  constructor(writer: RegionWriter, node: number, record: number, granted: number) {
    this.#writer = writer;
    this.core = writer.core;
    this.code = writer.code;
    this.state = writer.state;
    this.memory = writer.blocks.view;
    this.record = record;
    this.handler = writer.blocks.handler(record);
    this.granted = granted;
    this.#node = node;
    const { edges, seldom } = writer.node(node);
    this.#edges = edges;
    this.seldom = seldom;
    this.rounds = this.#roundsOf(writer.stretchOf(node));
  }

  linkOf(which: 0 | 1): LinkState {
    const state = this.#linkNow(which);
    // A block that is compiled when it is first entered has not come to its end: it leaves by whatever way it will take.
    const first =
      this.#node === 0 && this.#linkNow(0) === "untaken" && this.#linkNow(1) === "untaken";
    return first ? "loaded" : state;
  }

  #linkNow(which: 0 | 1): LinkState {
    if (this.#writer.blocks.link(this.record, which) !== 0) return "set";
    return this.#edges.some((edge) => edge.which === which) ? "never" : "untaken";
  }

  /** Whether any way on is known. */
  goesOn(): boolean {
    return this.linkOf(0) !== "untaken" || this.linkOf(1) !== "untaken";
  }

  /** What is known about all rounds of the loop that the block is in, if that has a second form. */
  #roundsOf(form: StretchPlace | undefined): Rounds | undefined {
    if (form === undefined || form.stretch.failed) return undefined;
    const { stretch, place, again } = form;
    if (again)
      return {
        hostOf: (test) => stretch.hostOf(place, test),
        isAligned: (test) => stretch.isAligned(place, test),
      };
    return {
      hostOf: (test) => {
        stretch.noteAccess(place, test);
        return undefined;
      },
      isAligned: (test) => {
        stretch.noteAlignment(place, test);
        return false;
      },
    };
  }

  onLink(which: 0 | 1): void {
    const edge = this.#edges.find((e) => e.which === which);
    if (edge !== undefined) {
      const form = this.#writer.stretchOf(this.#node);
      if (form && !form.again) {
        const { chain } = form.stretch;
        if (edge.to === chain[(form.place + 1) % chain.length])
          form.stretch.noteEnd(form.place, this.#writer.costOf(this.#node));
      }
      this.state.flush(this.#writer.flagsOf(this.#node, edge.to));
      this.#writer.go(this.#node, edge.to);
    } else {
      this.state.flush(this.#writer.exitFlags);
      const { blocks } = this.#writer;
      this.#writer.leaveAt(heatOf(blocks.linked(blocks.link(this.record, which))));
    }
  }

  follows(name: string, args: readonly Value[]): boolean {
    return this.#leavesPage(name, args) && !this.state.wide;
  }

  onTail(name: string, args: readonly Value[]): void {
    const leavesPage = this.#leavesPage(name, args);
    const edge = leavesPage && this.#edges.find(({ which }) => which === args[2]?.n);
    this.#writer.setTail(name, args);
    this.state.flush(edge ? undefined : this.#writer.tailFlags(name));
    if (edge) this.#writer.cross(this.#node, edge, (args[1] as Value).bits);
    this.#writer.tail(name);
  }

  /** Whether a function goes to a block in another page. */
  #leavesPage(name: string, args: readonly Value[]): boolean {
    const target = args[1];
    if (name !== "branchSlow" && name !== "linkTo") return false;
    return target?.isConst === true && BigInt.asUintN(64, target.bits) >= PAGE;
  }

  onReturn(value: Value): void {
    const { code, state } = this;
    if (value.isConst) {
      state.flush(this.#writer.exitFlags);
      this.#writer.leaveAt(value.n);
      return;
    }
    emit(code, value);
    code.set(RECORD);
    state.flush();
    // A branch into another page has been looked up, and has found a block or not: most often the one from before.
    for (const { to, expected } of this.#edges) {
      if (expected === undefined) continue;
      code.get(RECORD).i32Const(expected).bytes(I32_EQ);
      code.if();
      this.#writer.goPlainly(this.#node, to);
      code.end();
    }
    this.#writer.leaveOrDispatch();
  }

  onLeave(): void {
    this.state.flush(this.#writer.exitFlags);
    this.#writer.leaveAt(this.record);
  }
}
