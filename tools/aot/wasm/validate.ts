// Validator of function bodies: operand and control stack typing, index bounds, alignment.
// Follows the algorithm of the WebAssembly core specification's appendix "Validation Algorithm".
// As a by-product it records which locals every loop assigns, which the SSA builder needs.
// May assume a decoded module. Guarantees what the SSA builder relies on: types, bounds of all
// indices, and no opcode beyond those of tools/wasm/opcodes.ts.

import { printable } from "../../wasm/names.ts";
import {
  ATOMIC,
  FOREIGN_OPCODES,
  MEMORY,
  NUMERIC,
  SATURATING,
  TYPE_NAME,
} from "../../wasm/opcodes.ts";
import { Reader } from "../../wasm/reader.ts";
import { VECTOR } from "../../wasm/simd.ts";
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FuncBody,
  type FuncType,
  funcTypeOf,
  type GlobalType,
  globalTypeOf,
  I32,
  I64,
  isRef,
  localTypes,
  type Module,
  type RefType,
  type TableType,
  V128,
  type ValType,
} from "../../wasm/types.ts";
import type { Calls } from "../callgraph.ts";

/** Facts about a function body that the IR builder would otherwise have to look ahead for. */
export interface BodyFacts extends Calls {
  /** By the file offset of a loop's opcode: the locals assigned anywhere inside it. */
  loopLocals: Map<number, number[]>;
  usesFloat: { offset: number; name: string } | undefined;
  usesVector: { offset: number; name: string } | undefined;
  direct: number[];
  indirect: boolean;
  tailCalls: boolean;
  /** Whether functions become references or references become table entries. */
  references: boolean;
  /** Tables that `table.grow` and `table.set` name. */
  grownTables: Set<number>;
  setTables: Set<number>;
}

/** The facts of a body that does nothing. */
export function noFacts(): BodyFacts {
  return {
    loopLocals: new Map(),
    usesFloat: undefined,
    usesVector: undefined,
    direct: [],
    indirect: false,
    tailCalls: false,
    references: false,
    grownTables: new Set(),
    setTables: new Set(),
  };
}

/** Bottom type of the polymorphic stack after an unconditional branch. */
const UNKNOWN = 0;
type StackType = ValType | 0;

interface Control {
  opcode: number;
  params: ValType[];
  results: ValType[];
  height: number;
  unreachable: boolean;
  /** Offset of the opcode, and the assigned locals where it is a loop. */
  offset: number;
  assigned: Set<number> | undefined;
}

const NONE: ValType[] = [];
const SINGLE: Record<number, ValType[]> = {
  [I32]: [I32],
  [I64]: [I64],
  [F32]: [F32],
  [F64]: [F64],
  [V128]: [V128],
  [FUNCREF]: [FUNCREF],
  [EXTERNREF]: [EXTERNREF],
};

/** Signature of a block type at the reader's position; `params` and `results` are shared arrays. */
export function readBlockType(r: Reader, module: Module): FuncType {
  const offset = r.pos;
  const code = r.s33();
  if (code === -64) return { params: NONE, results: NONE };
  if (code < 0) {
    const single = SINGLE[code + 128];
    if (single) return { params: NONE, results: single };
    r.fail("invalid block type", offset);
  }
  const type = module.types[code];
  if (!type) r.fail(`unknown type ${code}`, offset);
  return type;
}

class Validator {
  readonly m: Module;
  readonly r: Reader;
  readonly body: FuncBody;
  readonly locals: ValType[];
  readonly types: StackType[] = [];
  readonly control: Control[] = [];
  readonly facts = noFacts();
  /** Start of the instruction being checked. */
  at = 0;

  constructor(m: Module, body: FuncBody, section: string) {
    this.m = m;
    this.body = body;
    this.locals = localTypes(m, body);
    this.r = new Reader(m.bytes, body.start, body.end, section);
  }

  fail(problem: string): never {
    this.r.fail(problem, this.at);
  }

  get top(): Control {
    return this.control[this.control.length - 1] as Control;
  }

  push(type: StackType): void {
    this.types.push(type);
  }

