// The core's own module as data: bodies of its functions, decoded when somebody asks, its table and its exports.
// Follows the WebAssembly core specification 2.0, 5.4 "Instructions"; the core holds what its compiler writes, so
// instructions of other proposals only make a body unknown.

import { decodeModule } from "../../wasm/decode.ts";
import { Reader } from "../../wasm/reader.ts";
import { VECTOR } from "../../wasm/simd.ts";
import {
  F32,
  F64,
  type FuncBody,
  type FuncType,
  funcTypeOf,
  I32,
  I64,
  localTypes,
  type Module,
  V128,
  type ValType,
} from "../../wasm/types.ts";
import {
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
  OP_UNREACHABLE,
} from "./code.ts";
import { constant, i32, i64, SATURATE, type Value, VECTOR_OP } from "./value.ts";

const NONE: readonly number[] = [];

/** One instruction of a body. */
export class Instruction {
  /** Opcode; behind a prefix SATURATE | n or VECTOR_OP | n. */
  readonly op: number;
  /** Index of a local, function, type or global; offset of a memory access; results of a construct. */
  readonly n: number;
  /** Lane. */
  readonly lane: number;
  /** Bytes of a shuffle, first one lowest. */
  readonly bits: bigint;
  readonly value: Value | undefined;
  /** Of a construct and its `else`: position of its `end`. */
  to = -1;
  /** Of `if`: position of its `else`, or -1. */
  otherwise = -1;
  /** Of branches: how many constructs are left, for each label, and where that leads. */
  readonly labels: readonly number[];
  readonly targets: number[] = [];

  constructor(
    op: number,
    n = 0,
    value: Value | undefined = undefined,
    labels = NONE,
    lane = 0,
    bits = 0n,
  ) {
    this.op = op;
    this.n = n;
    this.lane = lane;
    this.bits = bits;
    this.value = value;
    this.labels = labels;
  }
}

/** A function with its instructions; branches to the function itself lead behind the last one. */
export class Body {
  readonly index: number;
  readonly type: FuncType;
  /** Types of parameters and locals. */
  readonly locals: readonly ValType[];
  readonly instructions: readonly Instruction[];
  private live: Int32Array | undefined;

  constructor(index: number, type: FuncType, locals: ValType[], instructions: Instruction[]) {
    this.index = index;
    this.type = type;
    this.locals = locals;
    this.instructions = instructions;
  }

  /** Whether the value of a local may be read once position `pc` is reached. Of locals from 32 on: yes. */
  isLive(pc: number, local: number): boolean {
    if (local > 31) return true;
    this.live ??= liveness(this.instructions);
    return (((this.live[pc] as number) >>> local) & 1) !== 0;
  }
}

function liveness(code: readonly Instruction[]): Int32Array {
  const live = new Int32Array(code.length + 2);
  const at = (pc: number): number => live[pc] as number;
  for (let changed = true; changed; ) {
    changed = false;
    for (let pc = code.length - 1; pc >= 0; pc--) {
      const i = code[pc] as Instruction;
      let set = at(pc + 1);
      if (i.op === OP_LOCAL_GET) set |= bit(i.n);
      else if (i.op === OP_LOCAL_SET || i.op === OP_LOCAL_TEE) set &= ~bit(i.n);
      else if (i.op === OP_BR || i.op === OP_BR_TABLE) set = 0;
      else if (i.op === OP_RETURN || i.op === OP_UNREACHABLE) set = 0;
      else if (i.op === OP_ELSE) set = at(i.to);
      else if (i.op === OP_IF) set |= at(i.otherwise < 0 ? i.to : i.otherwise + 1);
      for (const target of i.targets) set |= at(target);
      if (set !== at(pc)) {
        live[pc] = set;
        changed = true;
      }
    }
  }
  return live;
}

const bit = (local: number): number => (local < 32 ? 1 << local : 0);

