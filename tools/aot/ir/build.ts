// SSA construction from validated wasm bodies. wasm control is structured, so phis are placed
// directly: at a loop for every local the loop assigns, at a join for locals that differ.
// Unreachable code is skipped. Follows the WebAssembly core specification, 4.4 "Instructions".
// May assume a body that the validator has accepted, with its facts. Guarantees SSA form without
// critical edges, blocks in source order (dominators first, loops contiguous), and constants folded.

import { ATOMIC, MEMORY, type MemoryOp } from "../../wasm/opcodes.ts";
import { Reader } from "../../wasm/reader.ts";
import { VECTOR, type VectorOp } from "../../wasm/simd.ts";
import type { FuncBody, FuncType, Module, TableType, ValType } from "../../wasm/types.ts";
import { FUNCREF, funcTypeOf, globalTypeOf } from "../../wasm/types.ts";
import { type BodyFacts, readBlockType } from "../wasm/validate.ts";
import { foldBinary, foldICmp, foldSelect, foldUnary } from "./fold.ts";
import {
  type Block,
  type CallTarget,
  Cond,
  F32,
  F64,
  type Func,
  I32,
  I64,
  NONE,
  Op,
  type Signature,
  TrapKind,
  type Type,
  type Value,
} from "./ir.ts";
import { irType, NUMERIC_EMITTERS, SATURATING_EMITTERS } from "./numeric.ts";
import { tableGet, tableSet, tableSize } from "./table.ts";
import { emitVector } from "./vector.ts";

/** What the compiler driver knows and the builder asks. */
export interface BuildContext {
  module: Module;
  /** Whether anybody asks for the changes of locals. */
  tracksLocals: boolean;
  signatures: Signature[];
  /** Number of each type in tables: structurally equal types share it, 0 is null. */
  typeNumbers: number[];
  /** How to call function `index` (imports included); an intrinsic emits itself. */
  target(index: number): CallTarget | IntrinsicCall;
  /** Constant value of an immutable global, where it has one. */
  globalConst(index: number): { type: Type; bits: bigint } | undefined;
  /** Number of function `index` as a reference. */
  functionNumber(index: number): number;
  tables: TablePlace[];
  /** Symbol of the table entries of functions by their number. */
  functions: string;
}

/** Where a table is; an entry of functions has 16 bytes: u64 address, u32 type number, u32 function number. */
export interface TablePlace extends TableType {
  symbol: string;
  /** Symbol of the size at run time, u32, where the table grows. */
  sizeSymbol: string | undefined;
}

const BULK_OPS: Record<number, number> = {
  8: Op.MemoryInit,
  9: Op.DataDrop,
  10: Op.MemoryCopy,
  11: Op.MemoryFill,
  12: Op.TableInit,
  13: Op.ElemDrop,
  14: Op.TableCopy,
  15: Op.TableGrow,
  17: Op.TableFill,
};

/** An imported function that is not called but replaced by instructions. */
export interface IntrinsicCall {
  emit(b: Builder, args: Value[]): Value | undefined;
}

/** From file offset `pos` on local `local` is `value`; `set` where an instruction says so, not a join of paths. */
export interface LocalChange {
  pos: number;
  local: number;
  value: Value;
  set: boolean;
}

interface Edge {
  block: Block;
  env: Value[];
  values: Value[];
}

interface Frame {
  kind: "block" | "loop" | "if" | "else";
  params: ValType[];
  results: ValType[];
  height: number;
  edges: Edge[];
  header: Block | undefined;
  headerLocals: number[];
  elseEdge: Edge | undefined;
}

export class Builder {
  readonly f: Func;
  readonly context: BuildContext;
  private readonly facts: BodyFacts;
  private readonly r: Reader;
  private readonly stack: Value[] = [];
  private env: Value[] = [];
  private readonly frames: Frame[] = [];
  /** The block being filled; undefined in unreachable code. */
  private block: Block | undefined;
  private pos = 0;
  /** Which value each local has where, in order of the file. */
  readonly changes: LocalChange[] = [];

