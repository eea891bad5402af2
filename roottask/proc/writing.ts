// What programs may write to files of /proc about processes (proc_pid_comm(5), proc_pid_oom_score_adj(5),
// proc_pid_coredump_filter(5)).

import { CAP_SYS_RESOURCE, capable } from "../libroottask/credentials";
import { EACCES, EFAULT, EINVAL, ERANGE, ESRCH } from "../libroottask/errno";
import { Program, Thread } from "../libroottask/program";
import { Transfer, takeBytes } from "../libroottask/transfer";
import { LinuxThread, linuxProgram, linuxThread, NAME_BYTES } from "../linux/state";

const SCORE_MOST: i32 = 1000;
/** Bytes of a number that are looked at. */
const NUMBER_BYTES: u32 = 12;

/** The same, in any base (kstrtouint_from_user() of lib/kstrtox.c). */
const ANY_NUMBER_BYTES: u32 = 35;
/** What a filter has: the rest of what is written counts for nothing. */
const FILTER_BITS: u64 = 0x1ff;

const line = memory.data(40);

/** Names `target`, a thread of the writer's process: all bytes count as taken, or a negative error. */
export function writeName(writer: Thread, target: Thread | null, transfer: Transfer): i64 {
  const all = transfer.left as i64;
  const length = min<u64>(transfer.left, (NAME_BYTES - 1) as u64) as u32;
  memory.fill(line, 0, NAME_BYTES);
  if (takeBytes(transfer, line, length) !== length) return -EFAULT;
  if (target === null) return -ESRCH;
  if (target.program !== writer.program) return -EINVAL;
  const name = changetype<usize>(linuxThread(target)) + offsetof<LinuxThread>("name0");
  memory.copy(name, line, NAME_BYTES);
  return all;
}

function isSpace(character: u32): bool {
  return character === 32 || (character >= 9 && character <= 13);
}

/** The number that `parseScore` has found. */
let score: i32 = 0;

/** Parses the `length` bytes of `line`: a decimal number with blanks around it. False where it is none. */
function parseScore(length: u32): bool {
  let at: u32 = 0;
  let end = length;
  while (at < end && isSpace(load<u8>(line + at))) at++;
  while (end > at && isSpace(load<u8>(line + end - 1))) end--;
  const sign: u32 = at < end ? load<u8>(line + at) : 0;
  if (sign === 45 || sign === 43) at++;
  if (at === end || end - at > 9) return false;
  score = 0;
  for (; at < end; at++) {
    const digit = (load<u8>(line + at) as i32) - 48;
    if (digit < 0 || digit > 9) return false;
    score = score * 10 + digit;
  }
  if (sign === 45) score = -score;
  return true;
}

/** Value of a digit in any base up to 16; 16 where it is none. */
function digitOf(character: u32): u64 {
  if (character >= 48 && character <= 57) return (character - 48) as u64;
  const letter = character | 32;
  return letter >= 97 && letter <= 102 ? ((letter - 87) as u64) : 16;
}

/** Where the digits of the number in `line` at `at` begin, with their base in `base`: octal behind 0, hexadecimal behind 0x. */
function skipBase(at: u32): u32 {
  base = 10;
  if (load<u8>(line + at) !== 48) return at;
  const marked = ((load<u8>(line + at + 1) as u32) | 32) === 120;
  base = marked && digitOf(load<u8>(line + at + 2)) < 16 ? 16 : 8;
  return base === 16 ? at + 2 : at;
}

let base: u64 = 10;
let unsigned: u64 = 0;

/** Parses the `length` bytes of `line`, behind which there is a 0, into `unsigned`: 0, -EINVAL or -ERANGE. */
function parseUnsigned(length: u32): i64 {
  store<u8>(line + length, 0);
  let at = skipBase(load<u8>(line) === 43 ? 1 : 0);
  const start = at;
  unsigned = 0;
  for (; digitOf(load<u8>(line + at)) < base; at++) {
    unsigned = unsigned * base + digitOf(load<u8>(line + at));
    if (unsigned > (u32.MAX_VALUE as u64)) return -ERANGE;
  }
  if (at === start) return -EINVAL;
  if (load<u8>(line + at) === 10) at++;
  return load<u8>(line + at) === 0 ? 0 : -EINVAL;
}

/** Sets what core dumps of `program` have, null where it has gone: all bytes count as taken, or a negative error. */
export function writeFilter(program: Program | null, transfer: Transfer): i64 {
  const all = transfer.left as i64;
  const length = min<u64>(transfer.left, ANY_NUMBER_BYTES as u64) as u32;
  if (takeBytes(transfer, line, length) !== length) return -EFAULT;
  const wrong = parseUnsigned(length);
  if (wrong !== 0) return wrong;
  if (program === null || program.ended !== 0) return -ESRCH;
  linuxProgram(program).dumpFilter = (unsigned & FILTER_BITS) as u32;
  return all;
}

/** Sets how soon `program` is ended when memory is out: all bytes count as taken, or a negative error. */
export function writeScore(program: Program, transfer: Transfer): i64 {
  const all = transfer.left as i64;
  const length = min<u64>(transfer.left, NUMBER_BYTES as u64) as u32;
  if (takeBytes(transfer, line, length) !== length) return -EFAULT;
  if (!parseScore(length) || score < -SCORE_MOST || score > SCORE_MOST) return -EINVAL;
  const privileged = capable(CAP_SYS_RESOURCE);
  if (score < program.leastMemoryScore && !privileged) return -EACCES;
  program.memoryScore = score;
  if (privileged) program.leastMemoryScore = score;
  return all;
}
