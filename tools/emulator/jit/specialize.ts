// The partial evaluator: a handler of the core with its micro-op record known, as instructions of a region. The body of
// the handler is executed with values for which some are expressions; loads of the record and of constants of the
// region are known, fields of the CPU's state are locals (state-locals.ts), other memory is accessed as the handler
// does. A branch on something unknown becomes `if`, and its sides go on by themselves, until both reach the place
// behind the construct with the same knowledge about pending faults. Where both have only computed, the `if` becomes
// `select`. So the first and the last word about what an instruction does is the handler's.

import { MEMORY, NUMERIC } from "../../wasm/opcodes.ts";
import { VECTOR } from "../../wasm/simd.ts";
import { type FuncType, I32, I64, V128, type ValType } from "../../wasm/types.ts";
import {
  OP_BASE,
  OP_IMM,
  OP_SIZE,
  REGS,
  RSP,
  S_BUDGET,
  S_FAULT,
  S_FPR,
  S_STOP,
  S_TMP0,
  STATE,
  STATE_SIZE,
  TLB_ADDEND,
  TLB_CODEMAP,
  TLB_EXEC,
  TLB_READ,
  TLB_WRITE,
} from "../core/state.ts";
import {
  type Chunk,
  type Code,
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_BR_TABLE,
  OP_CALL,
  OP_CALL_INDIRECT,
  OP_ELSE,
  OP_END,
  OP_GLOBAL_GET,
  OP_GLOBAL_SET,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_SET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_RETURN,
} from "./code.ts";
import { type Body, type CoreCode, type Instruction, zero } from "./core-code.ts";
import {
  binary,
  EXTEND_U,
  I32_ADD,
  I32_EQ,
  I32_EQZ,
  I32_GT_S,
  I32_LE_S,
  I32_SUB,
  I64_EQ,
  select,
  unary,
  WRAP,
} from "./fold.ts";
import {
  baseOf,
  emitPageTest,
  linearOfEntry,
  NO_REGISTER,
  type PageTest,
  pageTest,
} from "./near-pages.ts";
import {
  BUDGET,
  complete,
  laneOf,
  REGISTERS,
  type StateLocals,
  TLB,
  UnsupportedAccess,
  withLane,
} from "./state-locals.ts";
import { type AlignmentTest, alignmentTest } from "./stretch.ts";
import {
  alike,
  CONST,
  computed,
  constant,
  emit,
  i32,
  i64,
  LINK,
  LOCAL,
  link,
  loadedLater,
  local,
  SATURATE,
  SELECT,
  same,
  saturate,
  traps,
  UNWRITTEN,
  Unemittable,
  unwritten,
  type Value,
  VECTOR_OP,
  vector,
} from "./value.ts";

/**
 * A link of a branch: `set`, and the region knows where it leads; `never` set, because the target is in another page;
 * `untaken`: the way is left to the interpreter; `loaded`: it has to be looked at.
 */
export type LinkState = "set" | "never" | "untaken" | "loaded";

/** One record of a region, and what the region does where the handler's paths leave the record. */
export interface OpContext {
  readonly core: CoreCode;
  readonly code: Code;
  readonly state: StateLocals;
  /** The core's memory. */
  readonly memory: DataView;
  /** Address of the record. Its fields are constants, but for the links of branches. */
  readonly record: number;
  /** Table index of the handler of its instruction. */
  readonly handler: number;
  /** What is known of link `which` (0 taken, 1 not taken) of this branch. */
  linkOf(which: 0 | 1): LinkState;
  /**
   * The record executes seldom, and its code is to be small: where the TLB does not have the page of an access, the record
   * is left to the interpreter.
   */
  readonly seldom: boolean;
  /** When the record begins, S_BUDGET is greater than this; negative where nothing is known. */
  readonly granted: number;
  /** The path goes on at the block of a link that is known; the budget has been taken and is above 0. */
  onLink(which: 0 | 1): void;
  /**
   * The path ends in a call of the core's function `name`, whose result the handler returns, or 0 where it has none.
   * Registers are pending: `state.flush()`, `state.writeBack()`, then the call.
   */
  onTail(name: string, args: readonly Value[]): void;
  /** Whether the path goes on in a function of `TAILS` that would otherwise be its end. */
  follows(name: string, args: readonly Value[]): boolean;
  /** The path returns a record's address, or 0. */
  onReturn(value: Value): void;
  /** The path cannot be compiled: the interpreter goes on at this record, of which nothing has been done. */
  onLeave(): void;
  /** Of a record in a loop that has a second form: what is known, or asked for, about all rounds. */
  readonly rounds?: Rounds | undefined;
  /** Why the handler has to be called. */
  onRefused?(reason: string): void;
}

/** A record's accesses in all rounds of a loop. */
export interface Rounds {
  /** The local with the host address, where the page is known to be there in all rounds. */
  hostOf(test: PageTest): number | undefined;
  /** Whether an address is known to be aligned in all rounds. */
  isAligned(test: AlignmentTest): boolean;
}

/** What a function of the core that regions call may do besides what it returns. Registers it neither reads nor writes. */
interface Footprint {
  /** It may make an exception pending. */
  faults?: true;
  /** It may want the block to be left. */
  stops?: true;
  /** What it does must not be done twice. */
  effects?: true;
}

/** Functions that are called. S_BUDGET is as before unless they want the block to be left. */
export const CALLED: Readonly<Record<string, Footprint>> = {
  readSlow: { faults: true },
  writeSlow: { faults: true, stops: true, effects: true },
  readForWrite: { faults: true },
  probe: { faults: true },
  segmentAddress: { faults: true },
  interruptPending: {},
  wideQuotient: {},
  wideSignedQuotient: { faults: true },
  sure32: {},
  sure64: {},
  sure32x4: {},
  sure64x2: {},
  // The x87's: of the state they change its registers and words only.
  addNormal: { effects: true },
  multiplyNormal: { effects: true },
  divideNormal: { effects: true },
  x87Arithmetic: { effects: true },
  x87ArithmeticMemory: { effects: true },
  x87Compare: { effects: true },
  x87CompareMemory: { effects: true },
  x87CompareFlags: { effects: true },
  x87Load: { effects: true },
};

/** Functions that end a handler: the region does what they do, or calls them when the registers are in memory. */
export const TAILS: readonly string[] = [
  "faultAt",
  "branchSlow",
  "linkTo",
  "findBlock",
  "leaveStopped",
];
const TAIL_NAMES = new Set(TAILS);

/** Limits of one record: instructions executed, on all paths and on one, branches on what is not known, calls inside each other. */
const MAX_STEPS = 6000;
const MAX_PATH = 600;
const MAX_FORKS = 120;
const MAX_FRAMES = 12;

