import { type CallTarget, I32, Op, type Signature, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { RAX } from "../encoder.ts";
import { assignParams, assignResults, CALLER_SAVED_MASK, M } from "../machine.ts";
import { LowerMemory } from "./memory.ts";
import { bit, bytesOf, type FixedCode } from "./operands.ts";

export class LowerCalls extends LowerMemory {
  protected params(): void {
    const { registers, offsets } = assignParams(this.f.signature.params);
    this.pos = this.f.params[0]?.pos ?? this.pos;
    for (const p of this.f.params) {
      if (this.vregs[p.id] === 0) continue;
      const register = registers[p.imm] as number;
      if (register < 0) continue;
      // The ABI leaves the upper half of a 32-bit parameter undefined; our own calls clear it.
      const inst = new Inst(p.type === I32 && this.o.exported ? M.Zext32 : M.Mov, bytesOf(p.type));
      this.use(inst, register, Use.Reg);
      inst.dst = this.vreg(p);
      this.out.hint(inst.dst, register);
      this.put(inst);
    }
    for (const p of this.f.params) {
      if (this.vregs[p.id] === 0 || (registers[p.imm] as number) >= 0) continue;
      const inst = this.inst(M.LoadIn, bytesOf(p.type));
      inst.imm = offsets[p.imm] as number;
      inst.dst = this.vreg(p);
    }
  }

  protected arguments(inst: Inst, signature: Signature, args: Value[]): void {
    const assignment = assignParams(signature.params);
    args.forEach((arg, i) => {
      const register = assignment.registers[i] as number;
      if (register >= 0) this.useFixed(inst, arg, register);
      else {
        const store = new Inst(M.StoreOut, 8);
        this.use(store, this.reg(arg), Use.Reg);
        store.imm = assignment.offsets[i] as number;
        this.put(store);
      }
    });
    const results = assignResults(signature.results, assignment.size);
    this.out.outgoing = Math.max(this.out.outgoing, results.size);
  }

  protected finishCall(inst: Inst, v: Value, signature: Signature): void {
    inst.clobbers |= CALLER_SAVED_MASK;
    this.out.hasCalls = true;
    const results = assignResults(signature.results, 0);
    if (signature.results.length > 0 && (this.vregs[v.id] as number) > 0) {
      this.defineFixed(inst, this.vreg(v), results.registers[0] as number);
    }
    this.put(inst);
  }

  protected call(v: Value): void {
    const target = v.aux as CallTarget;
    const inst = new Inst(M.Call, 0);
    inst.aux = target.symbol;
    this.arguments(inst, target.signature, v.args);
    this.finishCall(inst, v, target.signature);
    // A foreign function leaves the upper half of a 32-bit result undefined.
    if (target.func < 0 && v.type === I32 && inst.dst >= 0) {
      const raw = this.out.vreg(I32);
      const clear = new Inst(M.Zext32, 4);
      this.use(clear, raw, Use.Any);
      clear.dst = inst.dst;
      this.out.hint(raw, RAX);
      inst.dst = raw;
      this.put(clear);
    }
  }

  protected result(v: Value): void {
    const call = v.args[0] as Value;
    const signature =
      call.op === Op.Call ? (call.aux as CallTarget).signature : (call.aux as Signature);
    const results = assignResults(signature.results, assignParams(signature.params).size);
    const register = results.registers[v.imm] as number;
    if (register >= 0) {
      const inst = new Inst(M.Mov, bytesOf(v.type));
      this.use(inst, register, Use.Reg);
      this.define(inst, v);
      this.out.hint(inst.dst, register);
      this.put(inst);
    } else {
      const inst = this.inst(M.LoadOut, bytesOf(v.type));
      inst.imm = results.offsets[v.imm] as number;
      this.define(inst, v);
    }
  }

  protected fixedCode(v: Value): void {
    const code = v.aux as FixedCode;
    const inst = new Inst(M.Code, 0);
    inst.aux = code.bytes;
    v.args.forEach((arg, i) => {
      this.useFixed(inst, arg, code.args[i] as number);
    });
    for (const r of code.clobbers) inst.clobbers |= bit(r);
    if (code.result >= 0) {
      this.defineFixed(
        inst,
        (this.vregs[v.id] as number) > 0 ? this.vreg(v) : this.out.vreg(v.type),
        code.result,
      );
    }
    this.put(inst);
  }
}
