// DPPS and DPPD: dot products. Multiplication and the steps of the addition are separate as to exceptions:
// an unmasked one in any element ends the instruction with the flags of the steps done so far.
// Follows Intel SDM vol. 2, DPPS, DPPD.

import { S_MXCSR, S_TMP1, S_TMP2 } from "../../state";
import { Op } from "../op/op";
import { Sf } from "../softfloat/format";
import { beginFloat, endFloat, source, VEX, Vec, WIDE256 } from "./access";
import { add32, add64, mul32, mul64 } from "./float";

/** An unmasked exception has been detected: the instruction ends here. Otherwise a step's flags are final. */
function stopped(): bool {
  if ((Sf.flags & ~Sf.masks & 0x3f) != 0) return true;
  store<u32>(S_MXCSR, load<u32>(S_MXCSR) | Sf.flags);
  Sf.flags = 0;
  return false;
}

export function dpps(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  const a = Vec.first(op);
  const i = <u32>op.imm;
  const wide = (op.sub & WIDE256) != 0;
  const count: u32 = wide ? 8 : 4;
  beginFloat();
  for (let n: u32 = 0; n < count; n++) {
    const at = n << 2;
    const selected = ((i >> (4 + (n & 3))) & 1) != 0;
    store<u32>(S_TMP1 + at, selected ? mul32(load<u32>(a + at), load<u32>(b + at)) : 0);
  }
  if (!stopped()) {
    for (let n: u32 = 0; n < count; n += 2) {
      const p = S_TMP1 + (n << 2);
      store<u32>(S_TMP2 + (n << 1), add32(load<u32>(p), load<u32>(p, 4)));
    }
    if (!stopped()) {
      for (let n: u32 = 0; n < count; n += 4) {
        const p = S_TMP2 + (n << 1);
        const sum = add32(load<u32>(p), load<u32>(p, 4));
        for (let k: u32 = 0; k < 4; k++) {
          store<u32>(S_TMP1 + ((n + k) << 2), ((i >> k) & 1) != 0 ? sum : 0);
        }
      }
    }
  }
  if (!endFloat()) return op.fault();
  v128.store(op.dst, v128.load(S_TMP1));
  if (wide) v128.store(op.dst, v128.load(S_TMP1, 16), 16);
  else if ((op.sub & VEX) != 0) Vec.clearUpper(op.dst);
  return op.next();
}

export function dppd(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  const a = Vec.first(op);
  const i = <u32>op.imm;
  beginFloat();
  const p0 = (i & 0x10) != 0 ? mul64(load<u64>(a), load<u64>(b)) : 0;
  const p1 = (i & 0x20) != 0 ? mul64(load<u64>(a, 8), load<u64>(b, 8)) : 0;
  const sum = stopped() ? 0 : add64(p0, p1);
  if (!endFloat()) return op.fault();
  store<u64>(op.dst, (i & 1) != 0 ? sum : 0);
  store<u64>(op.dst, (i & 2) != 0 ? sum : 0, 8);
  if ((op.sub & VEX) != 0) Vec.clearUpper(op.dst);
  return op.next();
}
