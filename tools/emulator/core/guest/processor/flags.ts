// Lazy status flags: an operation stores its sign-extended result and a carry vector, conditions are
// computed from them when somebody asks. Encoding: see S_LF_RES and S_LF_AUX in ../../state.ts.
// Follows Intel SDM vol. 1, 3.4.3.1; flags that the manual leaves undefined are 0 unless noted.

import { S_EFLAGS, S_LF_AUX, S_LF_RES } from "../../state";

export const CF: u32 = 1;
export const PF: u32 = 4;
export const AF: u32 = 0x10;
export const ZF: u32 = 0x40;
export const SF: u32 = 0x80;
export const TF: u32 = 0x100;
export const IF: u32 = 0x200;
export const DF: u32 = 0x400;
export const OF: u32 = 0x800;
export const IOPL: u32 = 0x3000;
export const NT: u32 = 0x4000;
export const RF: u32 = 0x10000;
export const VM: u32 = 0x20000;
export const AC: u32 = 0x40000;
export const VIF: u32 = 0x80000;
export const VIP: u32 = 0x100000;
export const ID: u32 = 0x200000;
export const STATUS: u32 = 0x8d5;

/** Sign-extends the low sizeof<T> bytes of `v`; T is an unsigned integer type. */
export class Sx {
  @inline static of<T>(v: u64): i64 {
    if (sizeof<T>() == 1) return <i64>(<i8>v);
    if (sizeof<T>() == 2) return <i64>(<i16>v);
    if (sizeof<T>() == 4) return <i64>(<i32>v);
    return <i64>v;
  }
}

export class Flags {
  /** AND, OR, XOR, TEST: CF = OF = AF = 0. */
  @inline static logic<T>(r: u64): void {
    store<i64>(S_LF_RES, Sx.of<T>(r));
    store<u64>(S_LF_AUX, 0);
  }

  /** ADD, ADC: operands and result zero-extended or wider. */
  @inline static add<T>(a: u64, b: u64, r: u64): void {
    store<i64>(S_LF_RES, Sx.of<T>(r));
    const c = (a & b) | ((a | b) & ~r);
    store<u64>(S_LF_AUX, (c & 8) | ((c >> (sizeof<T>() * 8 - 2)) << 62));
  }

  /** SUB, SBB, CMP, NEG. */
  @inline static sub<T>(a: u64, b: u64, r: u64): void {
    store<i64>(S_LF_RES, Sx.of<T>(r));
    const c = (~a & b) | ((~a | b) & r);
    store<u64>(S_LF_AUX, (c & 8) | ((c >> (sizeof<T>() * 8 - 2)) << 62));
  }

  /** INC: all but CF. */
  @inline static inc<T>(a: u64, r: u64): void {
    const keep = load<u64>(S_LF_AUX) >> 63;
    store<i64>(S_LF_RES, Sx.of<T>(r));
    const c = a & ~r;
    const ov = ((~a & r) >> (sizeof<T>() * 8 - 1)) & 1;
    store<u64>(S_LF_AUX, (c & 8) | (keep << 63) | ((keep ^ ov) << 62));
  }

  /** DEC: all but CF. */
  @inline static dec<T>(a: u64, r: u64): void {
    const keep = load<u64>(S_LF_AUX) >> 63;
    store<i64>(S_LF_RES, Sx.of<T>(r));
    const c = ~a & r;
    const ov = ((a & ~r) >> (sizeof<T>() * 8 - 1)) & 1;
    store<u64>(S_LF_AUX, (c & 8) | (keep << 63) | ((keep ^ ov) << 62));
  }

  /** Shifts: SF, ZF, PF from the result, CF and OF given (0 or 1), AF = 0. */
  @inline static shift<T>(r: u64, cf: u64, ov: u64): void {
    store<i64>(S_LF_RES, Sx.of<T>(r));
    store<u64>(S_LF_AUX, (cf << 63) | ((cf ^ ov) << 62));
  }

  /** Rotates and multiplications: only CF and OF. */
  @inline static carryOverflow(cf: u64, ov: u64): void {
    store<u64>(
      S_LF_AUX,
      (load<u64>(S_LF_AUX) & 0x3fffffffffffffff) | (cf << 63) | ((cf ^ ov) << 62),
    );
  }

  @inline static o(): u64 {
    return (load<u64>(S_LF_AUX) + 0x4000000000000000) >> 63;
  }
  @inline static c(): u64 {
    return load<u64>(S_LF_AUX) >> 63;
  }
  @inline static z(): bool {
    return load<u64>(S_LF_RES) == 0;
  }
  @inline static s(): u64 {
    return (load<u64>(S_LF_RES) >> 63) ^ (load<u64>(S_LF_AUX) & 1);
  }
  @inline static p(): bool {
    const x = load<u64>(S_LF_RES) ^ (load<u64>(S_LF_AUX) >> 8);
    return (popcnt<u64>(x & 0xff) & 1) == 0;
  }
}

/** Sets CF, keeping the other flags. */
export function setCarry(cf: u64): void {
  Flags.carryOverflow(cf, Flags.o());
}

/** Condition code 0…15 as in Jcc, SETcc, CMOVcc (Intel SDM vol. 1, appendix B). */
export function condition(cc: i32): bool {
  let r = false;
  switch (cc >> 1) {
    case 0:
      r = Flags.o() != 0;
      break;
    case 1:
      r = Flags.c() != 0;
      break;
    case 2:
      r = Flags.z();
      break;
    case 3:
      r = Flags.c() != 0 || Flags.z();
      break;
    case 4:
      r = Flags.s() != 0;
      break;
    case 5:
      r = Flags.p();
      break;
    case 6:
      r = Flags.s() != Flags.o();
      break;
    default:
      r = Flags.z() || Flags.s() != Flags.o();
  }
  return (cc & 1) != 0 ? !r : r;
}

/** The six status flags in their EFLAGS positions. */
export function statusFlags(): u32 {
  return (
    <u32>Flags.c() |
    (Flags.p() ? PF : 0) |
    ((<u32>(load<u64>(S_LF_AUX) & 8)) << 1) |
    (Flags.z() ? ZF : 0) |
    ((<u32>Flags.s()) << 7) |
    ((<u32>Flags.o()) << 11)
  );
}

/** Sets the six status flags from an EFLAGS image. */
export function setStatusFlags(f: u32): void {
  const cf = <u64>(f & 1);
  const ov = <u64>((f >> 11) & 1);
  // RES = 0 gives ZF; 0x100 is non-zero with an even-parity, positive low byte.
  store<u64>(S_LF_RES, (f & ZF) != 0 ? 0 : 0x100);
  const sign = <u64>((f >> 7) & 1);
  const parity: u64 = (f & PF) != 0 ? 0 : 0x100;
  const af = <u64>((f & AF) >> 1);
  store<u64>(S_LF_AUX, (cf << 63) | ((cf ^ ov) << 62) | parity | af | sign);
}

/** Complete EFLAGS (bit 1 always set). */
export function eflags(): u32 {
  return load<u32>(S_EFLAGS) | statusFlags() | 2;
}
