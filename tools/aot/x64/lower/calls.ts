// Selection of calls: parameters, arguments, results and code of intrinsics, by the System V AMD64 ABI,
// 3.2.3 "Parameter Passing".

import { type CallTarget, I32, Op, type Signature, type Value } from "../../ir/ir.ts";
import { Inst, Use } from "../../regalloc/lir.ts";
import { RAX } from "../encoder.ts";
import { argumentArea, assignParams, assignResults, CALLER_SAVED_MASK, M } from "../machine.ts";
import { bit, bytesOf, type FixedCode, type Selection } from "./operands.ts";

export function selectParams(s: Selection): void {
  const { registers, offsets } = assignParams(s.f.signature.params);
  s.pos = s.f.params[0]?.pos ?? s.pos;
  for (const p of s.f.params) {
    if (s.vregs[p.id] === 0) continue;
    const register = registers[p.imm] as number;
    if (register < 0) continue;
    // The ABI leaves the upper half of a 32-bit parameter undefined; our own calls clear it.
    const inst = new Inst(p.type === I32 && s.o.exported ? M.Zext32 : M.Mov, bytesOf(p.type));
    s.use(inst, register, Use.Reg);
    inst.dst = s.vreg(p);
    s.out.hint(inst.dst, register);
    s.put(inst);
  }
  for (const p of s.f.params) {
    if (s.vregs[p.id] === 0 || (registers[p.imm] as number) >= 0) continue;
    const inst = s.inst(M.LoadIn, bytesOf(p.type));
    inst.imm = offsets[p.imm] as number;
    inst.dst = s.vreg(p);
  }
}

/** Room a call leaves on the stack: foreign functions make no tail calls of ours. */
function callArea(s: Selection, call: Value, signature: Signature): number {
  const foreign = call.op === Op.Call && (call.aux as CallTarget).func < 0;
  return argumentArea(signature.params, foreign ? 0 : s.o.tailArea);
}

/** Puts the arguments into registers and, by `store`, on the stack. */
function passArguments(
  s: Selection,
  inst: Inst,
  store: number,
  signature: Signature,
  args: Value[],
): void {
  const assignment = assignParams(signature.params);
  args.forEach((arg, i) => {
    const register = assignment.registers[i] as number;
    if (register >= 0) s.useFixed(inst, arg, register);
    else {
      const pass = new Inst(store, 8);
      s.use(pass, s.reg(arg), Use.Reg);
      pass.imm = assignment.offsets[i] as number;
      s.put(pass);
    }
  });
}

function finishCall(s: Selection, inst: Inst, v: Value, signature: Signature): void {
  inst.clobbers |= CALLER_SAVED_MASK;
  s.out.hasCalls = true;
  const results = assignResults(signature.results, callArea(s, v, signature));
  s.out.outgoing = Math.max(s.out.outgoing, results.size);
  if (signature.results.length > 0 && (s.vregs[v.id] as number) > 0) {
    s.defineFixed(inst, s.vreg(v), results.registers[0] as number);
  }
  s.put(inst);
}

export function selectCall(s: Selection, v: Value): void {
  const target = v.aux as CallTarget;
  const inst = new Inst(M.Call, 0);
  inst.aux = target.symbol;
  passArguments(s, inst, M.StoreOut, target.signature, v.args);
  finishCall(s, inst, v, target.signature);
  // A foreign function leaves the upper half of a 32-bit result undefined.
  if (target.func < 0 && v.type === I32 && inst.dst >= 0) {
    const raw = s.out.vreg(I32);
    const clear = new Inst(M.Zext32, 4);
    s.use(clear, raw, Use.Any);
    clear.dst = inst.dst;
    s.out.hint(raw, RAX);
    inst.dst = raw;
    s.put(clear);
  }
}

export function selectCallIndirect(s: Selection, v: Value): void {
  const signature = v.aux as Signature;
  const inst = new Inst(M.CallIndirect, 0);
  inst.imm = v.imm;
  inst.aux = v.size;
  passArguments(s, inst, M.StoreOut, signature, v.args.slice(1));
  s.useFixed(inst, v.args[0] as Value, RAX);
  finishCall(s, inst, v, signature);
}

/** A jump that leaves the frame: the callee's arguments stand where the own ones were. */
export function selectTailCall(s: Selection, v: Value): void {
  if (v.op === Op.TailCall) {
    const target = v.aux as CallTarget;
    const inst = new Inst(M.TailCall, 0);
    inst.aux = target.symbol;
    passArguments(s, inst, M.StoreIn, target.signature, v.args);
    s.put(inst);
    return;
  }
  const inst = new Inst(M.TailCallIndirect, 0);
  inst.imm = v.imm;
  inst.aux = v.size;
  passArguments(s, inst, M.StoreIn, v.aux as Signature, v.args.slice(1));
  s.useFixed(inst, v.args[0] as Value, RAX);
  s.put(inst);
}

export function selectReturn(s: Selection, term: Value): void {
  const { params, results } = s.f.signature;
  const area = argumentArea(params, s.o.adapter ? 0 : s.o.tailArea);
  const { registers, offsets } = assignResults(results, area);
  const inst = new Inst(M.Return, 0);
  term.args.forEach((v, i) => {
    const register = registers[i] as number;
    if (register >= 0) s.useFixed(inst, v, register);
    else {
      const store = new Inst(M.StoreIn, bytesOf(v.type));
      s.use(store, s.reg(v), Use.Reg);
      store.imm = offsets[i] as number;
      s.put(store);
    }
  });
  s.put(inst);
}

export function selectResult(s: Selection, v: Value): void {
  const call = v.args[0] as Value;
  const signature =
    call.op === Op.Call ? (call.aux as CallTarget).signature : (call.aux as Signature);
  const results = assignResults(signature.results, callArea(s, call, signature));
  const register = results.registers[v.imm] as number;
  if (register >= 0) {
    const inst = new Inst(M.Mov, bytesOf(v.type));
    s.use(inst, register, Use.Reg);
    s.define(inst, v);
    s.out.hint(inst.dst, register);
    s.put(inst);
  } else {
    const inst = s.inst(M.LoadOut, bytesOf(v.type));
    inst.imm = results.offsets[v.imm] as number;
    s.define(inst, v);
  }
}

export function selectFixedCode(s: Selection, v: Value): void {
  const code = v.aux as FixedCode;
  const inst = new Inst(M.Code, 0);
  inst.aux = code;
  v.args.forEach((arg, i) => {
    s.useFixed(inst, arg, code.args[i] as number);
  });
  for (const r of code.clobbers) inst.clobbers |= bit(r);
  if (code.result >= 0) {
    s.defineFixed(
      inst,
      (s.vregs[v.id] as number) > 0 ? s.vreg(v) : s.out.vreg(v.type),
      code.result,
    );
  }
  s.put(inst);
}