  constructor(f: Func, context: BuildContext, body: FuncBody, facts: BodyFacts) {
    this.f = f;
    this.context = context;
    this.facts = facts;
    this.r = new Reader(context.module.bytes, body.start, body.end, "code section");
    this.pos = body.start;
    this.block = this.start();
    f.signature.params.forEach((type, i) => {
      const v = f.value(Op.Param, type, [], body.start);
      v.imm = i;
      v.block = this.block;
      f.params.push(v);
      this.env.push(v);
      this.changed(i, v, false);
    });
    for (const { count, type } of body.locals) {
      const zero = f.bits(irType(type), 0n);
      for (let i = 0; i < count; i++) this.env.push(zero);
    }
    const type = context.module.types[body.typeIndex] as FuncType;
    this.frames.push(this.frame("block", [], type.results));
  }

  private changed(local: number, value: Value, set: boolean): void {
    if (this.context.tracksLocals) this.changes.push({ pos: this.pos, local, value, set });
  }

  private assign(local: number, value: Value): void {
    this.env[local] = value;
    this.changed(local, value, true);
  }

  readonly emit = (op: number, type: Type, args: Value[]): Value => {
    const v = this.f.value(op, type, args, this.pos);
    const block = this.block as Block;
    v.block = block;
    block.insts.push(v);
    return v;
  };

  binary(op: number, a: Value, b: Value): Value {
    return foldBinary(this.f, op, a.type, a, b, this.emit);
  }

  icmp(cond: number, a: Value, b: Value): Value {
    return foldICmp(this.f, cond, a, b, this.emit);
  }

  unary(op: number, type: Type, a: Value, size = 0): Value {
    return foldUnary(this.f, op, type, size, a, this.emit);
  }

  push(v: Value): void {
    this.stack.push(v);
  }

  pop(): Value {
    return this.stack.pop() as Value;
  }

  private popMany(n: number): Value[] {
    return n === 0 ? [] : this.stack.splice(this.stack.length - n);
  }

  private start(): Block {
    const block = this.f.newBlock();
    this.f.blocks.push(block);
    return block;
  }

  private frame(kind: Frame["kind"], params: ValType[], results: ValType[]): Frame {
    return {
      kind,
      params,
      results,
      height: this.stack.length - params.length,
      edges: [],
      header: undefined,
      headerLocals: [],
      elseEdge: undefined,
    };
  }

  private terminate(block: Block, op: number, args: Value[], succs: Block[]): Value {
    const v = this.f.value(op, NONE, args, this.pos);
    v.block = block;
    block.term = v;
    block.succs = succs;
    for (const s of succs) s.preds.push(block);
    return v;
  }

  private setUnreachable(): void {
    this.block = undefined;
    this.stack.length = (this.frames[this.frames.length - 1] as Frame).height;
  }

  private label(depth: number): Frame {
    return this.frames[this.frames.length - 1 - depth] as Frame;
  }

  private arity(frame: Frame): number {
    return (frame.kind === "loop" ? frame.params : frame.results).length;
  }

  /** Adds the edge from `block` (which has no terminator yet) to the label of `frame`. */
  private branch(frame: Frame, block: Block, values: Value[]): void {
    if (frame.kind !== "loop") {
      frame.edges.push({ block, env: this.env.slice(), values });
      return;
    }
    const header = frame.header as Block;
    this.terminate(block, Op.Jump, [], [header]);
    const locals = frame.headerLocals;
    for (let i = 0; i < locals.length; i++) {
      (header.phis[i] as Value).args.push(this.env[locals[i] as number] as Value);
    }
    for (let i = 0; i < values.length; i++) {
      (header.phis[locals.length + i] as Value).args.push(values[i] as Value);
    }
  }

