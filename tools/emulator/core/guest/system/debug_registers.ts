// MOV to and from the debug registers. Follows Intel SDM vol. 3B, 18.2; DR0 to DR3 take any address, canonical or not
// (18.2.6).

import { S_CR4, S_DR, S_FAULT } from "../../state";
import { code64, updateMode } from "../memory/segments";
import { failed, goAfter, requireRing0 } from "../op/leave";
import { Op, readRegister, undefinedOpcode, writeRegister } from "../op/op";
import { GP, raise } from "../processor/fault";
import { reportDebug } from "../processor/hardware_breakpoints";

export function readDr(op: Op): usize {
  const n = drNumber(op);
  if (n < 0) return load<u32>(S_FAULT) != 0 ? op.fault() : undefinedOpcode(op);
  writeRegister(<usize>op.src, code64() ? 8 : 4, load<u64>(S_DR + (n << 3)));
  return op.next();
}

export function writeDr(op: Op): usize {
  const n = drNumber(op);
  if (n < 0) return load<u32>(S_FAULT) != 0 ? op.fault() : undefinedOpcode(op);
  let v = readRegister(<usize>op.src, code64() ? 8 : 4);
  if (n >= 6 && v >> 32 != 0) return failed(op, GP, 0);
  if (n == 6) v = (v & 0xe00f) | 0xffff0ff0;
  if (n == 7) v = (v & 0xffff2bff) | 0x400;
  store<u64>(S_DR + (n << 3), v);
  updateMode();
  return goAfter(op);
}

/** Number of the debug register, 4 and 5 aliased; -1 for #UD or with a fault pending. */
function drNumber(op: Op): i32 {
  let n = <i32>op.sub;
  if (n == 4 || n == 5) {
    if ((load<u64>(S_CR4) & 8) != 0) return -1;
    n += 2;
  }
  if (n > 7) return -1;
  if (!requireRing0()) return -1;
  if ((load<u64>(S_DR + 56) & 0x2000) != 0) {
    // General detect.
    reportDebug(0x2000);
    raise(1);
    return -1;
  }
  return n;
}