/** Scratch of vector instructions: three operands of 64 bytes. It holds nothing between instructions. */
const SCRATCH_END = S_TMP0 + 3 * 64;

/** A path does something that has no form in a region, or (`whole`) the handler does and is called instead. */
class Unsupported {
  readonly reason: string;
  readonly whole: boolean;

  constructor(reason: string, whole = false) {
    this.reason = reason;
    this.whole = whole;
  }
}

function isUnsupported(error: unknown): boolean {
  return (
    error instanceof Unsupported ||
    error instanceof UnsupportedAccess ||
    error instanceof Unemittable
  );
}

/** Functions for cases that are rare: the path leaves the region instead. */
const RARE = new Set([
  "readSlowly",
  "storeSlowly",
  "floatScalar32",
  "floatScalar64",
  "writeModeFlags",
]);

/** What is known about S_FAULT and S_STOP. */
const ZERO = 0;
const NONZERO = 1;
const UNKNOWN = 2;
type Knowledge = 0 | 1 | 2;

interface Label {
  readonly to: number;
  readonly arity: number;
  readonly height: number;
}

class Frame {
  readonly id: object;
  readonly body: Body;
  pc = 0;
  locals: Value[];
  stack: Value[] = [];
  labels: Label[] = [];

  constructor(body: Body, locals: Value[], id: object = {}) {
    this.body = body;
    this.locals = locals;
    this.id = id;
  }

  clone(): Frame {
    const frame = new Frame(this.body, this.locals.slice(), this.id);
    frame.pc = this.pc;
    frame.stack = this.stack.slice();
    frame.labels = this.labels.slice();
    return frame;
  }
}

/** A place that the sides of a branch may reach both. */
interface Join {
  /** Frame and position; undefined for the end of the record. */
  readonly frame: object | undefined;
  readonly pc: number;
  readonly parent: Join | undefined;
  readonly arrivals: Arrival[];
  /** Depth inside the block that a path leaves to get there. */
  label: number;
}

interface Arrival {
  readonly path: Path;
  readonly chunk: Chunk;
}

/** One way through the handler. */
class Path {
  frames: Frame[];
  bindings: (Value | undefined)[];
  fault: Knowledge = ZERO;
  stop: Knowledge = ZERO;
  /** Something has been done that must not be done twice. */
  effects = false;
  globals: Map<number, Value>;
  /** 16-byte pieces of scratch memory by address. */
  scratch: Map<number, Value>;
  /** Host addresses of accesses that hit the TLB, and code maps of fetches, by the addresses of their entries. */
  pages: ReadonlyMap<Value, { found: Value; linear: Value }> = NO_PAGES;
  /** The call that the handler ends with. */
  tail: { name: string; args: Value[]; result: Value } | undefined;
  join: Join;
  /** Instructions executed so far. */
  steps = 0;

  constructor(frames: Frame[], bindings: (Value | undefined)[], join: Join) {
    this.frames = frames;
    this.bindings = bindings;
    this.globals = NO_VALUES;
    this.scratch = NO_VALUES;
    this.join = join;
  }

  clone(join: Join): Path {
    const path = new Path(
      this.frames.map((frame) => frame.clone()),
      this.bindings.slice(),
      join,
    );
    path.fault = this.fault;
    path.stop = this.stop;
    path.effects = this.effects;
    path.steps = this.steps;
    path.globals = this.globals;
    path.scratch = this.scratch;
    path.pages = this.pages;
    path.tail = this.tail;
    return path;
  }
}

/** Notes which side of the `if` at `branch` is seldom taken. */
function hinted(parent: Chunk, branch: number | undefined, sides: readonly Chunk[]): void {
  const [taken, not] = sides as [Chunk, Chunk];
  if (taken.rare && not.rare) parent.rare = true;
  else if (taken.rare !== not.rare && branch !== undefined) parent.hint(branch, not.rare);
}

const NO_VALUES = new Map<number, Value>();
const NO_PAGES: Path["pages"] = new Map();

/**
 * Where the sides of an `if` meet: behind it, or where its first side branches to at its end, past what the other one has
 * to do.
 */
function meetingPlace({ instructions }: Body, { otherwise, to }: Instruction): number {
  const last = instructions[(otherwise >= 0 ? otherwise : to) - 1];
  const target = last?.op === OP_BR ? (last.targets[0] as number) : -1;
  return target > to && target < instructions.length ? target : to + 1;
}

class Specializer {
  private readonly context: OpContext;
  private readonly code: Code;
  private readonly state: StateLocals;
  private readonly core: CoreCode;
  private readonly record: number;
  private readonly branches: boolean;
  private readonly first: (Value | undefined)[];
  private readonly root: Join = {
    frame: undefined,
    pc: 0,
    parent: undefined,
    arrivals: [],
    label: -1,
  };
  private steps = 0;
  private forks = 0;
  private knownBefore = 0;
  private start: Path | undefined;
  /** Paths that end where the handler would, and do not only leave. */
  private complete = 0;

  constructor(context: OpContext, handler: Body) {
    this.context = context;
    this.code = context.code;
    this.state = context.state;
    this.core = context.core;
    this.record = context.record;
    this.branches = endsInLink(context.core, handler, 3);
    this.first = context.state.bindings;
  }

  handler(body: Body): void {
    const { code, state } = this;
    const parent = code.chunk;
    const path = new Path([], state.bindings.slice(), this.root);
    path.frames.push(this.frame(body, [i32(this.record)]));
    this.start = path;
    this.run(path);
    const { arrivals, label } = this.root;
    code.chunk = parent;
    if (this.complete === 0 && arrivals.length === 0)
      throw new Unsupported("no path is complete", true);
    if (arrivals.length === 0) {
      if (label >= 0) code.end();
      code.bytes(0x00);
      state.bindings = this.first;
    } else {
      // Paths that have come by branches are past what was computed last.
      if (arrivals.some(({ chunk }) => chunk !== parent)) parent.forget(this.knownBefore);
      state.bindings = this.merged(arrivals, this.root, parent).bindings;
      if (arrivals.length > 1) parent.forget(this.knownBefore);
      if (label >= 0) code.end();
    }
  }

  /** Opens the record's own block, where paths meet at last. */
  private open(): void {
    const { code } = this;
    this.knownBefore = code.chunk.known.size;
    this.root.label = code.block();
  }

  private frame(body: Body, args: Value[]): Frame {
    const locals = args;
    for (let n = args.length; n < body.locals.length; n++)
      locals.push(zero(body.locals[n] as ValType));
    return new Frame(body, locals);
  }

  // ---- One path