  /** Takes a value of the type and returns what was there, UNKNOWN where anything may be. */
  pop(expected: StackType): StackType {
    const top = this.top;
    let actual: StackType;
    if (this.types.length === top.height) {
      if (!top.unreachable) {
        this.fail(
          expected === UNKNOWN
            ? "the operand stack is empty"
            : `the operand stack is empty, ${TYPE_NAME[expected]} expected`,
        );
      }
      actual = UNKNOWN;
    } else actual = this.types.pop() as StackType;
    if (actual !== expected && actual !== UNKNOWN && expected !== UNKNOWN) {
      this.fail(
        `type mismatch: ${TYPE_NAME[actual]} on the stack, ${TYPE_NAME[expected]} expected`,
      );
    }
    return actual;
  }

  popAll(types: ValType[]): void {
    for (let i = types.length - 1; i >= 0; i--) this.pop(types[i] as ValType);
  }

  pushAll(types: ValType[]): void {
    for (const type of types) this.push(type);
  }

  enter(opcode: number, params: ValType[], results: ValType[]): void {
    this.control.push({
      opcode,
      params,
      results,
      height: this.types.length,
      unreachable: false,
      offset: this.at,
      assigned: opcode === 0x03 ? new Set() : undefined,
    });
    this.pushAll(params);
  }

  leave(): Control {
    const frame = this.top;
    this.popAll(frame.results);
    if (this.types.length !== frame.height) {
      this.fail(`${this.types.length - frame.height} values too many at the end of the block`);
    }
    this.control.pop();
    if (frame.assigned) {
      this.facts.loopLocals.set(frame.offset, [...frame.assigned]);
      for (const local of frame.assigned) this.assign(local);
    }
    return frame;
  }

  assign(local: number): void {
    for (let i = this.control.length - 1; i >= 0; i--) {
      const assigned = (this.control[i] as Control).assigned;
      if (assigned) {
        assigned.add(local);
        return;
      }
    }
  }

  setUnreachable(): void {
    const top = this.top;
    this.types.length = top.height;
    top.unreachable = true;
  }

  labelTypes(depth: number): ValType[] {
    const frame = this.control[this.control.length - 1 - depth];
    if (!frame) this.fail(`unknown label ${depth}`);
    return frame.opcode === 0x03 ? frame.params : frame.results;
  }

  local(): ValType {
    const index = this.r.u32();
    const type = this.locals[index];
    if (type === undefined) this.fail(`unknown local ${index}`);
    return type;
  }

  global(): GlobalType {
    const index = this.r.u32();
    const type = globalTypeOf(this.m, index);
    if (!type) this.fail(`unknown global ${index}`);
    return type;
  }

  /** A table by its index, which `seen` collects. */
  table(seen?: Set<number>): TableType {
    const index = this.r.u32();
    const table = this.m.tables[index];
    if (!table) this.fail(`unknown table ${index}`);
    seen?.add(index);
    return table;
  }

  refType(): RefType {
    const type = this.r.u8();
    if (!isRef(type)) {
      if (type >= 0x40 && type <= 0x74) {
        this.r.unsupported("typed function references", "this reference type", this.at);
      }
      this.fail(`invalid reference type 0x${type.toString(16)}`);
    }
    return type;
  }

  needMemory(): void {
    if (!this.m.memory) this.fail("unknown memory 0");
  }

  memarg(size: number, atomic: boolean): void {
    this.needMemory();
    const align = this.r.u32();
    if (align & 0x40) this.r.unsupported("multi-memory", "a memory index", this.at);
    if (align > 31) this.fail(`malformed alignment ${align}`);
    if (atomic ? 2 ** align !== size : 2 ** align > size) {
      this.fail(atomic ? "alignment must be natural" : "alignment must not be larger than natural");
    }
    this.r.u32();
  }

  float(type: ValType, name: string): void {
    if ((type === F32 || type === F64) && !this.facts.usesFloat) {
      this.facts.usesFloat = { offset: this.at, name };
    }
    if (type === V128 && !this.facts.usesVector) this.facts.usesVector = { offset: this.at, name };
  }

  run(): BodyFacts {
    const type = this.m.types[this.body.typeIndex] as FuncType;
    this.at = this.body.start;
    this.enter(0x02, NONE, type.results);
    while (this.control.length > 0) {
      this.at = this.r.pos;
      this.instruction(this.r.u8());
    }
    if (this.r.pos !== this.body.end) this.r.fail("bytes after the end of the function");
    for (const local of this.locals) {
      this.at = this.body.start;
      this.float(local, "a local");
    }
    for (const result of type.results) this.float(result, "a result");
    return this.facts;
  }

