// Invalidation of caches and translations: INVLPG, INVPCID, INVD, WBINVD, CLFLUSH and its kin. Follows Intel SDM
// vol. 2.

import { S_CR4, S_FAULT } from "../../state";
import { Mem } from "../memory/access";
import { canonicalBase } from "../memory/canonical";
import { code64 } from "../memory/segments";
import { flushPage, flushTlb } from "../memory/tlb";
import { failed, goAfter, requireRing0 } from "../op/leave";
import { Op, readLinear, readRegister } from "../op/op";
import { GP } from "../processor/fault";
import { CACHES, charge, SERIALIZING } from "../processor/latency";

/** INVD, WBINVD: memory is coherent. */
export function wbinvd(op: Op): usize {
  if (!requireRing0()) return op.fault();
  charge(CACHES);
  return op.next();
}

export function invlpg(op: Op): usize {
  if (!requireRing0()) return op.fault();
  flushPage(op.address(1, false));
  store<u32>(S_FAULT, 0);
  charge(SERIALIZING);
  return goAfter(op);
}

/** INVPCID: everything is dropped, which each of its types allows. */
export function invpcid(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const type = readRegister(<usize>op.dst, code64() ? 8 : 4);
  const at = op.address(16, false);
  const low = readLinear(at, 8);
  const linear = readLinear(at + 8, 8);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const pcids = (load<u64>(S_CR4) & 0x20000) != 0;
  if (
    type > 3 ||
    (type < 2 && (low >> 12 != 0 || (!pcids && low != 0))) ||
    (type == 0 && !canonicalBase(linear))
  )
    return failed(op, GP, 0);
  flushTlb();
  charge(SERIALIZING);
  return goAfter(op);
}

/** CLFLUSH, CLFLUSHOPT, CLWB: check their address as a read would. */
export function flushLine(op: Op): usize {
  Mem.read<u8>(op.address(1, false));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.next();
}