  /** Follows a path to its end, or to where it meets others. */
  private run(path: Path): void {
    const { code } = this;
    const { chunk } = code;
    const { effects, join } = path;
    const before = chunk.mark();
    const counts: [Join, number][] = [];
    for (let j: Join | undefined = join; j; j = j.parent) counts.push([j, j.arrivals.length]);
    const { complete } = this;
    try {
      this.follow(path);
    } catch (error) {
      const whole = error instanceof Unsupported && error.whole;
      if (whole || !isUnsupported(error) || effects || path === this.start) throw error;
      // A side that cannot be compiled is left to the interpreter, which begins the record anew.
      chunk.rewind(before);
      for (const [j, count] of counts) j.arrivals.length = count;
      this.complete = complete;
      code.chunk = chunk;
      this.leave();
    }
  }

  /** Leaves the record, of which nothing has been done, to the interpreter. */
  private leave(): void {
    this.state.bindings = this.first.slice();
    this.context.onLeave();
  }

  private follow(start: Path): void {
    let path = start;
    for (;;) {
      if (++this.steps > MAX_STEPS) throw new Unsupported("too long", true);
      if (++path.steps > MAX_PATH) throw new Unsupported("a long path");
      const frame = path.frames.at(-1) as Frame;
      const instruction = frame.body.instructions[frame.pc];
      let next: Path | undefined = path;
      if (instruction === undefined) {
        if (this.leaveFunction(path)) return;
      } else {
        frame.pc++;
        next = this.step(path, frame, instruction);
      }
      if (next === undefined) return;
      path = next;
    }
  }

  /** Executes an instruction; returns the path that goes on, or undefined where none does. */
  private step(path: Path, frame: Frame, i: Instruction): Path | undefined {
    const { op } = i;
    const { stack } = frame;
    if (op === OP_LOCAL_GET) {
      const value = frame.locals[i.n] as Value;
      if (frame.body.isLive(frame.pc, i.n)) value.uses++;
      stack.push(value);
      return path;
    }
    if (op === OP_LOCAL_SET || op === OP_LOCAL_TEE) {
      const value = stack.at(-1) as Value;
      value.uses += op === OP_LOCAL_TEE && frame.body.isLive(frame.pc, i.n) ? 2 : 1;
      frame.locals[i.n] = value;
      if (op === OP_LOCAL_SET) stack.pop();
      return path;
    }
    if (i.value) {
      stack.push(i.value);
      return path;
    }
    if (op >= 0x28 && op <= 0x3e) {
      this.memory(path, stack, op, i.n);
      return path;
    }
    if (op >= 0x45 && op <= 0xc4) {
      this.numeric(stack, op);
      return path;
    }
    if (op >= SATURATE) {
      this.prefixed(path, stack, i);
      return path;
    }
    switch (op) {
      case OP_BLOCK:
        frame.labels.push({ to: i.to + 1, arity: i.n, height: stack.length });
        return path;
      case OP_LOOP:
        frame.labels.push({ to: frame.pc, arity: 0, height: stack.length });
        return path;
      case OP_IF:
        return this.conditional(path, frame, i);
      case OP_ELSE:
        // The end of the other side.
        frame.labels.pop();
        frame.pc = i.to + 1;
        return this.arrived(path) ? undefined : path;
      case OP_END:
        frame.labels.pop();
        return this.arrived(path) ? undefined : path;
      case OP_BR:
        return this.jump(path, i.labels[0] as number, i.targets[0] as number) ? path : undefined;
      case OP_BR_IF:
        return this.branchIf(path, frame, i);
      case OP_BR_TABLE: {
        const index = stack.pop() as Value;
        if (index.op !== CONST) throw new Unsupported("computed switch", true);
        const last = i.labels.length - 1;
        const which = Math.min(index.n >>> 0, last);
        return this.jump(path, i.labels[which] as number, i.targets[which] as number)
          ? path
          : undefined;
      }
      case OP_RETURN:
        frame.pc = frame.body.instructions.length;
        return path;
      case OP_CALL:
        return this.call(path, frame, i.n);
      case OP_CALL_INDIRECT: {
        const index = stack.pop() as Value;
        const target = index.op === CONST ? this.core.functionAt(index.n) : undefined;
        if (target === undefined) throw new Unsupported("computed switch", true);
        return this.call(path, frame, target);
      }
      case 0x1a:
        stack.pop();
        return path;
      case 0x01:
        return path;
      case 0x1b: {
        const condition = stack.pop() as Value;
        const b = stack.pop() as Value;
        stack.push(select(stack.pop() as Value, b, condition));
        return path;
      }
      case OP_GLOBAL_GET: {
        const value = path.globals.get(i.n);
        if (!value) throw new Unsupported("global");
        stack.push(value);
        return path;
      }
      case OP_GLOBAL_SET: {
        const value = stack.pop() as Value;
        value.uses++;
        path.globals = new Map(path.globals).set(i.n, value);
        return path;
      }
    }
    throw new Unsupported("instruction", true);
  }

  private numeric(stack: Value[], op: number): void {
    const b = stack.pop() as Value;
    const two = NUMERIC[op]?.params.length === 2;
    let result = two ? binary(op, stack.pop() as Value, b) : unary(op, b);
    if (this.isBudgetLeft(result)) result = i32(result.op === I32_GT_S ? 1 : 0);
    else if (traps(op)) result = two ? this.divided(result) : computed(this.code, result);
    else if (op === I32_ADD && two) this.noteHostAddress(result);
    stack.push(result);
  }

  /**
   * A quotient or remainder, computed here. Programs mostly divide by what they have divided by before, and by a constant
   * the engine multiplies: where the divisor is as its register makes it now.
   */
  private divided(result: Value): Value {
    const { code, context } = this;
    const { op, type, a, b } = result;
    const usual = context.seldom || !traps(op) ? undefined : usualDivisor(b as Value, context);
    if (usual === undefined) return computed(code, result);
    const dividend = computed(code, a as Value);
    const divisor = computed(code, b as Value);
    const to = code.temporary(type);
    emit(code, binary(type === I32 ? I32_EQ : I64_EQ, divisor, usual));
    code.if();
    emit(code, binary(op, dividend, usual));
    code.set(to).else();
    emit(code, binary(op, dividend, divisor));
    code.set(to).end();
    const value = local(type, to, result.width);
    value.uses = 2;
    return value;
  }

  /** Whether a value asks if some budget is left, where the region has made sure of it. */
  private isBudgetLeft({ op, a, b }: Value): boolean {
    if ((op !== I32_GT_S && op !== I32_LE_S) || b?.op !== CONST || b.n !== 0) return false;
    let taken = 0;
    let from = a as Value;
    // A constant is subtracted as its negative is added.
    for (; from.op === I32_ADD && from.b?.op === CONST; from = from.a as Value) taken -= from.b.n;
    const { n, op: source } = this.state.canonical(BUDGET);
    return from.op === source && from.n === n && taken <= this.context.granted;
  }

