// IN and OUT with their permission checks. Follows Intel SDM vol. 1, chapter 18 (IOPL, I/O bitmap).

import { RAX, RDX, S_CPL, S_CPU, S_EFLAGS, S_FAULT, S_INSN_INDEX, SEG_VALID } from "../../state";
import { systemRead } from "../memory/access";
import { protectedMode, Seg, TR, vm86 } from "../memory/segments";
import { goAfter } from "../op/leave";
import { Op, writeRegister } from "../op/op";
import { port_read, port_write } from "../processor/env";
import { GP, raiseCode } from "../processor/fault";
import { breakpointsSet, notePort } from "../processor/hardware_breakpoints";
import { charge, PORT } from "../processor/latency";

/** Whether the current code may access `size` ports from `port`; #GP(0) pending if not. */
export function ioAllowed(port: i32, size: i32): bool {
  // A kernel, or real mode, where CPL is 0.
  if (load<u32>(S_CPL) == 0 && !breakpointsSet() && !vm86()) return true;
  return ioAllowedSlowly(port, size);
}

function ioAllowedSlowly(port: i32, size: i32): bool {
  notePort(port, size);
  if (!protectedMode()) return true;
  if (!vm86() && load<u32>(S_CPL) <= ((load<u32>(S_EFLAGS) >> 12) & 3)) return true;
  let allowed = false;
  const type = Seg.attr(TR) & 0xf;
  if (load<u32>(Seg.at(TR), SEG_VALID) != 0 && (type == 9 || type == 11) && Seg.limit(TR) >= 103) {
    const base = Seg.base(TR);
    const map = <u32>systemRead(base + 0x66, 2);
    const at = map + <u32>(port >> 3);
    if (load<u32>(S_FAULT) != 0) return false;
    // Two bytes are always read, so both must lie within the limit.
    if (at + 1 <= Seg.limit(TR)) {
      const bits = <u32>systemRead(base + <u64>at, 2) >> (<u32>port & 7);
      if (load<u32>(S_FAULT) != 0) return false;
      allowed = (bits & ((1 << size) - 1)) == 0;
    }
  }
  if (!allowed) raiseCode(GP, 0);
  return allowed;
}

/** IN: `size`, port in `imm`, or DX if `sub` is 1. */
export function input(op: Op): usize {
  const size = <i32>op.size;
  const port = op.sub == 1 ? <i32>load<u16>(RDX) : <i32>op.imm;
  if (!ioAllowed(port, size)) return op.fault();
  store<u32>(S_INSN_INDEX, <u32>op.idx);
  const v = port_read(load<i32>(S_CPU), port, size);
  store<u32>(S_INSN_INDEX, 0);
  charge(PORT);
  writeRegister(RAX, size, <u64>v);
  return goAfter(op);
}

/** OUT. */
export function output(op: Op): usize {
  const size = <i32>op.size;
  const port = op.sub == 1 ? <i32>load<u16>(RDX) : <i32>op.imm;
  if (!ioAllowed(port, size)) return op.fault();
  store<u32>(S_INSN_INDEX, <u32>op.idx);
  const v = load<u32>(RAX);
  port_write(load<i32>(S_CPU), port, size, size == 4 ? v : size == 2 ? v & 0xffff : v & 0xff);
  store<u32>(S_INSN_INDEX, 0);
  charge(PORT);
  return goAfter(op);
}