  /** Joins the edges that reach the end of `frame`; sets block, environment and stack. */
  private join(frame: Frame): void {
    const { edges } = frame;
    this.stack.length = frame.height;
    const first = edges[0];
    if (!first) {
      this.block = undefined;
      return;
    }
    const block = this.start();
    this.block = block;
    for (const edge of edges) this.terminate(edge.block, Op.Jump, [], [block]);
    const merge = (pick: (edge: Edge) => Value): Value => {
      const value = pick(first);
      for (let i = 1; i < edges.length; i++) {
        if (pick(edges[i] as Edge) !== value) {
          const phi = this.f.value(Op.Phi, value.type, edges.map(pick), this.pos);
          phi.block = block;
          block.phis.push(phi);
          return phi;
        }
      }
      return value;
    };
    if (edges.length === 1) {
      this.env = first.env;
      for (const value of first.values) this.stack.push(value);
      return;
    }
    this.env = first.env.map((_, local) => {
      const value = merge((edge) => edge.env[local] as Value);
      if (value.block === block) this.changed(local, value, false);
      return value;
    });
    for (let i = 0; i < frame.results.length; i++) {
      this.stack.push(merge((edge) => edge.values[i] as Value));
    }
  }

  build(): Func {
    const r = this.r;
    while (this.frames.length > 0) {
      this.pos = r.pos;
      const opcode = r.u8();
      if (this.block) this.instruction(opcode);
      else this.skip(opcode);
    }
    return this.f;
  }

  private skipDepth = 0;

  /** Consumes an instruction of unreachable code. */
  private skip(opcode: number): void {
    const r = this.r;
    if (opcode === 0x0b || opcode === 0x05) {
      if (this.skipDepth === 0) {
        if (opcode === 0x0b) this.end();
        else this.else();
      } else if (opcode === 0x0b) this.skipDepth--;
      return;
    }
    if (MEMORY[opcode]) {
      r.u32();
      r.u32();
      return;
    }
    switch (opcode) {
      case 0x02:
      case 0x03:
      case 0x04:
        r.s33();
        this.skipDepth++;
        return;
      case 0x0c:
      case 0x0d:
      case 0x10:
      case 0x12:
      case 0x20:
      case 0x21:
      case 0x22:
      case 0x23:
      case 0x24:
      case 0x25:
      case 0x26:
      case 0x3f:
      case 0x40:
      case 0xd0:
      case 0xd2:
        r.u32();
        return;
      case 0x0e:
        for (let n = r.u32(); n >= 0; n--) r.u32();
        return;
      case 0x11:
      case 0x13:
      case 0x1c:
        r.u32();
        r.u32();
        return;
      case 0x41:
        r.s32();
        return;
      case 0x42:
        r.s64();
        return;
      case 0x43:
        r.take(4);
        return;
      case 0x44:
        r.take(8);
        return;
      case 0xfc: {
        const sub = r.u32();
        if (sub >= 8) r.u32();
        if (sub === 8 || sub === 10 || sub === 12 || sub === 14) r.u32();
        return;
      }
      case 0xfd: {
        const op = VECTOR[r.u32()] as VectorOp;
        if (op.size > 0) {
          r.u32();
          r.u32();
        }
        if (op.kind === "const" || op.kind === "shuffle") r.take(16);
        else if (op.lanes > 0) r.u8();
        return;
      }
      case 0xfe:
        if (r.u32() === 3) r.u8();
        else {
          r.u32();
          r.u32();
        }
    }
  }

  private else(): void {
    const frame = this.frames[this.frames.length - 1] as Frame;
    if (this.block) {
      this.branch(frame, this.block, this.popMany(frame.results.length));
    }
    const edge = frame.elseEdge as Edge;
    frame.elseEdge = undefined;
    frame.kind = "else";
    this.stack.length = frame.height;
    this.block = edge.block;
    this.f.blocks.push(edge.block);
    this.env = edge.env;
    for (const value of edge.values) this.stack.push(value);
  }