  /** The sum of an address and what a TLB entry adds to it is an address of RAM. */
  private noteHostAddress(sum: Value): void {
    if (sum.a && (this.addends.has(sum.a) || this.addends.has(sum.b as Value))) sum.nonzero = true;
  }

  private readonly addends = new Set<Value>();

  private prefixed(path: Path, stack: Value[], i: Instruction): void {
    const sub = i.op & 0xffff;
    if (i.op < VECTOR_OP) {
      if (sub > 7) throw new Unsupported("bulk memory", true);
      stack.push(saturate(sub, sub < 4 ? I32 : I64, stack.pop() as Value));
      return;
    }
    const kind = VECTOR[sub];
    if (!kind) throw new Unsupported("vector access");
    if (
      kind.kind === "plain" ||
      kind.kind === "extract" ||
      kind.kind === "replace" ||
      kind.kind === "shuffle"
    ) {
      const operands = stack.splice(stack.length - kind.params.length);
      stack.push(vector(sub, i.lane, i.bits, operands));
      return;
    }
    if (kind.kind === "load" && sub === 0) {
      stack.push(this.load(path, stack.pop() as Value, i.n, i.op, V128, 16, false));
      return;
    }
    if (kind.kind === "load") {
      // Part of a vector, which no field or scratch memory is read as.
      const base = stack.pop() as Value;
      if (base.isConst) throw new Unsupported("vector access");
      stack.push(this.load(path, base, i.n, i.op, V128, kind.size, false));
      return;
    }
    if (kind.kind === "store") {
      const value = stack.pop() as Value;
      this.store(path, stack.pop() as Value, i.n, i.op, value, 16);
      return;
    }
    throw new Unsupported("instruction");
  }

  // ---- Control

  private jump(path: Path, label: number, target: number): boolean {
    const frame = path.frames.at(-1) as Frame;
    const { stack, labels } = frame;
    if (label === labels.length) {
      frame.pc = frame.body.instructions.length;
      return true;
    }
    const { arity, height } = labels[labels.length - 1 - label] as Label;
    stack.splice(height, stack.length - height - arity);
    const loops = target <= frame.pc - 1;
    labels.length -= loops ? label : label + 1;
    frame.pc = target;
    return loops || !this.arrived(path);
  }

  private conditional(path: Path, frame: Frame, i: Instruction): Path | undefined {
    const condition = frame.stack.pop() as Value;
    const enter = (p: Path, taken: boolean): boolean => {
      const f = p.frames.at(-1) as Frame;
      if (!taken && i.otherwise < 0) {
        f.pc = i.to + 1;
        return !this.arrived(p);
      }
      f.labels.push({ to: i.to + 1, arity: i.n, height: f.stack.length });
      if (!taken) f.pc = i.otherwise + 1;
      return true;
    };
    const known = truth(condition);
    if (known !== undefined) return enter(path, known) ? path : undefined;
    return this.fork(path, condition, frame.id, meetingPlace(frame.body, i), enter);
  }

  private branchIf(path: Path, frame: Frame, i: Instruction): Path | undefined {
    const condition = frame.stack.pop() as Value;
    const label = i.labels[0] as number;
    const target = i.targets[0] as number;
    const enter = (p: Path, taken: boolean): boolean => !taken || this.jump(p, label, target);
    const known = truth(condition);
    if (known !== undefined) return enter(path, known) ? path : undefined;
    if (target < frame.pc) throw new Unsupported("loop", true);
    if (label === frame.labels.length) {
      // The function returns: both sides meet behind its call.
      const caller = path.frames.at(-2);
      return caller
        ? this.fork(path, condition, caller.id, caller.pc, enter)
        : this.fork(path, condition, undefined, 0, enter);
    }
    return this.fork(path, condition, frame.id, target, enter);
  }

  /** The function is complete: its results go to the caller. True if the path ends. */
  private leaveFunction(path: Path): boolean {
    const frame = path.frames.pop() as Frame;
    const results = frame.body.type.results.length;
    const caller = path.frames.at(-1);
    if (!caller) {
      this.finish(path, frame.stack.at(-1) as Value);
      return true;
    }
    if (results > 0) caller.stack.push(frame.stack.at(-1) as Value);
    return this.arrived(path);
  }

  /** The handler returns. */
  private finish(path: Path, result: Value): void {
    const { context, state } = this;
    if (path.tail) {
      const returned = result === path.tail.result || (result.op === CONST && result.n === 0);
      if (!returned) throw new Unsupported("work behind a tail call");
      if (path.tail.name !== "faultAt") this.complete++;
      state.bindings = path.bindings;
      context.onTail(path.tail.name, path.tail.args);
    } else if (result.op === CONST && result.n === this.record + OP_SIZE) {
      this.root.arrivals.push({ path, chunk: this.code.chunk });
    } else {
      this.complete++;
      state.bindings = path.bindings;
      if (result.op === LINK) context.onLink(result.n as 0 | 1);
      else context.onReturn(result);
    }
  }

  private arrived(path: Path): boolean {
    const frame = path.frames.at(-1) as Frame;
    for (let join: Join | undefined = path.join; join; join = join.parent) {
      if (join.frame === frame.id && join.pc === frame.pc) {
        join.arrivals.push({ path, chunk: this.code.chunk });
        return true;
      }
    }
    return false;
  }

