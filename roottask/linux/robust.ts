// The end of a thread as its memory sees it: robust futexes (get_robust_list(2), "A description of what robust futexes
// are" of the kernel's documentation), locks with priority inheritance that it had, and children that want to know.

import { Utcb } from "../libhedron/utcb";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { seenBy } from "../libroottask/pid_numbers";
import { Thread } from "../libroottask/program";
import { isRemains } from "../libroottask/remains";
import { exchange32, get32, get64, got, put32, put64 } from "../libroottask/space";
import { wake } from "../libroottask/wait_queue";
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from "./futex_operations";
import { findFutex, futexChannel, futexKey } from "./futex_place";
import { mayInspect, visibleThread } from "./inspect";
import { leaveIpc } from "./ipc/lifetime";
import { leaveKeys } from "./keys/rings";
import { returnMemory } from "./lend";
import { leaveChildren } from "./makers";
import { leaveNamespaces } from "./namespaces/threads";
import { leaveLocks } from "./pi_futex";
import { dropFilters } from "./seccomp/filters";
import { linuxThread } from "./state";

/** struct robust_list_head: first entry, distance from an entry to its futex, the entry of a call under way. */
const HEAD_BYTES: u64 = 24;
const HEAD_OFFSET: u64 = 8;
const HEAD_PENDING: u64 = 16;
/** Entries of a list that are looked at (ROBUST_LIST_LIMIT): it may be a circle. */
const ENTRIES_MAX: u32 = 2048;
/** Lowest bit of an entry: the futex has priority inheritance. */
const INHERITS: u64 = 1;

/** Error numbers are this at most (MAX_ERRNO). */
const ERRORS_MAX: i64 = 4095;

/** set_robust_list(head, size). */
export function sysSetRobustList(thread: Thread, regs: Utcb): i64 {
  if (regs.rsi !== HEAD_BYTES) return -EINVAL;
  linuxThread(thread).robustList = regs.rdi;
  return 0;
}

/** get_robust_list(tid, head, size). */
export function sysGetRobustList(thread: Thread, regs: Utcb): i64 {
  const id = regs.rdi as i32;
  const target = id === 0 ? thread : visibleThread(thread, id as u32);
  if (target === null) return -ESRCH;
  if (!mayInspect(thread, target)) return -EPERM;
  const space = thread.program.space;
  // A head among the addresses that are error numbers is told as one, as Linux's pointers are.
  const head = linuxThread(target).robustList as i64;
  if (head < 0 && head >= -ERRORS_MAX) return head;
  if (!put64(space, regs.rdx, HEAD_BYTES)) return -EFAULT;
  const list = isRemains(target) ? 0 : linuxThread(target).robustList;
  return put64(space, regs.rsi, list) ? 0 : -EFAULT;
}

function wakeFirst(thread: Thread, address: u64): void {
  findFutex(thread.program.space, address, false);
  wake(futexChannel, futexKey, 1);
}

/** The owner of the futex at `address` dies. False where the list makes no sense from here on. */
function markDead(thread: Thread, address: u64, inherits: bool, pending: bool): bool {
  const space = thread.program.space;
  if ((address & 3) !== 0 || !get32(space, address)) return false;
  let value: u32 = 0;
  let done: i32 = 0;
  while (done === 0) {
    value = got as u32;
    // A wake-up that was under way when the lock had been given up already.
    if (pending && !inherits && value === 0) {
      wakeFirst(thread, address);
      return true;
    }
    if ((value & FUTEX_TID_MASK) !== seenBy(thread.program, thread.id)) return true;
    done = exchange32(space, address, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
  }
  if (done < 0) return false;
  if (!inherits && (value & FUTEX_WAITERS) !== 0) wakeFirst(thread, address);
  return true;
}

/** Marks the futexes of the robust list of `thread`. */
function walkList(thread: Thread): void {
  const space = thread.program.space;
  const head = linuxThread(thread).robustList;
  linuxThread(thread).robustList = 0;
  if (head === 0 || !get64(space, head)) return;
  let entry = got;
  if (!get64(space, head + HEAD_OFFSET)) return;
  const offset = got;
  if (!get64(space, head + HEAD_PENDING)) return;
  const pending = got;
  for (let i: u32 = 0; i < ENTRIES_MAX; i++) {
    const at = entry & ~INHERITS;
    if (at === head) break;
    const known = get64(space, at);
    const next = got;
    // The one of the call under way comes last, once.
    if (at !== (pending & ~INHERITS)) {
      if (!markDead(thread, at + offset, (entry & INHERITS) !== 0, false)) return;
    }
    if (!known) return;
    entry = next;
  }
  const last = pending & ~INHERITS;
  if (last !== 0) markDead(thread, last + offset, (pending & INHERITS) !== 0, true);
}

/** Tells who waits for the end of `thread` where it wants that (set_tid_address(2)) and others are there to see it. */
function clearTid(thread: Thread): void {
  const own = linuxThread(thread);
  const address = own.clearTid;
  own.clearTid = 0;
  if (address === 0) return;
  const space = thread.program.space;
  const seen = thread.program.alive > 1 || space.users > 1;
  if (seen && put32(space, address, 0)) wakeFirst(thread, address);
}

/** `thread` leaves the memory that it shares with others: it ends, or executes another program. */
export function leaveMemory(thread: Thread): void {
  walkList(thread);
  leaveLocks(thread);
  clearTid(thread);
  returnMemory(thread);
}

/** `thread` is about to end. */
export function threadEnded(thread: Thread): void {
  if (thread.program.personality === 0) return;
  leaveIpc(thread);
  leaveKeys(thread);
  leaveNamespaces(thread);
  dropFilters(thread);
  leaveMemory(thread);
  leaveChildren(thread);
}
