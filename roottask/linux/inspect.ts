// Who may look into whom: the access mode checks of ptrace(2), for calls that read what another process has.

import { CAP_SYS_PTRACE, Credentials, hasCapability } from "../libroottask/credentials";
import { meantId } from "../libroottask/pid_numbers";
import { sees, Thread } from "../libroottask/program";
import { threadOrRemains } from "../libroottask/remains";
import { linuxProgram } from "./state";

/** The thread that the calling one, `thread`, calls `id`, or what is left of it (remains.ts), or null. */
export function visibleThread(thread: Thread, id: u32): Thread | null {
  const other = threadOrRemains(meantId(id));
  return other !== null && sees(thread.program, other.program) ? other : null;
}

/** All ids of `its` are the real ones of `own`. */
export function isOneUser(own: Credentials, its: Credentials): bool {
  const user =
    own.user === its.user && own.user === its.effectiveUser && own.user === its.savedUser;
  return (
    user &&
    own.group === its.group &&
    own.group === its.effectiveGroup &&
    own.group === its.savedGroup
  );
}

/** `thread` may look into `other` (PTRACE_MODE_READ_REALCREDS): its own process, its own user's that lets it and can do no more, or all with CAP_SYS_PTRACE. */
export function mayInspect(thread: Thread, other: Thread): bool {
  if (thread.program === other.program) return true;
  const own = thread.credentials;
  const its = other.credentials;
  // Where no memory is left, nothing says that it must not be looked at.
  const dumpable = other.program.ended !== 0 || linuxProgram(other.program).dumpable === 1;
  const open = dumpable && (its.permitted & ~own.permitted) === 0;
  return (isOneUser(own, its) && open) || hasCapability(own, CAP_SYS_PTRACE);
}
