// Decimal adjust instructions: DAA DAS AAA AAS AAM AAD, and SALC, which Intel does not document. Follows Intel SDM vol. 2.

import { REGS } from "../../state";
import { Op } from "../op/op";
import { raise } from "../processor/fault";
import { AF, CF, eflags, Flags, setStatusFlags } from "../processor/flags";

/** `sub` is the opcode; `imm` the base of AAM and AAD. */
export function bcd(op: Op): usize {
  const al = <u32>load<u8>(REGS);
  const f = eflags();
  const af = (f & AF) != 0;
  const cf = (f & CF) != 0;
  switch (op.sub) {
    case 0x27: {
      let r = al;
      let c = false;
      const low = (al & 15) > 9 || af;
      if (low) r += 6;
      if (al > 0x99 || cf) {
        r += 0x60;
        c = true;
      }
      finish(r, low, c);
      break;
    }
    case 0x2f: {
      let r = al;
      let c = false;
      const low = (al & 15) > 9 || af;
      if (low) {
        c = cf || al < 6;
        r -= 6;
      }
      if (al > 0x99 || cf) {
        r -= 0x60;
        c = true;
      }
      finish(r, low, c);
      break;
    }
    case 0x37: {
      const adjust = (al & 15) > 9 || af;
      if (adjust) store<u16>(REGS, <u16>(<u32>load<u16>(REGS) + 0x106));
      store<u8>(REGS, load<u8>(REGS) & 15);
      afterAscii(adjust);
      break;
    }
    case 0x3f: {
      const adjust = (al & 15) > 9 || af;
      if (adjust) store<u16>(REGS, <u16>(<u32>load<u16>(REGS) - 0x106));
      store<u8>(REGS, load<u8>(REGS) & 15);
      afterAscii(adjust);
      break;
    }
    case 0xd4: {
      const base = <u32>op.imm & 0xff;
      if (base == 0) {
        raise(0);
        return op.fault();
      }
      store<u8>(REGS + 1, <u8>(al / base));
      store<u8>(REGS, <u8>(al % base));
      Flags.logic<u8>(<u64>(al % base));
      break;
    }
    default: {
      const r = (al + <u32>load<u8>(REGS + 1) * <u32>op.imm) & 0xff;
      store<u16>(REGS, <u16>r);
      Flags.logic<u8>(<u64>r);
    }
  }
  return op.next();
}

function finish(r: u32, low: bool, c: bool): void {
  store<u8>(REGS, <u8>r);
  Flags.logic<u8>(<u64>(r & 0xff));
  setStatusFlags((eflags() & 0x8c4) | (low ? AF : 0) | (c ? CF : 0));
}

function afterAscii(adjust: bool): void {
  Flags.logic<u8>(<u64>load<u8>(REGS));
  setStatusFlags((eflags() & 0x8c4) | (adjust ? AF | CF : 0));
}

/** SALC (undocumented): AL = CF ? 0xFF : 0. */
export function salc(op: Op): usize {
  store<u8>(REGS, Flags.c() != 0 ? 0xff : 0);
  return op.next();
}
