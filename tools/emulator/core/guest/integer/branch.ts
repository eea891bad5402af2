// Near branches: Jcc, JMP, CALL, RET, LOOP, and BOUND. Follows Intel SDM vol. 2; far transfers are in transfer/far.ts.

import { RCX, RSP, S_FAULT } from "../../state";
import { Mem } from "../memory/access";
import { canonical } from "../memory/canonical";
import { jumpTo } from "../op/leave";
import { Branch, reachable } from "../op/lookup";
import { Op, readLinear, readRm } from "../op/op";
import { GP, raise, raiseCode } from "../processor/fault";
import { condition, Flags, Sx } from "../processor/flags";
import { drop, peek, push, Stack, stackFault } from "./stack";

/** Jcc with the condition in `sub`. */
export function jcc(op: Op): usize {
  return condition(<i32>op.sub) ? Branch.taken(op) : Branch.notTaken(op);
}

function j_o(op: Op): usize {
  return Flags.o() != 0 ? Branch.taken(op) : Branch.notTaken(op);
}

function j_no(op: Op): usize {
  return Flags.o() != 0 ? Branch.notTaken(op) : Branch.taken(op);
}

function j_b(op: Op): usize {
  return Flags.c() != 0 ? Branch.taken(op) : Branch.notTaken(op);
}

export function j_nb(op: Op): usize {
  return Flags.c() != 0 ? Branch.notTaken(op) : Branch.taken(op);
}

export function j_z(op: Op): usize {
  return Flags.z() ? Branch.taken(op) : Branch.notTaken(op);
}

export function j_nz(op: Op): usize {
  return Flags.z() ? Branch.notTaken(op) : Branch.taken(op);
}

function j_be(op: Op): usize {
  return Flags.c() != 0 || Flags.z() ? Branch.taken(op) : Branch.notTaken(op);
}

function j_nbe(op: Op): usize {
  return Flags.c() != 0 || Flags.z() ? Branch.notTaken(op) : Branch.taken(op);
}

function j_s(op: Op): usize {
  return Flags.s() != 0 ? Branch.taken(op) : Branch.notTaken(op);
}

function j_ns(op: Op): usize {
  return Flags.s() != 0 ? Branch.notTaken(op) : Branch.taken(op);
}

function j_p(op: Op): usize {
  return Flags.p() ? Branch.taken(op) : Branch.notTaken(op);
}

function j_np(op: Op): usize {
  return Flags.p() ? Branch.notTaken(op) : Branch.taken(op);
}

function j_l(op: Op): usize {
  return Flags.s() != Flags.o() ? Branch.taken(op) : Branch.notTaken(op);
}

function j_nl(op: Op): usize {
  return Flags.s() != Flags.o() ? Branch.notTaken(op) : Branch.taken(op);
}

function j_le(op: Op): usize {
  return Flags.z() || Flags.s() != Flags.o() ? Branch.taken(op) : Branch.notTaken(op);
}

function j_nle(op: Op): usize {
  return Flags.z() || Flags.s() != Flags.o() ? Branch.notTaken(op) : Branch.taken(op);
}

/** Jcc by condition. */
export const JCC: StaticArray<(op: Op) => usize> = [
  j_o,
  j_no,
  j_b,
  j_nb,
  j_z,
  j_nz,
  j_be,
  j_nbe,
  j_s,
  j_ns,
  j_p,
  j_np,
  j_l,
  j_nl,
  j_le,
  j_nle,
];

// ---- CMP or TEST with the Jcc behind it in one op. `imm` holds the links, so the immediate is in `aux`.

class Fused {
  @inline static cmp<T>(op: Op, a: u64, b: u64): usize {
    Flags.sub<T>(a, b, a - b);
    return Fused.decide<T>(op, a, b);
  }

  /** After CMP the conditions are comparisons of the operands. */
  @inline static decide<T>(op: Op, a: u64, b: u64): usize {
    let r: bool;
    const sa = Sx.of<T>(a);
    const sb = Sx.of<T>(b);
    switch (<i32>op.sub) {
      case 2:
        r = a < b;
        break;
      case 3:
        r = a >= b;
        break;
      case 4:
        r = a == b;
        break;
      case 5:
        r = a != b;
        break;
      case 6:
        r = a <= b;
        break;
      case 7:
        r = a > b;
        break;
      case 12:
        r = sa < sb;
        break;
      case 13:
        r = sa >= sb;
        break;
      case 14:
        r = sa <= sb;
        break;
      case 15:
        r = sa > sb;
        break;
      default:
        r = condition(<i32>op.sub);
    }
    return r ? Branch.taken(op) : Branch.notTaken(op);
  }