  private end(): void {
    const frame = this.frames[this.frames.length - 1] as Frame;
    if (frame.kind === "if") this.else();
    this.frames.pop();
    if (frame.kind === "loop") {
      // A loop's label is its header; falling out of it is no join.
      if (this.block && this.frames.length > 0) return;
    } else if (this.block) {
      const values = this.popMany(frame.results.length);
      frame.kind = "block";
      this.branch(frame, this.block, values);
    }
    if (frame.kind !== "loop") this.join(frame);
    else this.stack.length = frame.height;
    if (this.frames.length === 0 && this.block) {
      const values = this.popMany(frame.results.length);
      this.terminate(this.block, Op.Return, values, []);
    }
  }

  private loop(frame: Frame, offset: number): void {
    const before = this.block as Block;
    const params = this.popMany(frame.params.length);
    const header = this.start();
    frame.header = header;
    frame.headerLocals = this.facts.loopLocals.get(offset) ?? [];
    this.terminate(before, Op.Jump, [], [header]);
    this.env = this.env.slice();
    const phi = (initial: Value): Value => {
      const v = this.f.value(Op.Phi, initial.type, [initial], this.pos);
      v.block = header;
      header.phis.push(v);
      return v;
    };
    for (const local of frame.headerLocals) {
      const value = phi(this.env[local] as Value);
      this.env[local] = value;
      this.changed(local, value, false);
    }
    for (const param of params) this.stack.push(phi(param));
    this.block = header;
  }

