// Filters of system calls as programs for the classic BPF machine (libroottask/classic_bpf.ts), with the instructions that
// seccomp takes (seccomp(2), "Filters"; seccomp_check_filter() of Linux): what they load is what is told of a call.

import {
  CLASS,
  CLASS_ALU,
  CLASS_JMP,
  codeAt,
  DIV,
  ifFalse,
  ifTrue,
  isProgram,
  JA,
  JSET,
  OPERATION,
  RET_K,
  runProgram,
  SOURCE_X,
  valueAt,
} from "../../libroottask/classic_bpf";

/** struct seccomp_data: number, architecture, instruction pointer, six arguments. */
export const DATA_BYTES: u32 = 64;
/** Loads a word of it. */
const LD_ABS: u32 = 0x20;

/** What Linux puts before each program. */
const PROLOGUE: u32 = 3;

function knows(code: u32, value: u32): bool {
  return code === LD_ABS && value < DATA_BYTES && (value & 3) === 0;
}

/** The `length` instructions at `program`, 1 to INSTRUCTIONS_MAX, are a filter. */
export function isFilterProgram(program: usize, length: u32): bool {
  return isProgram(program, length, knows);
}

/** Instructions that Linux runs for the one at `index` (bpf_convert_filter()), whose number limits how many filters there are. */
function costAt(program: usize, index: u32): u32 {
  const code = codeAt(program, index);
  if (code === RET_K) return 2;
  if (code === (CLASS_ALU | DIV | SOURCE_X)) return 5;
  if ((code & CLASS) !== CLASS_JMP || code === JA) return 1;
  const wide = (code & SOURCE_X) === 0 && (valueAt(program, index) as i32) < 0;
  const moved: u32 = wide ? 1 : 0;
  if (ifFalse(program, index) === 0) return moved + 1;
  const inverse = ifTrue(program, index) === 0 && (code & OPERATION) !== JSET;
  return moved + (inverse ? 1 : 2);
}

/** Those of the filter of `length` instructions at `program`. */
export function costOf(program: usize, length: u32): u32 {
  let cost: u32 = PROLOGUE;
  for (let i: u32 = 0; i < length; i++) cost += costAt(program, i);
  return cost;
}

/** The call that is asked about. */
let call: usize = 0;

function loadWord(_code: u32, value: u32, _index: u32): u32 {
  return load<u32>(call + value);
}

/** What the filter at `program` says of the call that the DATA_BYTES at `data` tell. */
export function runFilter(program: usize, data: usize): u32 {
  call = data;
  return runProgram(program, DATA_BYTES, loadWord);
}