  @inline static test<T>(op: Op, v: u64): usize {
    Flags.logic<T>(v);
    const s = Sx.of<T>(v);
    let r: bool;
    switch (<i32>op.sub) {
      case 4:
        r = s == 0;
        break;
      case 5:
        r = s != 0;
        break;
      case 8:
      case 12:
        r = s < 0;
        break;
      case 9:
      case 13:
        r = s >= 0;
        break;
      case 14:
        r = s <= 0;
        break;
      case 15:
        r = s > 0;
        break;
      default:
        r = condition(<i32>op.sub);
    }
    return r ? Branch.taken(op) : Branch.notTaken(op);
  }
}

export function cmpJccRR32(op: Op): usize {
  return Fused.cmp<u32>(op, <u64>load<u32>(<usize>op.dst), <u64>load<u32>(<usize>op.src));
}

export function cmpJccRI32(op: Op): usize {
  return Fused.cmp<u32>(op, <u64>load<u32>(<usize>op.dst), <u64>(<u32>(<i64>(<i32>op.aux))));
}

export function testJccRR32(op: Op): usize {
  return Fused.test<u32>(op, <u64>load<u32>(<usize>op.dst) & <u64>load<u32>(<usize>op.src));
}

export function testJccRI32(op: Op): usize {
  return Fused.test<u32>(op, <u64>load<u32>(<usize>op.dst) & <u64>(<u32>(<i64>(<i32>op.aux))));
}

export function cmpJccRR64(op: Op): usize {
  return Fused.cmp<u64>(op, <u64>load<u64>(<usize>op.dst), <u64>load<u64>(<usize>op.src));
}

export function cmpJccRI64(op: Op): usize {
  return Fused.cmp<u64>(op, <u64>load<u64>(<usize>op.dst), <u64>(<u64>(<i64>(<i32>op.aux))));
}

export function testJccRR64(op: Op): usize {
  return Fused.test<u64>(op, <u64>load<u64>(<usize>op.dst) & <u64>load<u64>(<usize>op.src));
}

export function testJccRI64(op: Op): usize {
  return Fused.test<u64>(op, <u64>load<u64>(<usize>op.dst) & <u64>(<u64>(<i64>(<i32>op.aux))));
}

export function jmp(op: Op): usize {
  return Branch.taken(op);
}

export function call64(op: Op): usize {
  if (!Branch.reaches(op)) return op.fault();
  Stack.push64(op.nextRip());
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return Branch.taken(op);
}

/** CALL rel in legacy modes. */
export function callRelative(op: Op): usize {
  if (!Branch.reaches(op)) return op.fault();
  push(op.nextRip(), <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return Branch.taken(op);
}

export function ret64(op: Op): usize {
  const sp = load<u64>(RSP);
  const target = Mem.read<u64>(sp);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (!canonical(target)) {
    raiseCode(GP, 0);
    return op.fault();
  }
  store<u64>(RSP, sp + 8 + <u64>op.imm);
  return jumpTo(op, target);
}

/** RET, RET imm16 in legacy modes. */
export function ret(op: Op): usize {
  const size = <i32>op.size;
  const target = peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (!reachable(target)) return op.fault();
  drop(<i64>size + op.imm);
  return jumpTo(op, target);
}

export function jmpIndirect(op: Op): usize {
  const target = readRm(op, <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (!reachable(target)) return op.fault();
  return jumpTo(op, target);
}

export function callIndirect(op: Op): usize {
  const size = <i32>op.size;
  const target = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (!reachable(target)) return op.fault();
  push(op.nextRip(), size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return jumpTo(op, target);
}

/** LOOPNE (`sub` 0), LOOPE (1), LOOP (2), JRCXZ (3); `aux` is the address size. */
export function loop(op: Op): usize {
  const k = <i32>op.sub;
  const size = op.aux;
  let c = load<u64>(RCX);
  if (k != 3) c--;
  const masked = size == 8 ? c : size == 4 ? c & 0xffffffff : c & 0xffff;
  let taken = k == 3 ? masked == 0 : masked != 0;
  if (k == 0) taken = taken && !Flags.z();
  if (k == 1) taken = taken && Flags.z();
  if (taken && !Branch.reaches(op)) return op.fault();
  if (k != 3) {
    if (size == 2) store<u16>(RCX, <u16>c);
    else store<u64>(RCX, masked);
  }
  return taken ? Branch.taken(op) : Branch.notTaken(op);
}

export function bound(op: Op): usize {
  const size = <i32>op.size;
  const at = op.address(size * 2, false);
  const low = readLinear(at, size);
  const high = readLinear(at + <u64>size, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const v = load<u64>(<usize>op.dst);
  const outside =
    size == 2 ? <i16>v < <i16>low || <i16>v > <i16>high : <i32>v < <i32>low || <i32>v > <i32>high;
  if (outside) {
    raise(5);
    return op.fault();
  }
  return op.next();
}
