// How many signals are queued for each user: RLIMIT_SIGPENDING of setrlimit(2) limits those of a process by what all
// processes of its real user have, records of timers among them (__sigqueue_alloc() in kernel/signal.c).

import { create, destroy } from "../libroottask/heap";

@unmanaged
class UserSignals {
  next: UserSignals | null;
  user: u32;
  count: u32;
}

/** Lists of users by the lowest bits of their number. */
const LISTS: u32 = 64;
const lists = memory.data(64 * 4);

function listOf(user: u32): usize {
  return lists + (user & (LISTS - 1)) * 4;
}

function find(user: u32): UserSignals | null {
  let at = changetype<UserSignals | null>(load<usize>(listOf(user)));
  while (at !== null && at.user !== user) at = at.next;
  return at;
}

/** Signals that are queued for `user`. */
export function queuedOf(user: u32): u32 {
  const found = find(user);
  return found === null ? 0 : found.count;
}

/** One more is queued for `user`. False when memory is out. */
export function addQueued(user: u32): bool {
  let found = find(user);
  if (found === null) {
    found = create<UserSignals>();
    if (found === null) return false;
    const list = listOf(user);
    found.user = user;
    found.next = changetype<UserSignals | null>(load<usize>(list));
    store<usize>(list, changetype<usize>(found));
  }
  found.count++;
  return true;
}

/** One less is queued for `user`, for whom there was one. */
export function dropQueued(user: u32): void {
  const found = find(user) as UserSignals;
  found.count--;
  if (found.count !== 0) return;
  const list = listOf(user);
  let previous: UserSignals | null = null;
  let at = changetype<UserSignals>(load<usize>(list));
  while (at !== found) {
    previous = at;
    at = at.next as UserSignals;
  }
  if (previous === null) store<usize>(list, changetype<usize>(found.next));
  else previous.next = found.next;
  destroy<UserSignals>(found);
}