  /**
   * Both sides of a branch. They meet at `pc` of the frame `id`, if at all. Returns the path that goes on behind the
   * construct.
   */
  private fork(
    path: Path,
    condition: Value,
    id: object | undefined,
    pc: number,
    enter: (path: Path, taken: boolean) => boolean,
  ): Path | undefined {
    if (path.tail) throw new Unsupported("work behind a tail call", true);
    const { code, root } = this;
    const test = pageTest(condition, path.bindings[TLB] ?? this.state.canonical(TLB));
    const known = this.knownInAllRounds(path, condition, test);
    if (known !== undefined) return enter(path, known) ? path : undefined;
    const parent = code.chunk;
    if (++this.forks > MAX_FORKS) throw new Unsupported("too many paths", true);
    const opens = root.label < 0;
    const before = parent.mark();
    if (opens) this.open();
    const join: Join = { frame: id, pc, parent: path.join, arrivals: [], label: 0 };
    const atRoot = id === undefined;
    const meeting = atRoot ? root : join;
    if (!atRoot) join.label = code.block();
    // Where the engine can be told which side is rare; a test of pages says so itself.
    let branch: number | undefined;
    const sides: Chunk[] = [];
    const inSide = (write: () => void): void => {
      code.chunk = parent.insert();
      sides.push(code.chunk);
      write();
      code.chunk = parent;
    };
    const follow = (taken: boolean, pages = path.pages): void =>
      inSide(() => {
        const p = path.clone(atRoot ? path.join : join);
        p.pages = pages;
        if (enter(p, taken)) this.run(p);
      });
    if (test) {
      const after = code.block();
      const { entry, linear, differs } = test;
      const near = this.context.seldom ? undefined : this.nearPage(linear);
      const found = local(I32, emitPageTest(code, test, near, this.state.nearPages));
      found.uses = 2;
      found.nonzero = true;
      follow(!differs, new Map(path.pages).set(entry, { found, linear }));
      code.branch(after);
      code.end();
      if (this.context.seldom && !path.effects) inSide(() => this.leave());
      else follow(differs);
    } else {
      emit(code, condition);
      branch = parent.bytes.length;
      code.if();
      follow(true);
      code.else();
      follow(false);
    }
    code.end();
    if (atRoot) {
      hinted(parent, branch, sides);
      return undefined;
    }
    const { arrivals } = meeting;
    const chosen = test === undefined ? this.selected(path, condition, arrivals, sides) : undefined;
    if (chosen) {
      // Nothing but values came of it.
      parent.rewind(before);
      if (opens) root.label = -1;
      return chosen;
    }
    const meet = arrivals.filter(
      ({ path: p }) => p.fault === path.fault && p.stop === path.stop && !p.tail,
    );
    const rest = arrivals.filter((arrival) => !meet.includes(arrival));
    const together = meet.length === 1 || this.mergeable(meet.map((m) => m.path));
    for (const { path: p, chunk } of together ? rest : arrivals) {
      code.chunk = chunk;
      p.join = path.join;
      this.run(p);
    }
    code.chunk = parent;
    hinted(parent, branch, sides);
    if (!together || meet.length === 0) {
      code.end();
      return undefined;
    }
    const merged = this.merged(meet, join, parent, sides);
    merged.join = path.join;
    code.end();
    const { rare } = parent;
    parent.rare = false;
    // Where it cannot be followed, only what comes after this place is left.
    this.run(merged);
    // Who comes here alone belongs to what stands here, while the other side is past it.
    const alone =
      meet.length === 1 && !sides.some((side) => side.rare) ? meet[0]?.chunk : undefined;
    if (parent.rare && alone && sides.includes(alone)) {
      if (branch !== undefined) parent.hint(branch, alone === sides[1]);
      parent.rare = rare;
    } else parent.rare ||= rare;
    return undefined;
  }

  /** The condition, where it is the same in all rounds of a loop. The path knows the page that is asked for. */
  private knownInAllRounds(
    path: Path,
    condition: Value,
    test: PageTest | undefined,
  ): boolean | undefined {
    const { rounds } = this.context;
    if (rounds === undefined) return undefined;
    if (test === undefined) {
      const alignment = alignmentTest(condition);
      return alignment && rounds.isAligned(alignment) ? alignment.aligned : undefined;
    }
    const { entry, linear, differs } = test;
    const host = rounds.hostOf(test);
    if (host === undefined) return undefined;
    const found = local(I32, host);
    found.uses = 2;
    found.nonzero = true;
    path.pages = new Map(path.pages).set(entry, { found, linear });
    return !differs;
  }

  /** Which of the near pages is that of an access: by the register that it is relative to. */
  private nearPage(linear: Value): number {
    const base = baseOf(linear);
    const is = (n: number): boolean =>
      alike(base, baseOf(this.first[n] ?? this.state.canonical(n)));
    const stack = (RSP - REGS) / 8;
    if (is(stack)) return stack;
    const named = (this.context.memory.getUint16(this.record + OP_BASE, true) - REGS) / 8;
    return named >= 0 && named < 16 ? named : NO_REGISTER;
  }

  /** The sides as one path whose values are selected, if they have done nothing but compute. */
  private selected(
    path: Path,
    condition: Value,
    arrivals: Arrival[],
    sides: Chunk[],
  ): Path | undefined {
    const [first, second] = arrivals;
    if (!first || !second || arrivals.length > 2) return undefined;
    if (!sides.every((side) => side.empty)) return undefined;
    const [yes, no] =
      first.chunk === sides[0] ? [first.path, second.path] : [second.path, first.path];
    for (const p of [yes, no]) {
      if (p.fault !== path.fault || p.stop !== path.stop || p.effects !== path.effects || p.tail)
        return undefined;
    }
    if (yes.scratch !== no.scratch || !equalMaps(yes.globals, no.globals)) return undefined;
    const canonical = (f: number): Value => this.state.canonical(f);
    return combine(yes, no, canonical, (a, b) => {
      if (a.op === LINK || b.op === LINK) return undefined;
      if (a.type === I32 && (a.op === CONST) !== (b.op === CONST)) {
        const fixed = a.op === CONST ? a : b;
        const other = a.op === CONST ? b : a;
        if (fixed.n >>> 0 > 1 || other.width !== 1) return undefined;
      }
      return select(a, b, condition);
    });
  }

  /** Whether paths differ in nothing that later branches need as a constant. */
  private mergeable(paths: readonly Path[]): boolean {
    const [first, ...others] = paths;
    if (!first) return false;
    return others.every(
      (other) => equalMaps(other.globals, first.globals) && sameConstants(first, other),
    );
  }

  /** One path for all that arrive at a place; what differs goes to locals. */
  private merged(
    arrivals: readonly Arrival[],
    join: Join,
    parent: Chunk,
    sides: readonly Chunk[] = [],
  ): Path {
    const { code } = this;
    const [first] = arrivals as [Arrival];
    const result = first.path;
    if (arrivals.length > 1) result.pages = NO_PAGES;
    const moves: { values: Value[]; local: number }[] = [];
    if (arrivals.length > 1) {
      const unify = (values: Value[]): Value => {
        const [one] = values as [Value];
        if (values.every((v) => same(v, one))) return one;
        const temporary = code.temporary(one.type);
        moves.push({ values, local: temporary });
        const value = local(one.type, temporary, Math.max(...values.map((v) => v.width)));
        value.uses = 2;
        if (values.every((v) => v.nonzero)) value.nonzero = true;
        return value;
      };
      const paths = arrivals.map((a) => a.path);
      for (let f = 0; f < result.frames.length; f++) {
        const frame = result.frames[f] as Frame;
        const all = paths.map((p) => p.frames[f] as Frame);
        for (let n = 0; n < frame.locals.length; n++) {
          if (!frame.body.isLive(frame.pc, n)) continue;
          const one = frame.locals[n];
          if (all.every((a) => a.locals[n] === one)) continue;
          frame.locals[n] = unify(all.map((a) => a.locals[n] as Value));
        }
        for (let n = 0; n < frame.stack.length; n++)
          frame.stack[n] = unify(all.map((a) => a.stack[n] as Value));
      }
      for (let f = 0; f < result.bindings.length; f++) {
        const one = result.bindings[f];
        if (paths.every((p) => p.bindings[f] === one)) continue;
        result.bindings[f] = unify(paths.map((p) => p.bindings[f] ?? this.state.canonical(f)));
      }
      result.scratch = this.mergedScratch(paths, unify);
      result.effects = paths.some((p) => p.effects);
    }
    for (const { path, chunk } of arrivals) {
      code.chunk = chunk;
      for (const { values, local: to } of moves) {
        emit(code, values[arrivals.findIndex((a) => a.path === path)] as Value);
        code.set(to);
      }
      if (join.label >= 0 && chunk !== parent && !sides.includes(chunk)) code.branch(join.label);
    }
    code.chunk = parent;
    if (arrivals.length === 1) parent.adopt(first.chunk);
    return result;
  }