  instruction(opcode: number): void {
    const numeric = NUMERIC[opcode];
    if (numeric) {
      this.popAll(numeric.params);
      this.push(numeric.result);
      this.float(numeric.result, numeric.name);
      return;
    }
    const memory = MEMORY[opcode];
    if (memory) {
      this.memarg(memory.size, false);
      this.float(memory.type, memory.name);
      if (memory.kind === "store") this.pop(memory.type);
      this.pop(I32);
      if (memory.kind === "load") this.push(memory.type);
      return;
    }
    const r = this.r;
    switch (opcode) {
      case 0x00:
        this.setUnreachable();
        return;
      case 0x01:
        return;
      case 0x02:
      case 0x03: {
        const { params, results } = readBlockType(r, this.m);
        this.popAll(params);
        this.enter(opcode, params, results);
        return;
      }
      case 0x04: {
        const { params, results } = readBlockType(r, this.m);
        this.pop(I32);
        this.popAll(params);
        this.enter(opcode, params, results);
        return;
      }
      case 0x05: {
        if (this.top.opcode !== 0x04) this.fail("else without if");
        const frame = this.leave();
        this.enter(0x05, frame.params, frame.results);
        return;
      }
      case 0x0b: {
        const frame = this.leave();
        if (frame.opcode === 0x04) {
          const same =
            frame.params.length === frame.results.length &&
            frame.params.every((t, i) => t === frame.results[i]);
          if (!same) this.fail("an if with a result needs an else");
        }
        if (this.control.length > 0) this.pushAll(frame.results);
        return;
      }
      case 0x0c:
        this.popAll(this.labelTypes(r.u32()));
        this.setUnreachable();
        return;
      case 0x0d: {
        const types = this.labelTypes(r.u32());
        this.pop(I32);
        this.popAll(types);
        this.pushAll(types);
        return;
      }
      case 0x0e: {
        const n = r.u32();
        if (n > r.end - r.pos) this.fail(`br_table with ${n} targets is larger than the function`);
        this.pop(I32);
        const labels: number[] = [];
        for (let i = 0; i <= n; i++) labels.push(r.u32());
        const arity = this.labelTypes(labels[n] as number).length;
        for (const label of new Set(labels)) {
          const types = this.labelTypes(label);
          if (types.length !== arity) this.fail("br_table targets differ in arity");
          const popped: StackType[] = [];
          for (let i = types.length - 1; i >= 0; i--) popped.push(this.pop(types[i] as ValType));
          for (let i = popped.length - 1; i >= 0; i--) this.push(popped[i] as StackType);
        }
        this.popAll(this.labelTypes(labels[n] as number));
        this.setUnreachable();
        return;
      }
      case 0x0f:
        this.popAll((this.control[0] as Control).results);
        this.setUnreachable();
        return;
      case 0x10:
        this.call(this.callee());
        return;
      case 0x11:
        this.call(this.indirectCallee());
        return;
      case 0x12:
        this.tailCall(this.callee());
        return;
      case 0x13:
        this.tailCall(this.indirectCallee());
        return;
      case 0x1a:
        this.pop(UNKNOWN);
        return;
      case 0x1b: {
        this.pop(I32);
        const second = this.pop(UNKNOWN);
        const first = this.pop(second);
        if (isRef(first) || isRef(second)) {
          this.fail("type mismatch: select without a type cannot be on references");
        }
        this.push(first === UNKNOWN ? second : first);
        return;
      }
      case 0x1c: {
        const n = r.u32();
        if (n !== 1) this.fail("select with a type list must list one type");
        const code = r.u8();
        if (!SINGLE[code]) {
          if (code >= 0x62 && code <= 0x74) {
            r.unsupported("typed function references", "select on this type", this.at);
          }
          this.fail(`invalid value type 0x${code.toString(16)}`);
        }
        this.pop(I32);
        this.pop(code as ValType);
        this.pop(code as ValType);
        this.push(code as ValType);
        return;
      }
      case 0x25: {
        const { type } = this.table();
        this.pop(I32);
        this.push(type);
        this.facts.references = true;
        return;
      }
      case 0x26: {
        this.pop(this.table(this.facts.setTables).type);
        this.pop(I32);
        this.facts.references = true;
        return;
      }
      case 0xd0:
        this.push(this.refType());
        return;
      case 0xd1: {
        const type = this.pop(UNKNOWN);
        if (type !== UNKNOWN && !isRef(type)) {
          this.fail(`type mismatch: ${TYPE_NAME[type]} on the stack, a reference expected`);
        }
        this.push(I32);
        return;
      }
      case 0xd2: {
        const index = r.u32();
        this.funcType(index);
        if (!this.m.declaredFuncs.has(index)) {
          this.fail(`undeclared function reference: function ${index} occurs in bodies only`);
        }
        this.push(FUNCREF);
        this.facts.references = true;
        return;
      }
      case 0x20:
        this.push(this.local());
        return;
      case 0x21:
      case 0x22: {
        const start = r.pos;
        const type = this.local();
        this.pop(type);
        if (opcode === 0x22) this.push(type);
        const end = r.pos;
        r.pos = start;
        this.assign(r.u32());
        r.pos = end;
        return;
      }
      case 0x23: {
        const { type } = this.global();
        this.float(type, "global.get");
        this.push(type);
        return;
      }
      case 0x24: {
        const global = this.global();
        if (!global.mutable) this.fail("global.set on an immutable global");
        this.pop(global.type);
        return;
      }
      case 0x3f:
      case 0x40: {
        this.needMemory();
        const index = r.u8();
        if (index !== 0) r.unsupported("multi-memory", `memory ${index}`, this.at);
        if (opcode === 0x40) this.pop(I32);
        this.push(I32);
        return;
      }
      case 0x41:
        r.s32();
        this.push(I32);
        return;
      case 0x42:
        r.s64();
        this.push(I64);
        return;
      case 0x43:
        r.take(4);
        this.float(F32, "f32.const");
        this.push(F32);
        return;
      case 0x44:
        r.take(8);
        this.float(F64, "f64.const");
        this.push(F64);
        return;
      case 0xfc:
        this.bulk(r.u32());
        return;
      case 0xfd:
        this.vector(r.u32());
        return;
      case 0xfe:
        this.atomic(r.u32());
        return;
    }
    const proposal = FOREIGN_OPCODES[opcode];
    if (proposal) r.unsupported(proposal, `opcode 0x${opcode.toString(16)}`, this.at);
    this.fail(`invalid opcode 0x${opcode.toString(16)}`);
  }

