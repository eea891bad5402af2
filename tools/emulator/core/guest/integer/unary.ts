// INC, DEC, NOT, NEG in all sizes. Follows Intel SDM vol. 2.

import { S_FAULT } from "../../state";
import { Mem } from "../memory/access";
import { EA_REGISTER, Op, Reg } from "../op/op";
import { Flags } from "../processor/flags";
import { readForWriteFast } from "./alu";

class Unary {
  /** `k`: 0 INC, 1 DEC, 2 NOT, 3 NEG. */
  @inline static run<T>(k: i32, a: u64): u64 {
    let r: u64;
    if (k == 0) {
      r = a + 1;
      Flags.inc<T>(a, r);
    } else if (k == 1) {
      r = a - 1;
      Flags.dec<T>(a, r);
    } else if (k == 2) {
      r = ~a;
    } else {
      r = 0 - a;
      Flags.sub<T>(0, a, r);
    }
    return r;
  }

  @inline static any<T>(op: Op, k: i32): usize {
    if (op.ea == EA_REGISTER) {
      const p = <usize>op.src;
      Reg.set<T>(p, Unary.run<T>(k, Reg.get<T>(p)));
      return op.next();
    }
    const at = op.address(sizeof<T>(), true);
    const a = readForWriteFast<T>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    Mem.write<T>(at, Unary.run<T>(k, a));
    return op.done();
  }
}

function inc8(op: Op): usize {
  return Unary.any<u8>(op, 0);
}

function inc16(op: Op): usize {
  return Unary.any<u16>(op, 0);
}

function inc32(op: Op): usize {
  return Unary.any<u32>(op, 0);
}

function inc64(op: Op): usize {
  return Unary.any<u64>(op, 0);
}

function dec8(op: Op): usize {
  return Unary.any<u8>(op, 1);
}

function dec16(op: Op): usize {
  return Unary.any<u16>(op, 1);
}

export function dec32(op: Op): usize {
  return Unary.any<u32>(op, 1);
}

function dec64(op: Op): usize {
  return Unary.any<u64>(op, 1);
}

function not8(op: Op): usize {
  return Unary.any<u8>(op, 2);
}

function not16(op: Op): usize {
  return Unary.any<u16>(op, 2);
}

function not32(op: Op): usize {
  return Unary.any<u32>(op, 2);
}

function not64(op: Op): usize {
  return Unary.any<u64>(op, 2);
}

function neg8(op: Op): usize {
  return Unary.any<u8>(op, 3);
}

function neg16(op: Op): usize {
  return Unary.any<u16>(op, 3);
}

function neg32(op: Op): usize {
  return Unary.any<u32>(op, 3);
}

function neg64(op: Op): usize {
  return Unary.any<u64>(op, 3);
}

/** INC, DEC, NOT, NEG: by operation * 4 + size index. */
export const UNARY: StaticArray<(op: Op) => usize> = [
  inc8,
  inc16,
  inc32,
  inc64,
  dec8,
  dec16,
  dec32,
  dec64,
  not8,
  not16,
  not32,
  not64,
  neg8,
  neg16,
  neg32,
  neg64,
];