  private mergedScratch(
    paths: readonly Path[],
    unify: (values: Value[]) => Value,
  ): Map<number, Value> {
    const [first] = paths as [Path];
    if (paths.every((p) => p.scratch === first.scratch)) return first.scratch;
    const merged = new Map<number, Value>();
    for (const [at, value] of first.scratch) {
      const values = paths.map((p) => p.scratch.get(at));
      if (values.every((v) => v === value)) merged.set(at, value);
      else if (values.every((v) => v !== undefined && !hasUnwritten(v)))
        merged.set(at, unify(values as Value[]));
    }
    return merged;
  }

  // ---- Calls

  private call(path: Path, frame: Frame, index: number): Path | undefined {
    const { core } = this;
    const type = core.typeOf(index);
    const { stack } = frame;
    const args = stack.splice(stack.length - type.params.length);
    const name = core.nameOf(index);
    if (path.tail) throw new Unsupported("work behind a tail call", true);
    if (name !== undefined && TAIL_NAMES.has(name) && !this.context.follows(name, args)) {
      const result = local(I32, -1);
      this.checkGlobals(path, index);
      path.tail = { name, args, result };
      if (type.results.length > 0) stack.push(result);
      return path;
    }
    const footprint = name === undefined ? undefined : CALLED[name];
    if (footprint) {
      this.checkGlobals(path, index);
      return this.callOut(path, frame, name as string, footprint, args, type);
    }
    const body = core.body(index);
    // With an exception pending they do nothing.
    const rare = (name !== undefined && RARE.has(name)) || (body && isRare(body));
    if (rare && path.fault !== NONZERO) throw new Unsupported("rare");
    if (!body || path.frames.length >= MAX_FRAMES)
      throw new Unsupported("call of code that cannot be inlined", true);
    path.frames.push(this.frame(body, args));
    for (const arg of args) arg.uses++;
    return path;
  }

  /** What a path has put into globals is in none of the core's: a function of it that reads them finds others. */
  private checkGlobals(path: Path, callee: number): void {
    if (path.globals.size === 0) return;
    const read = this.core.globalsRead(callee);
    for (const global of path.globals.keys())
      if (read.has(global)) throw new Unsupported("a global that the core reads");
  }

  /** Emits a call of a function of the core. */
  private callOut(
    path: Path,
    frame: Frame,
    name: string,
    footprint: Footprint,
    args: Value[],
    type: FuncType,
  ): Path | undefined {
    const { code, state } = this;
    for (const arg of args)
      if (isStateAddress(arg)) throw new Unsupported("computed address of a field");
    if (footprint.stops) {
      code.i32Const(0);
      emit(code, path.bindings[BUDGET] ?? state.canonical(BUDGET));
      code.bytes(0x36, 0).u32(S_BUDGET);
    }
    for (const arg of args) emit(code, arg);
    code.call(name);
    code.changes++;
    const [result] = type.results;
    if (result !== undefined) {
      const temporary = code.temporary(result);
      code.set(temporary);
      frame.stack.push(local(result, temporary, this.resultWidth(name, args)));
    }
    if (footprint.effects) path.effects = true;
    let next: Path | undefined = path;
    if (footprint.faults) next = this.split(next, S_FAULT, "fault");
    if (next && footprint.stops) next = this.split(next, S_STOP, "stop");
    return next;
  }

  /** What is known of a result: memory gives no more than it was asked for. */
  private resultWidth(name: string, args: readonly Value[]): number | undefined {
    const size = args[1];
    if (name !== "readSlow" && name !== "readForWrite") return undefined;
    return size?.op === CONST ? 8 * size.n : undefined;
  }

  /** Goes on separately where the word is not 0; returns the path where it is. */
  private split(path: Path, address: number, what: "fault" | "stop"): Path | undefined {
    const { code } = this;
    const parent = code.chunk;
    if (this.root.label < 0) this.open();
    code.i32Const(0).bytes(0x28, 0).u32(address);
    parent.hint(parent.bytes.length, false);
    code.if();
    const side = parent.insert();
    code.chunk = side;
    const other = path.clone(path.join);
    other[what] = NONZERO;
    // Whoever executes the record anew would do so with the exception pending.
    other.effects = true;
    if (what === "stop") {
      const budget = code.temporary(I32);
      code.i32Const(0).bytes(0x28, 0).u32(S_BUDGET).set(budget);
      other.bindings[BUDGET] = local(I32, budget);
    }
    this.run(other);
    code.chunk = parent;
    code.end();
    path[what] = ZERO;
    return path;
  }

  // ---- Memory

  private memory(path: Path, stack: Value[], op: number, offset: number): void {
    const kind = MEMORY[op];
    if (!kind) throw new Unsupported("vector access");
    if (kind.kind === "load") {
      stack.push(
        this.load(path, stack.pop() as Value, offset, op, kind.type, kind.size, kind.signed),
      );
      return;
    }
    const value = stack.pop() as Value;
    this.store(path, stack.pop() as Value, offset, op, value, kind.size);
  }