  private instruction(opcode: number): void {
    const numeric = NUMERIC_EMITTERS[opcode];
    if (numeric) {
      numeric(this);
      return;
    }
    const memory = MEMORY[opcode];
    if (memory) {
      this.memory(memory);
      return;
    }
    const r = this.r;
    switch (opcode) {
      case 0x00:
        this.terminate(this.block as Block, Op.Trap, [], []).sub = TrapKind.Unreachable;
        this.setUnreachable();
        return;
      case 0x01:
        return;
      case 0x02:
      case 0x03: {
        const { params, results } = readBlockType(r, this.context.module);
        const frame = this.frame(opcode === 0x02 ? "block" : "loop", params, results);
        this.frames.push(frame);
        if (opcode === 0x03) this.loop(frame, this.pos);
        return;
      }
      case 0x04: {
        const { params, results } = readBlockType(r, this.context.module);
        const cond = this.pop();
        const frame = this.frame("if", params, results);
        this.frames.push(frame);
        const from = this.block as Block;
        const values = params.length ? this.stack.slice(this.stack.length - params.length) : [];
        const then = this.start();
        const otherwise = this.f.newBlock();
        this.terminate(from, Op.Br, [cond], [then, otherwise]);
        frame.elseEdge = { block: otherwise, env: this.env.slice(), values };
        this.block = then;
        return;
      }
      case 0x05:
        this.else();
        return;
      case 0x0b:
        this.end();
        return;
      case 0x0c: {
        const frame = this.label(r.u32());
        this.branch(frame, this.block as Block, this.popMany(this.arity(frame)));
        this.setUnreachable();
        return;
      }
      case 0x0d: {
        const frame = this.label(r.u32());
        const cond = this.pop();
        const n = this.arity(frame);
        const from = this.block as Block;
        const edge = this.start();
        const next = this.start();
        this.terminate(from, Op.Br, [cond], [edge, next]);
        this.branch(frame, edge, n ? this.stack.slice(this.stack.length - n) : []);
        this.block = next;
        return;
      }
      case 0x0e: {
        const n = r.u32();
        const index = this.pop();
        const depths: number[] = [];
        for (let i = 0; i <= n; i++) depths.push(r.u32());
        const values = this.popMany(this.arity(this.label(depths[n] as number)));
        const from = this.block as Block;
        const succs: Block[] = [];
        const byDepth = new Map<number, number>();
        const table = depths.map((depth) => {
          let succ = byDepth.get(depth);
          if (succ === undefined) {
            succ = succs.length;
            byDepth.set(depth, succ);
            succs.push(this.start());
          }
          return succ;
        });
        if (succs.length === 1) this.terminate(from, Op.Jump, [], succs);
        else this.terminate(from, Op.Switch, [index], succs).aux = table;
        for (const [depth, succ] of byDepth) {
          this.branch(this.label(depth), succs[succ] as Block, values);
        }
        this.setUnreachable();
        return;
      }
      case 0x0f:
        this.return();
        return;
      case 0x10:
        this.call(r.u32());
        return;
      case 0x11: {
        const { signature, typeNumber, table, args } = this.indirectCall();
        const call = this.emit(Op.CallIndirect, signature.results[0] ?? NONE, args);
        call.imm = typeNumber;
        call.size = table;
        this.results(signature, call, signature);
        return;
      }
      case 0x12: {
        const index = r.u32();
        const target = this.context.target(index);
        if ("emit" in target || target.func < 0) {
          // What is not compiled here makes no tail calls: returning behind it takes as little stack.
          this.call(index);
          this.return();
          return;
        }
        const args = this.popMany(target.signature.params.length);
        this.terminate(this.block as Block, Op.TailCall, args, []).aux = target;
        this.setUnreachable();
        return;
      }
      case 0x13: {
        const { signature, typeNumber, table, args } = this.indirectCall();
        const call = this.terminate(this.block as Block, Op.TailCallIndirect, args, []);
        call.imm = typeNumber;
        call.size = table;
        call.aux = signature;
        this.setUnreachable();
        return;
      }
      case 0x1a:
        this.pop();
        return;
      case 0x1c:
        r.u32();
        r.u8();
        this.select();
        return;
      case 0x1b:
        this.select();
        return;
      case 0x20:
        this.push(this.env[r.u32()] as Value);
        return;
      case 0x21:
        this.assign(r.u32(), this.pop());
        return;
      case 0x22:
        this.assign(r.u32(), this.stack[this.stack.length - 1] as Value);
        return;
      case 0x23: {
        const index = r.u32();
        const constant = this.context.globalConst(index);
        if (constant) {
          this.push(this.f.bits(constant.type, constant.bits));
          return;
        }
        const type = irType((globalTypeOf(this.context.module, index) as { type: ValType }).type);
        const v = this.emit(Op.GlobalGet, type, []);
        v.imm = index;
        this.push(v);
        return;
      }
      case 0x24: {
        const index = r.u32();
        this.emit(Op.GlobalSet, NONE, [this.pop()]).imm = index;
        return;
      }
      case 0x25:
        tableGet(this, r.u32());
        return;
      case 0x26:
        tableSet(this, r.u32());
        return;
      case 0xd0:
        this.push(r.u8() === FUNCREF ? this.f.i32(0) : this.f.bits(I64, 0n));
        return;
      case 0xd1: {
        const reference = this.pop();
        this.push(this.icmp(Cond.Eq, reference, this.f.int(reference.type, 0)));
        return;
      }
      case 0xd2:
        this.push(this.f.i32(this.context.functionNumber(r.u32())));
        return;
      case 0x3f:
        r.u8();
        this.push(this.emit(Op.MemorySize, I32, []));
        return;
      case 0x40:
        r.u8();
        this.push(this.emit(Op.MemoryGrow, I32, [this.pop()]));
        return;
      case 0x41:
        this.push(this.f.i32(r.s32()));
        return;
      case 0x42:
        this.push(this.f.bits(I64, r.s64()));
        return;
      case 0x43:
        this.push(this.f.bits(F32, BigInt(r.u32le())));
        return;
      case 0x44: {
        const low = BigInt(r.u32le());
        this.push(this.f.bits(F64, (BigInt(r.u32le()) << 32n) | low));
        return;
      }
      case 0xfc:
        this.bulk(r.u32());
        return;
      case 0xfd:
        emitVector(this, r.u32(), r);
        return;
      case 0xfe: {
        const sub = r.u32();
        if (sub === 3) {
          r.u8();
          this.emit(Op.Fence, NONE, []);
        } else this.memory(ATOMIC[sub] as MemoryOp);
      }
    }
  }

