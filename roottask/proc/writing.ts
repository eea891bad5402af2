// What programs may write to files of /proc about processes (proc_pid_comm(5), proc_pid_oom_score_adj(5)).

import { CAP_SYS_RESOURCE, capable } from "../libroottask/credentials";
import { EACCES, EFAULT, EINVAL, ESRCH } from "../libroottask/errno";
import { Program, Thread } from "../libroottask/program";
import { Transfer, takeBytes } from "../libroottask/transfer";
import { LinuxThread, linuxThread, NAME_BYTES } from "../linux/state";

const SCORE_MOST: i32 = 1000;
/** Bytes of a number that are looked at. */
const NUMBER_BYTES: u32 = 12;

const line = memory.data(16);

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