  private load(
    path: Path,
    base: Value,
    offset: number,
    op: number,
    type: ValType,
    size: number,
    signed: boolean,
  ): Value {
    if (base.op !== CONST) {
      this.checkDynamic(base, offset);
      const page = path.pages.get(base);
      if (page && offset === TLB_ADDEND)
        return binary(I32_SUB, page.found, unary(WRAP, page.linear));
      if (page && offset === TLB_CODEMAP) return page.found;
      if (size === 8 && (offset === TLB_READ || offset === TLB_WRITE || offset === TLB_EXEC)) {
        const tlb = path.bindings[TLB] ?? this.state.canonical(TLB);
        if (linearOfEntry(base, tlb)) return loadedLater(this.code, base, offset);
      }
      return this.loaded(base, offset, op, type, size, signed);
    }
    const address = (base.n >>> 0) + offset;
    if (address >= this.record && address + size <= this.record + OP_SIZE) {
      return this.field(address, op, type, size, signed);
    }
    const f = this.state.fieldAt(address);
    if (f >= 0) {
      this.state.bindings = path.bindings;
      return this.state.load(f, address, type, size, signed);
    }
    if (address >= S_TMP0 && address < SCRATCH_END) {
      const at = address & ~15;
      const whole = path.scratch.get(at) ?? unwritten();
      return type === V128 ? complete(whole) : laneOf(whole, address - at, type, size, signed);
    }
    const known = this.knownWord(path, address, type, size);
    if (known) return known;
    const value = this.loaded(i32(address), 0, op, type, size, signed);
    if (address === S_FAULT && path.fault === NONZERO) value.nonzero = true;
    if (address === S_STOP && path.stop === NONZERO) value.nonzero = true;
    if (size === 4 && type === I32) {
      const word = this.state.knownWord(address);
      if (word) {
        value.knownMask = word.mask;
        value.knownBits = word.bits;
      }
    }
    return value;
  }

  /** A load that is performed here. */
  private loaded(
    base: Value,
    offset: number,
    op: number,
    type: ValType,
    size: number,
    signed: boolean,
  ): Value {
    const { code } = this;
    emit(code, base);
    if (op >= VECTOR_OP) code.bytes(0xfd).u32(op & 0xffff);
    else code.bytes(op);
    code.bytes(0).u32(offset);
    const temporary = code.temporary(type);
    code.set(temporary);
    const value = local(type, temporary, signed || type === V128 ? undefined : widthOf(type, size));
    value.uses = 2;
    if (base.op !== CONST && offset === TLB_ADDEND && type === I32) this.addends.add(value);
    return value;
  }

  /** A word of the state of which all bits are known. */
  private knownWord(path: Path, address: number, type: ValType, size: number): Value | undefined {
    if (address === S_FAULT && path.fault === ZERO) return i32(0);
    if (address === S_STOP && path.stop === ZERO) return i32(0);
    const { state } = this;
    if (type === I32 && size === 4) {
      const word = state.knownWord(address);
      return word && word.mask === -1 ? i32(word.bits) : undefined;
    }
    if (type !== I64) return undefined;
    const low = state.knownWord(address);
    if (low?.mask !== -1) return undefined;
    if (size === 4) return i64(BigInt(low.bits >>> 0));
    const high = size === 8 ? state.knownWord(address + 4) : undefined;
    if (high?.mask !== -1) return undefined;
    return i64((BigInt(high.bits) << 32n) | BigInt(low.bits >>> 0));
  }

  /** A field of the record, or a link. */
  private field(address: number, op: number, type: ValType, size: number, signed: boolean): Value {
    const offset = address - this.record;
    if (this.branches && offset >= OP_IMM && offset < OP_IMM + 8) {
      const which = offset === OP_IMM ? 0 : 1;
      const known = this.context.linkOf(which);
      if (known === "untaken") throw new Unsupported("a way that has not been taken");
      if (known === "never") return constant(type, 0n);
      if (known === "set") return type === I64 ? unary(EXTEND_U, link(which)) : link(which);
      return this.loaded(i32(address), 0, op, type, size, signed);
    }
    const { memory } = this.context;
    if (type === I32) {
      if (size === 4) return i32(memory.getInt32(address, true));
      if (size === 2)
        return i32(signed ? memory.getInt16(address, true) : memory.getUint16(address, true));
      return i32(signed ? memory.getInt8(address) : memory.getUint8(address));
    }
    if (type === I64 && size === 8) return i64(memory.getBigInt64(address, true));
    if (type === V128) throw new Unsupported("instruction");
    let bits = 0n;
    for (let n = size - 1; n >= 0; n--) bits = (bits << 8n) | BigInt(memory.getUint8(address + n));
    return constant(type, signed ? BigInt.asIntN(8 * size, bits) : bits);
  }

  private store(
    path: Path,
    base: Value,
    offset: number,
    op: number,
    value: Value,
    size: number,
  ): void {
    const { code } = this;
    if (base.op === CONST) {
      const address = (base.n >>> 0) + offset;
      const f = this.state.fieldAt(address);
      if (f >= 0) {
        this.state.bindings = path.bindings;
        this.state.store(f, address, value, size);
        return;
      }
      if (address >= S_TMP0 && address < SCRATCH_END) {
        const at = address & ~15;
        const whole = size === 16 && at === address;
        if (size === 16 && !whole) throw new Unsupported("instruction");
        const put = whole
          ? value
          : withLane(path.scratch.get(at) ?? unwritten(), address - at, value, size);
        put.uses++;
        path.scratch = new Map(path.scratch).set(at, put);
        return;
      }
      const inRecord = address >= this.record && address < this.record + OP_SIZE;
      if (inRecord) throw new Unsupported("the record changes", true);
      if (this.state.knownWord(address)) throw new Unsupported("a constant of the region changes");
      if (address === S_FAULT) path.fault = knowledgeOf(value);
      if (address === S_STOP) path.stop = knowledgeOf(value);
    } else this.checkDynamic(base, offset);
    path.effects = true;
    if (path.tail) throw new Unsupported("work behind a tail call", true);
    emit(code, base);
    emit(code, value);
    code.changes++;
    if (op >= VECTOR_OP) code.bytes(0xfd).u32(op & 0xffff);
    else code.bytes(op);
    code.bytes(0).u32(offset);
  }

  /** An address that is computed is never one of fields in locals. */
  private checkDynamic(base: Value, offset: number): void {
    if (isStateAddress(i32(offset))) throw new Unsupported("computed address of a field", true);
    if (base.op === SELECT && (isStateAddress(base.a as Value) || isStateAddress(base.b as Value)))
      throw new Unsupported("computed address of a field", true);
    if (base.op === I32_ADD && isStateAddress(base.b as Value))
      throw new Unsupported("computed address of a field", true);
  }
}