interface Open {
  at: number;
  loop: boolean;
  /** Branches that leave the construct: instruction and place among its targets. */
  pending: [Instruction, number][];
}

class BodyDecoder {
  private readonly r: Reader;
  private readonly code: Instruction[] = [];
  private readonly open: Open[] = [{ at: -1, loop: false, pending: [] }];

  constructor(module: Module, body: FuncBody) {
    this.r = new Reader(module.bytes, body.start, body.end);
  }

  decode(): Instruction[] | undefined {
    while (this.r.pos < this.r.end) if (!this.one()) return undefined;
    return this.code;
  }

  private push(op: number, n = 0, value?: Value): true {
    this.code.push(new Instruction(op, n, value));
    return true;
  }

  /** Decodes one instruction; false if it is not known. */
  private one(): boolean {
    const { r } = this;
    const op = r.u8();
    if (op >= 0x28 && op <= 0x3e) {
      r.u32();
      return this.push(op, r.u32());
    }
    if (op >= 0x45 && op <= 0xc4) return this.push(op);
    switch (op) {
      case OP_BLOCK:
      case OP_LOOP:
      case OP_IF:
        return this.construct(op);
      case OP_ELSE: {
        const { at } = this.open.at(-1) as Open;
        (this.code[at] as Instruction).otherwise = this.code.length;
        return this.push(op);
      }
      case OP_END:
        return this.end();
      case OP_BR:
      case OP_BR_IF:
        return this.branch(op, [r.u32()]);
      case OP_BR_TABLE: {
        const labels: number[] = [];
        for (let n = r.u32(); n >= 0; n--) labels.push(r.u32());
        return this.branch(op, labels);
      }
      case OP_CALL_INDIRECT: {
        const type = r.u32();
        r.u32();
        return this.push(op, type);
      }
      case OP_CALL:
      case OP_LOCAL_GET:
      case OP_LOCAL_SET:
      case OP_LOCAL_TEE:
      case OP_GLOBAL_GET:
      case OP_GLOBAL_SET:
        return this.push(op, r.u32());
      case OP_UNREACHABLE:
      case 0x01:
      case OP_RETURN:
      case 0x1a:
      case 0x1b:
        return this.push(op);
      case 0x3f:
      case 0x40:
        r.u32();
        return this.push(op);
      case 0x41:
        return this.push(op, 0, i32(r.s32()));
      case 0x42:
        return this.push(op, 0, i64(r.s64()));
      case 0x43:
        return this.push(op, 0, constant(F32, BigInt(r.u32le())));
      case 0x44: {
        const low = BigInt(r.u32le());
        return this.push(op, 0, constant(F64, (BigInt(r.u32le()) << 32n) | low));
      }
      case 0xfc:
        return this.prefixed(r.u32());
      case 0xfd:
        return this.vector(r.u32());
    }
    return false;
  }

  private construct(op: number): boolean {
    const type = this.r.s33();
    if (type >= 0) return false;
    this.open.push({ at: this.code.length, loop: op === OP_LOOP, pending: [] });
    return this.push(op, type === -64 ? 0 : 1);
  }

  private end(): boolean {
    const { at, pending } = this.open.pop() as Open;
    const here = this.code.length;
    // The end of the function itself is where its code stops.
    const after = at < 0 ? here : here + 1;
    for (const [branch, i] of pending) branch.targets[i] = after;
    if (at < 0) return true;
    const opener = this.code[at] as Instruction;
    opener.to = here;
    if (opener.otherwise >= 0) (this.code[opener.otherwise] as Instruction).to = here;
    return this.push(OP_END);
  }

  private branch(op: number, labels: number[]): boolean {
    const branch = new Instruction(op, 0, undefined, labels);
    this.code.push(branch);
    labels.forEach((label, i) => {
      const open = this.open.at(-1 - label) as Open;
      if (open.loop) branch.targets[i] = open.at + 1;
      else open.pending.push([branch, i]);
    });
    return true;
  }