  private select(): void {
    const cond = this.pop();
    const b = this.pop();
    this.push(foldSelect(cond, this.pop(), b, this.emit));
  }

  private return(): void {
    const frame = this.frames[0] as Frame;
    this.branch(frame, this.block as Block, this.popMany(frame.results.length));
    this.setUnreachable();
  }

  private call(index: number): void {
    const type = funcTypeOf(this.context.module, index);
    const args = this.popMany(type.params.length);
    const target = this.context.target(index);
    if ("emit" in target) {
      const result = target.emit(this, args);
      if (result) this.push(result);
      return;
    }
    const { signature } = target;
    this.results(signature, this.emit(Op.Call, signature.results[0] ?? NONE, args), target);
  }

  /** Immediates and operands of a call through a table: its index, then the arguments. */
  private indirectCall(): {
    signature: Signature;
    typeNumber: number;
    table: number;
    args: Value[];
  } {
    const typeIndex = this.r.u32();
    const table = this.r.u32();
    const index = this.pop();
    const signature = this.context.signatures[typeIndex] as Signature;
    return {
      signature,
      typeNumber: this.context.typeNumbers[typeIndex] as number,
      table,
      args: [index, ...this.popMany(signature.params.length)],
    };
  }

  private results(signature: Signature, call: Value, aux: unknown): void {
    call.aux = aux;
    if (signature.results.length > 0) this.push(call);
    for (let i = 1; i < signature.results.length; i++) {
      const v = this.emit(Op.Result, signature.results[i] as Type, [call]);
      v.imm = i;
      this.push(v);
    }
  }

  /** Traps where the condition holds. */
  trapIf(cond: Value, kind: number): void {
    const from = this.block as Block;
    const trap = this.start();
    const next = this.start();
    this.terminate(from, Op.Br, [cond], [trap, next]);
    this.terminate(trap, Op.Trap, [], []).sub = kind;
    this.block = next;
  }

  private memory(info: MemoryOp): void {
    this.r.u32();
    const offset = this.r.u32();
    const type = irType(info.type);
    let v: Value;
    switch (info.kind) {
      case "load":
        v = this.emit(info.atomic ? Op.AtomicLoad : Op.Load, type, [this.pop()]);
        break;
      case "store": {
        const value = this.pop();
        v = this.emit(info.atomic ? Op.AtomicStore : Op.Store, NONE, [this.pop(), value]);
        break;
      }
      case "rmw": {
        const value = this.pop();
        v = this.emit(Op.AtomicRmw, type, [this.pop(), value]);
        v.aux = info.rmw;
        break;
      }
      case "cmpxchg": {
        const replacement = this.pop();
        const expected = this.pop();
        v = this.emit(Op.AtomicCmpxchg, type, [this.pop(), expected, replacement]);
        break;
      }
      default: {
        const count = this.pop();
        v = this.emit(Op.AtomicNotify, I32, [this.pop(), count]);
      }
    }
    v.size = info.size;
    v.sub = info.signed ? 1 : 0;
    v.imm = offset;
    if (v.type !== NONE) this.push(v);
  }

  private bulk(sub: number): void {
    const saturating = SATURATING_EMITTERS[sub];
    if (saturating) {
      saturating(this);
      return;
    }
    const r = this.r;
    if (sub === 16) {
      this.push(tableSize(this, this.context.tables[r.u32()] as TablePlace));
      return;
    }
    const op = BULK_OPS[sub] as number;
    const first = r.u32();
    const second = sub === 8 || sub === 10 || sub === 12 || sub === 14 ? r.u32() : 0;
    const args = sub === 9 || sub === 13 ? [] : this.popMany(sub === 15 ? 2 : 3);
    const v = this.emit(op, sub === 15 ? I32 : NONE, args);
    v.imm = first;
    v.aux = second;
    if (sub === 15) this.push(v);
  }
}
