// RDRAND and RDSEED: a generator that belongs to the machine, so that runs can be repeated. Follows Intel SDM
// vol. 2.

import { M_RANDOM, S_CPU } from "../../state";
import { Op, writeRegister } from "../op/op";
import { setStatusFlags } from "../processor/flags";

/** Seeds the machine's generator, xorshift64*, the same in every run. */
export function seedRandom(): void {
  store<u64>(M_RANDOM, 0x9e3779b97f4a7c15);
}

/** RDRAND, RDSEED: always succeed; reproducible, as the whole machine is. */
export function randomNumber(op: Op): usize {
  let random = load<u64>(M_RANDOM);
  random ^= random >> 12;
  random ^= random << 25;
  random ^= random >> 27;
  store<u64>(M_RANDOM, random);
  writeRegister(<usize>op.src, <i32>op.size, random * 0x2545f4914f6cdd1d + <u64>load<u32>(S_CPU));
  setStatusFlags(1);
  return op.next();
}