  private prefixed(sub: number): boolean {
    const { r } = this;
    if (sub > 11 || sub === 8 || sub === 9) return false;
    // memory.copy and memory.fill name the memory.
    if (sub >= 10) r.u32();
    if (sub === 10) r.u32();
    return this.push(SATURATE | sub);
  }

  private vector(sub: number): boolean {
    const { r } = this;
    const kind = VECTOR[sub];
    if (!kind) return false;
    let n = 0;
    if (kind.size > 0) {
      r.u32();
      n = r.u32();
    }
    if (kind.kind === "const") return this.push(VECTOR_OP | sub, 0, constant(V128, r.u128()));
    const bits = kind.kind === "shuffle" ? r.u128() : 0n;
    const lane = kind.lanes > 0 ? r.u8() : 0;
    this.code.push(new Instruction(VECTOR_OP | sub, n, undefined, NONE, lane, bits));
    return true;
  }
}

/** What regions and the specializer know of the core's module. */
export class CoreCode {
  readonly module: Module;
  private readonly bodies = new Map<number, Body | undefined>();
  private readonly table = new Map<number, number>();
  private readonly names = new Map<number, string>();
  private readonly exported = new Map<string, number>();
  private readonly read = new Map<number, ReadonlySet<number>>();

  /** `bytes` are those of the core that runs. */
  constructor(bytes: Uint8Array) {
    this.module = decodeModule(bytes);
    for (const { kind, name, index } of this.module.exports) {
      if (kind !== "func") continue;
      this.names.set(index, name);
      this.exported.set(name, index);
    }
    for (const { mode, offset, funcs } of this.module.elements) {
      if (mode !== "active" || offset?.kind !== "const") continue;
      const first = Number(offset.bits);
      for (let i = 0; i < funcs.length; i++) this.table.set(first + i, funcs[i] as number);
    }
  }

  /** Function behind an index of the table, as the module fills it. */
  functionAt(tableIndex: number): number | undefined {
    return this.table.get(tableIndex);
  }

  /** Function by its exported name. */
  functionNamed(name: string): number | undefined {
    return this.exported.get(name);
  }

  /** Name under which the core exports a function. */
  nameOf(index: number): string | undefined {
    return this.names.get(index);
  }

  typeOf(index: number): FuncType {
    return funcTypeOf(this.module, index);
  }

  /** Type of a function by its exported name, for an import of it. */
  typeNamed(name: string): FuncType {
    const index = this.exported.get(name);
    if (index === undefined) throw new Error(`the CPU core exports no function ${name}`);
    return this.typeOf(index);
  }

  /** The body of a function; undefined if it is imported or has instructions that are not known here. */
  body(index: number): Body | undefined {
    if (this.bodies.has(index)) return this.bodies.get(index);
    const decoded = this.module.funcs[index - this.module.funcImports.length];
    let body: Body | undefined;
    if (decoded) {
      const instructions = new BodyDecoder(this.module, decoded).decode();
      if (instructions) {
        body = new Body(index, this.typeOf(index), localTypes(this.module, decoded), instructions);
      }
    }
    this.bodies.set(index, body);
    return body;
  }

  /**
   * Globals of the core that a function may read, itself or in what it calls directly; of functions that are not known
   * here it cannot be told.
   */
  globalsRead(index: number): ReadonlySet<number> {
    const known = this.read.get(index);
    if (known !== undefined) return known;
    const read = new Set<number>();
    const reached = new Set([index]);
    for (const each of reached) {
      for (const { op, n } of this.body(each)?.instructions ?? []) {
        if (op === OP_CALL) reached.add(n);
        if (op === OP_GLOBAL_GET) read.add(n);
      }
    }
    this.read.set(index, read);
    return read;
  }
}

/** The value that a local has at first. */
export function zero(type: ValType): Value {
  return type === I32 ? i32(0) : type === I64 ? i64(0n) : constant(type, 0n);
}
