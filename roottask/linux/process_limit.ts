// Whether there may be another thread: ids, and RLIMIT_NPROC of setrlimit(2), all processes of a user together. Who is over
// it is told by clone(2), and by execve(2) where becoming that user has led to it.

import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE, capable } from "../libroottask/credentials";
import { firstProgram, hasFreeId, Thread } from "../libroottask/program";
import { RLIM_INFINITY, RLIMIT_NPROC } from "./limit_numbers";
import { linuxThread, softLimit } from "./state";

function threadsOf(user: u32): u64 {
  let count: u64 = 0;
  let program = firstProgram();
  while (program !== null) {
    let thread = program.threads;
    while (thread !== null) {
      if (thread.credentials.user === user) count++;
      thread = thread.next;
    }
    program = program.next;
  }
  return count;
}

/** `user` has more threads than `thread` lets it have. */
function exceeds(thread: Thread, user: u32): bool {
  const limit = softLimit(thread.program, RLIMIT_NPROC);
  return limit !== RLIM_INFINITY && threadsOf(user) > limit;
}

/** The user of `thread`, the calling one, may have another thread, and there is an id for it. */
export function mayHaveThread(thread: Thread): bool {
  if (!hasFreeId()) return false;
  const limit = softLimit(thread.program, RLIMIT_NPROC);
  const user = thread.credentials.user;
  if (limit === RLIM_INFINITY || user === 0) return true;
  if (capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN)) return true;
  return threadsOf(user) < limit;
}

/** The real user of `thread` is about to be `user`: setuid(2) does not fail for it, but execve(2) may (kernel/sys.c). */
export function noteUser(thread: Thread, user: u32): void {
  if (user === thread.credentials.user) return;
  linuxThread(thread).crowded = user !== 0 && exceeds(thread, user) ? 1 : 0;
}

/** `thread` may execute a program; those who have too many processes no more are not asked again. */
export function mayExecuteMore(thread: Thread): bool {
  const own = linuxThread(thread);
  if (own.crowded !== 0 && exceeds(thread, thread.credentials.user)) return false;
  own.crowded = 0;
  return true;
}
