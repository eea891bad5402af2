// The thread that a process is a child of: the one that made it, and when that ends another of its process, as the kernel
// has it (forget_original_parent() in kernel/exit.c). At each such end threads of the child get the signal that they asked
// for (PR_SET_PDEATHSIG of prctl(2)).

import { seenBy } from "../libroottask/pid_numbers";
import { firstProgram, Program, Thread } from "../libroottask/program";
import { INFO_PID, INFO_UID, SI_USER, signalInfo } from "./signal_queue";
import { fillInfo, raise } from "./signals";
import { linuxProgram, linuxThread } from "./state";

/** Id of the thread of `program` that has children of others: its first one but `except`, 0 where there is none. */
function adopter(program: Program, except: Thread | null): u32 {
  let found: u32 = 0;
  // The list is newest first.
  let thread = program.threads;
  while (thread !== null) {
    if (thread !== except) found = thread.id;
    thread = thread.next;
  }
  return found;
}

/** `child` is a child of some thread of `heir` from now on. */
export function adopt(heir: Program, child: Program): void {
  if (child.personality !== 0) linuxProgram(child).maker = adopter(heir, null);
}

/** The thread of `program` that had the id `from` has `to`. */
export function renameMaker(program: Program, from: u32, to: u32): void {
  let child = firstProgram();
  while (child !== null) {
    if (child.parent === program && child.personality !== 0) {
      const own = linuxProgram(child);
      if (own.maker === from) own.maker = to;
    }
    child = child.next;
  }
}

/** Tells each thread of `child` that wants to know that `thread`, its parent, has ended. */
function tell(child: Program, thread: Thread): void {
  let told = child.threads;
  while (told !== null) {
    const signal = linuxThread(told).parentDeath;
    if (signal !== 0) {
      fillInfo(signal, SI_USER);
      store<u32>(signalInfo + INFO_PID, seenBy(child, thread.program.id));
      store<u32>(signalInfo + INFO_UID, thread.credentials.user);
      raise(null, child, null, signal);
    }
    told = told.next;
  }
}

/** `thread` ends: its children get the signals that they asked for, and are another thread's. */
export function leaveChildren(thread: Thread): void {
  const parent = thread.program;
  const next = adopter(parent, thread);
  let child = firstProgram();
  while (child !== null) {
    if (child.parent === parent && child.personality !== 0) {
      const own = linuxProgram(child);
      if (own.maker === thread.id) {
        if (next !== 0) own.maker = next;
        tell(child, thread);
      }
    }
    child = child.next;
  }
}