  callee(): FuncType {
    const index = this.r.u32();
    this.facts.direct.push(index);
    return this.funcType(index);
  }

  funcType(index: number): FuncType {
    if (index >= this.m.funcImports.length + this.m.funcs.length) {
      this.fail(`unknown function ${index}`);
    }
    return funcTypeOf(this.m, index);
  }

  indirectCallee(): FuncType {
    const { r } = this;
    const index = r.u32();
    const type = this.m.types[index];
    if (!type) this.fail(`unknown type ${index}`);
    this.facts.indirect = true;
    if (this.table().type !== FUNCREF) this.fail("type mismatch: a call through externrefs");
    this.pop(I32);
    return type;
  }

  tailCall(type: FuncType): void {
    const { results } = this.control[0] as Control;
    if (
      results.length !== type.results.length ||
      results.some((result, i) => result !== type.results[i])
    ) {
      this.fail("type mismatch: the callee of a tail call has other results than the function");
    }
    this.call(type);
    this.facts.tailCalls = true;
    this.setUnreachable();
  }

  call(type: FuncType): void {
    this.popAll(type.params);
    this.pushAll(type.results);
    for (const t of type.params) this.float(t, "call");
    for (const t of type.results) this.float(t, "call");
  }

  bulk(sub: number): void {
    const r = this.r;
    const saturating = SATURATING[sub];
    if (saturating) {
      this.popAll(saturating.params);
      this.push(saturating.result);
      this.float(saturating.params[0] as ValType, saturating.name);
      return;
    }
    const dataIndex = (): void => {
      const index = r.u32();
      if (this.m.dataCount === undefined) this.fail("a data count section is required");
      if (index >= this.m.dataCount) this.fail(`unknown data segment ${index}`);
    };
    const elementType = (): RefType => {
      const index = r.u32();
      const segment = this.m.elements[index];
      if (!segment) this.fail(`unknown element segment ${index}`);
      return segment.type;
    };
    const memory = (): void => {
      if (r.u8() !== 0) r.unsupported("multi-memory", "a second memory", this.at);
      this.needMemory();
    };
    const same = (from: RefType, to: RefType): void => {
      if (from !== to) {
        this.fail(`type mismatch: ${TYPE_NAME[from]} into a table of ${TYPE_NAME[to]}`);
      }
    };
    const popThree = (): void => {
      this.pop(I32);
      this.pop(I32);
      this.pop(I32);
    };
    switch (sub) {
      case 8:
        dataIndex();
        memory();
        popThree();
        return;
      case 9:
        dataIndex();
        return;
      case 10:
        memory();
        memory();
        popThree();
        return;
      case 11:
        memory();
        popThree();
        return;
      case 12:
        same(elementType(), this.table().type);
        popThree();
        return;
      case 13:
        elementType();
        return;
      case 14: {
        const to = this.table();
        same(this.table().type, to.type);
        popThree();
        return;
      }
      case 15: {
        const { type } = this.table(this.facts.grownTables);
        this.pop(I32);
        this.pop(type);
        this.push(I32);
        this.facts.references = true;
        return;
      }
      case 16:
        this.table();
        this.push(I32);
        return;
      case 17: {
        const { type } = this.table();
        this.pop(I32);
        this.pop(type);
        this.pop(I32);
        this.facts.references = true;
        return;
      }
    }
    if (sub === 18) r.unsupported("memory control", "memory.discard", this.at);
    if (sub >= 19 && sub <= 22) r.unsupported("wide arithmetic", `opcode 0xfc ${sub}`, this.at);
    this.fail(`invalid opcode 0xfc ${sub}`);
  }