/** What a register is now, and with it a divisor that is made of nothing else; undefined where it says nothing. */
function usualDivisor(divisor: Value, { state, memory }: OpContext): Value | undefined {
  const valueNow = (value: Value, depth: number): Value | undefined => {
    const { op, a, b } = value;
    if (op === LOCAL) {
      const f = state.registerOf(value.n);
      return f >= 0 && f < REGISTERS ? i64(memory.getBigInt64(REGS + 8 * f, true)) : undefined;
    }
    const now = depth > 0 && op >= 0 && a ? valueNow(a, depth - 1) : undefined;
    if (now === undefined || (b !== undefined && b.op !== CONST) || NUMERIC[op] === undefined)
      return undefined;
    return b === undefined ? unary(op, now) : binary(op, now, b);
  };
  const usual = divisor.op === CONST ? undefined : valueNow(divisor, DIVISOR_DEPTH);
  if (usual?.op !== CONST) return undefined;
  const bits = usual.type === I32 ? BigInt(usual.n) : usual.bits;
  return bits === 0n || bits === -1n ? undefined : usual;
}

/** How many instructions may make a divisor of a register. */
const DIVISOR_DEPTH = 3;

/** Whether a constant is an address of the CPU's state, other than the x87 registers. */
function isStateAddress(value: Value): boolean {
  if (value.op !== CONST || value.type !== I32) return false;
  if (value.n >= S_FPR && value.n < S_FPR + 128) return false;
  return value.n >= STATE && value.n < STATE + STATE_SIZE;
}

function knowledgeOf(value: Value): Knowledge {
  if (value.op === CONST) return value.n === 0 ? ZERO : NONZERO;
  return value.nonzero ? NONZERO : UNKNOWN;
}

function widthOf(type: ValType, size: number): number | undefined {
  if (type !== I32 && type !== I64) return undefined;
  return 8 * size;
}

function truth(condition: Value): boolean | undefined {
  if (condition.op === CONST) return condition.n !== 0;
  if (condition.nonzero) return true;
  if (condition.op === I32_EQZ && condition.a?.nonzero) return false;
  return undefined;
}

function hasUnwritten(value: Value): boolean {
  for (let v: Value | undefined = value; v; v = v.a) if (v.op === UNWRITTEN) return true;
  return false;
}

function equalMaps(a: Map<number, Value>, b: Map<number, Value>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (!other || !same(value, other)) return false;
  }
  return true;
}

/** Whether the handler ends a block with links in its record. */
function endsInLink(core: CoreCode, body: Body, depth: number): boolean {
  let links = LINKING.get(body);
  if (links !== undefined) return links;
  links = body.instructions.some((i) => {
    if (i.op !== OP_CALL) return false;
    const name = core.nameOf(i.n);
    if (name === "branchSlow" || name === "linkTo") return true;
    const callee = depth > 0 && !name ? core.body(i.n) : undefined;
    return callee !== undefined && endsInLink(core, callee, depth - 1);
  });
  LINKING.set(body, links);
  return links;
}

/** Arithmetic of the host on floating-point numbers, and conversions. */
function calculates({ op }: Instruction): boolean {
  return (op >= 0x8b && op <= 0xa6) || (op >= 0xb2 && op <= 0xbb);
}

/** Software floating point, which works on globals and not on the host's numbers: hardly anything comes there. */
function isRare(body: Body): boolean {
  let rare = RARITIES.get(body);
  if (rare === undefined) {
    const globals = body.instructions.filter(
      ({ op }) => op === OP_GLOBAL_GET || op === OP_GLOBAL_SET,
    );
    rare = new Set(globals.map(({ n }) => n)).size > 2 && !body.instructions.some(calculates);
    RARITIES.set(body, rare);
  }
  return rare;
}

const RARITIES = new WeakMap<Body, boolean>();
const LINKING = new WeakMap<Body, boolean>();

/** Whether a value that one path has may be merged with another's: addresses and links stay constants. */
function mayDiffer(a: Value, b: Value): boolean {
  if (a.type !== b.type || a.op === LINK || b.op === LINK) return false;
  return a.type !== I32 || (a.op === CONST) === (b.op === CONST);
}

/** Whether paths at the same place have the same constants in what is still needed of locals and stacks. */
function sameConstants(x: Path, y: Path): boolean {
  for (let f = 0; f < x.frames.length; f++) {
    const { locals, stack, body, pc } = x.frames[f] as Frame;
    const other = y.frames[f] as Frame;
    for (let n = 0; n < locals.length; n++) {
      const a = locals[n] as Value;
      const b = other.locals[n] as Value;
      if (a !== b && !same(a, b) && !mayDiffer(a, b) && body.isLive(pc, n)) return false;
    }
    for (let n = 0; n < stack.length; n++) {
      const a = stack[n] as Value;
      const b = other.stack[n] as Value;
      if (a !== b && !same(a, b) && !mayDiffer(a, b)) return false;
    }
  }
  return true;
}

/** A path with `choose` of all that differs; undefined where that is. */
function combine(
  x: Path,
  y: Path,
  canonical: (field: number) => Value,
  choose: (x: Value, y: Value) => Value | undefined,
): Path | undefined {
  const result = x.clone(x.join);
  for (let f = 0; f < result.frames.length; f++) {
    const frame = result.frames[f] as Frame;
    const other = y.frames[f] as Frame;
    for (let n = 0; n < frame.locals.length; n++) {
      const a = frame.locals[n] as Value;
      const b = other.locals[n] as Value;
      if (same(a, b) || !frame.body.isLive(frame.pc, n)) continue;
      const value = choose(a, b);
      if (!value) return undefined;
      value.uses++;
      frame.locals[n] = value;
    }
    for (let n = 0; n < frame.stack.length; n++) {
      const a = frame.stack[n] as Value;
      const b = other.stack[n] as Value;
      if (same(a, b)) continue;
      const value = choose(a, b);
      if (!value) return undefined;
      frame.stack[n] = value;
    }
  }
  for (let f = 0; f < result.bindings.length; f++) {
    if (x.bindings[f] === y.bindings[f]) continue;
    const a = x.bindings[f] ?? canonical(f);
    const b = y.bindings[f] ?? canonical(f);
    if (same(a, b)) continue;
    const value = choose(a, b);
    if (!value) return undefined;
    value.uses++;
    result.bindings[f] = value;
  }
  return result;
}

/**
 * Emits the record's work at `code.chunk`. Paths that end in the next record come out behind it, with `state` as the
 * instruction leaves it. Each callback finds `code` and `state` as they are on its path and must not let it go on.
 * Returns false, with nothing emitted, where the region has to call the handler.
 */
export function specialize(context: OpContext): boolean {
  const { code, core, state } = context;
  const index = core.functionAt(context.handler);
  const handler = index === undefined ? undefined : core.body(index);
  if (!handler) return false;
  const { chunk } = code;
  const before = chunk.mark();
  const { bindings } = state;
  try {
    new Specializer(context, handler).handler(handler);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    context.onRefused?.(error instanceof Unsupported ? error.reason : "access");
    code.chunk = chunk;
    chunk.rewind(before);
    state.bindings = bindings;
    return false;
  }
  state.retain();
  return true;
}
