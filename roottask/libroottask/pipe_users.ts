// How much the pipes of each user could hold, and the limits of that: /proc/sys/fs/pipe-max-size, pipe-user-pages-soft and
// pipe-user-pages-hard (pipe(7)).

import { PAGE_SIZE } from "../libhedron/abi";
import { actor, CAP_SYS_ADMIN, CAP_SYS_RESOURCE, capable } from "./credentials";
import { create, destroy } from "./heap";

/** Values that Linux begins with: bytes; buffers, of which 0 is any number. */
const MAX_SIZE: u32 = 1 << 20;
const SOFT: u64 = 16384;

@unmanaged
export class PipeUser {
  next: PipeUser | null;
  user: u32;
  /** Buffers of all the user's pipes, and the pipes there are. */
  slots: u64;
  pipes: u32;
}

let users: PipeUser | null = null;
const limits = memory.data(24);

/** Where the limits are: the largest size without CAP_SYS_RESOURCE in bytes (u32), */
export function pipeMaxSize(): usize {
  return limits;
}

/** buffers of a user from which on new pipes are small (u64), */
export function pipeUserSoft(): usize {
  return limits + 8;
}

/** and from which on there are no more (u64). */
export function pipeUserHard(): usize {
  return limits + 16;
}

/** Must be called before a pipe is made. */
export function initPipeUsers(): void {
  users = null;
  store<u32>(pipeMaxSize(), MAX_SIZE);
  store<u64>(pipeUserSoft(), SOFT);
  store<u64>(pipeUserHard(), 0);
}

/** The record of the calling thread's user, with a pipe more; null when memory is out. */
export function enterPipeUser(): PipeUser | null {
  let record = users;
  while (record !== null && record.user !== actor.user) record = record.next;
  if (record === null) {
    record = create<PipeUser>();
    if (record === null) return null;
    record.user = actor.user;
    record.next = users;
    users = record;
  }
  record.pipes++;
  return record;
}

/** A pipe of that user has gone, with its buffers. */
export function leavePipeUser(record: PipeUser): void {
  if (--record.pipes !== 0) return;
  if (users === record) {
    users = record.next;
  } else {
    let before = users;
    while (before !== null && before.next !== record) before = before.next;
    if (before !== null) before.next = record.next;
  }
  destroy<PipeUser>(record);
}

/** The calling thread may give a pipe `slots` buffers. */
export function maySize(slots: u32): bool {
  const bytes = (slots as u64) * (PAGE_SIZE as u64);
  return bytes <= (load<u32>(pipeMaxSize()) as u64) || capable(CAP_SYS_RESOURCE);
}

function exceeds(record: PipeUser, more: i64, limit: usize): bool {
  const most = load<u64>(limit);
  if (most === 0 || record.slots + (more as u64) <= most) return false;
  return !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN);
}

/** With `more` buffers the user has so many that new pipes are small. */
export function isMuch(record: PipeUser, more: i64): bool {
  return exceeds(record, more, pipeUserSoft());
}

/** With `more` buffers the user has too many. */
export function isTooMuch(record: PipeUser, more: i64): bool {
  return exceeds(record, more, pipeUserHard());
}
