// Whether there may be another thread: RLIMIT_NPROC of setrlimit(2), all processes of a user together, and ids.

import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE, capable } from "../libroottask/credentials";
import { firstProgram, hasFreeId, Thread } from "../libroottask/program";
import { RLIM_INFINITY, RLIMIT_NPROC } from "./limit_numbers";
import { softLimit } from "./state";

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

/** The user of `thread`, the calling one, may have another thread, and there is an id for it. */
export function mayHaveThread(thread: Thread): bool {
  if (!hasFreeId()) return false;
  const limit = softLimit(thread.program, RLIMIT_NPROC);
  const user = thread.credentials.user;
  if (limit === RLIM_INFINITY || user === 0) return true;
  if (capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN)) return true;
  return threadsOf(user) < limit;
}
