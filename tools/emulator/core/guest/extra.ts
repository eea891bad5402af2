// Integer instructions that fit nowhere else: BOUND, INTO, SALC, CRC32, RDRAND and RDSEED, CLFLUSH.
// Follows Intel SDM vol. 2.

import { REGS, S_CPU, S_FAULT } from "../state";
import { Flags, setStatusFlags } from "./flags";
import { softwareInterrupt } from "./interrupts";
import { Mem, raise } from "./memory";
import { leaveAfter, Op, readLinear, readRm, writeRegister } from "./op";

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

export function into(op: Op): usize {
  return Flags.o() != 0 ? softwareInterrupt(op) : leaveAfter(op);
}

/** SALC (undocumented): AL = CF ? 0xFF : 0. */
export function salc(op: Op): usize {
  store<u8>(REGS, Flags.c() != 0 ? 0xff : 0);
  return op.next();
}

/** CRC32 with the Castagnoli polynomial, bit-reversed 0x82F63B78. */
export function crc32(op: Op): usize {
  const size = <i32>op.size;
  const v = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  let crc = load<u32>(<usize>op.dst);
  for (let i = 0; i < size; i++) {
    crc ^= <u32>(v >> <u64>(i * 8)) & 0xff;
    for (let k = 0; k < 8; k++) crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
  }
  store<u64>(<usize>op.dst, <u64>crc);
  return op.next();
}

/** Generator state per machine: xorshift64*, seeded the same in every run. */
let random: u64 = 0x9e3779b97f4a7c15;

/** RDRAND, RDSEED: always succeed; reproducible, as the whole machine is. */
export function randomNumber(op: Op): usize {
  random ^= random >> 12;
  random ^= random << 25;
  random ^= random >> 27;
  writeRegister(<usize>op.src, <i32>op.size, random * 0x2545f4914f6cdd1d + <u64>load<u32>(S_CPU));
  setStatusFlags(1);
  return op.next();
}

/** CLFLUSH: checks its address as a read would. */
export function clflush(op: Op): usize {
  Mem.read<u8>(op.address(1, false));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.next();
}
