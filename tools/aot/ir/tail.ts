// Calls in tail position: a call whose results are returned as they are leaves the frame and jumps. What
// is on the stack stays the caller's business, so all parameters and results must be in registers.
// May assume SSA form; keeps it. A call of an imported function stays a call: its result may need care. So does
// one that may be part of a recursion: it has to run out of stack as it does elsewhere, not go on for ever.

import { type CallTarget, type Func, NONE, Op, type Signature, type Value } from "./ir.ts";

/** Whether the operands of `ret` are the results of `call`, all of them and in order. */
function returnsResultsOf(call: Value, ret: Value): boolean {
  return ret.args.every((arg, i) =>
    i === 0 ? arg === call : arg.op === Op.Result && arg.args[0] === call && arg.imm === i,
  );
}

/**
 * Turns calls right before a return into tail calls. `allowed` tells whether all parameters and results of a
 * function of this type are passed in registers and a call of it, undefined where a table decides, does not
 * come back to `f`. `f` itself has everything in registers.
 */
export function findTailCalls(
  f: Func,
  allowed: (signature: Signature, callee: number | undefined) => boolean,
): void {
  for (const block of f.blocks) {
    const ret = block.term as Value;
    if (ret.op !== Op.Return) continue;
    // Results are taken from the call's registers behind it; nothing else may be there.
    let last = block.insts.length - 1;
    while (last >= 0 && (block.insts[last] as Value).op === Op.Result) last--;
    const call = block.insts[last];
    if (!call || (call.op !== Op.Call && call.op !== Op.CallIndirect)) continue;
    const direct = call.op === Op.Call;
    const signature = direct ? (call.aux as CallTarget).signature : (call.aux as Signature);
    if (direct && (call.aux as CallTarget).func < 0) continue;
    if (signature.results.length < ret.args.length) continue;
    if (!allowed(signature, direct ? (call.aux as CallTarget).func : undefined)) continue;
    if (!returnsResultsOf(call, ret)) continue;
    const tail = f.value(direct ? Op.TailCall : Op.TailCallIndirect, NONE, call.args, call.pos);
    tail.imm = call.imm;
    tail.size = call.size;
    tail.aux = call.aux;
    tail.block = block;
    block.term = tail;
    block.insts.length = last;
  }
}
