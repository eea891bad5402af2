// Control messages, as they lie in the buffer of a struct msghdr (cmsg(3)): reading those that are sent, and telling what
// has come. A head is length with itself (8 bytes), level and type (4 each); what follows begins at multiples of 8.

import { EINVAL } from "../libroottask/errno";
import { Program } from "../libroottask/program";
import { copyTo } from "../libroottask/space";

export const CONTROL_HEAD: u32 = 16;

/** The one that has been read last: level, type, where its data is, and how many bytes. */
export let controlLevel: i32 = 0;
export let controlType: i32 = 0;
export let controlData: usize = 0;
export let controlSize: u32 = 0;

let readAt: usize = 0;
let readLeft: u32 = 0;

/** The next control message to read is the first of `length` bytes at `at`, of our memory. */
export function beginControls(at: usize, length: u32): void {
  readAt = at;
  readLeft = length;
}

/** Reads the next one: 1, 0 where there is none, or -EINVAL where its length cannot be. */
export function nextControl(): i64 {
  if (readLeft < CONTROL_HEAD) return 0;
  const bytes = load<u64>(readAt);
  if (bytes < (CONTROL_HEAD as u64) || bytes > (readLeft as u64)) return -EINVAL;
  controlLevel = load<i32>(readAt + 8);
  controlType = load<i32>(readAt + 12);
  controlData = readAt + CONTROL_HEAD;
  controlSize = (bytes as u32) - CONTROL_HEAD;
  const whole = min<u32>(((bytes as u32) + 7) & ~(7 as u32), readLeft);
  readAt += whole;
  readLeft -= whole;
  return 1;
}

const head = memory.data(16, 8);

/** Where control messages go next, how many bytes are left there, and that there was no room for all (MSG_CTRUNC). */
export let tellAt: u64 = 0;
export let tellLeft: u64 = 0;
export let tellCut: bool = false;

/** Control messages go to `room` bytes at `into` of the program. */
export function beginTelling(into: u64, room: u64): void {
  tellAt = into;
  tellLeft = into === 0 ? 0 : room;
  tellCut = false;
}

export function cutTelling(): void {
  tellCut = true;
}

/** Puts the head of a control message with `bytes` of data behind it: false where the program has no memory there. */
export function tellHead(program: Program, level: i32, type: i32, bytes: u32): bool {
  store<u64>(head, (CONTROL_HEAD + bytes) as u64);
  store<i32>(head + 8, level);
  store<i32>(head + 12, type);
  return copyTo(program.space, tellAt, head, CONTROL_HEAD);
}

/** The next control message goes behind one with `bytes` of data. */
export function endControl(bytes: u32): void {
  const whole = min<u64>(((CONTROL_HEAD + bytes + 7) & ~(7 as u32)) as u64, tellLeft);
  tellAt += whole;
  tellLeft -= whole;
}

/** Tells the `bytes` at `from`, as many as there is room for. */
export function tellControl(
  program: Program,
  level: i32,
  type: i32,
  from: usize,
  bytes: u32,
): void {
  if (tellLeft < (CONTROL_HEAD as u64)) {
    tellCut = true;
    return;
  }
  const fits = min<u64>(bytes as u64, tellLeft - (CONTROL_HEAD as u64)) as u32;
  if (fits < bytes) tellCut = true;
  // Nothing tells of memory that is not there.
  if (!tellHead(program, level, type, fits)) return;
  if (copyTo(program.space, tellAt + (CONTROL_HEAD as u64), from, fits)) endControl(fits);
}