  vector(sub: number): void {
    const { r } = this;
    const op = VECTOR[sub];
    if (!op) {
      if (sub >= 0x100 && sub <= 0x113)
        r.unsupported("relaxed SIMD", `opcode 0xfd ${sub}`, this.at);
      this.fail(`invalid opcode 0xfd ${sub}`);
    }
    if (op.size > 0) this.memarg(op.size, false);
    if (op.kind === "const") r.take(16);
    else if (op.kind === "shuffle") {
      for (const lane of r.take(16)) if (lane >= 32) this.fail(`invalid lane index ${lane}`);
    } else if (op.lanes > 0) {
      const lane = r.u8();
      if (lane >= op.lanes) this.fail(`invalid lane index ${lane}`);
    }
    this.popAll(op.params);
    if (op.result !== undefined) this.push(op.result);
    this.float(V128, op.name);
  }

  atomic(sub: number): void {
    if (sub === 3) {
      if (this.r.u8() !== 0) this.fail("atomic.fence must be followed by a zero byte");
      return;
    }
    const op = ATOMIC[sub];
    if (!op) this.fail(`invalid opcode 0xfe ${sub}`);
    this.memarg(op.size, true);
    switch (op.kind) {
      case "wait":
        this.r.unsupported("threads", op.name, this.at);
        return;
      case "notify":
        this.pop(I32);
        this.pop(I32);
        this.push(I32);
        return;
      case "load":
        this.pop(I32);
        this.push(op.type);
        return;
      case "store":
        this.pop(op.type);
        this.pop(I32);
        return;
      case "cmpxchg":
        this.pop(op.type);
        this.pop(op.type);
        this.pop(I32);
        this.push(op.type);
        return;
      case "rmw":
        this.pop(op.type);
        this.pop(I32);
        this.push(op.type);
    }
  }
}

/**
 * Checks the body of defined function `position` (imports not counted).
 * @throws WasmError naming the function, the offset and the problem.
 */
export function validateBody(module: Module, position: number): BodyFacts {
  const index = module.funcImports.length + position;
  const name = module.funcNames.get(index);
  const section = `code section, function ${index}${name ? ` (${printable(name)})` : ""}`;
  return new Validator(module, module.funcs[position] as FuncBody, section).run();
}
