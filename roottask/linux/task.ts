// What the Linux personality keeps per program beyond the process itself.

import { create } from "../libroottask/heap";
import { Process } from "../libroottask/process";

export const SIGNALS: u32 = 64;

@unmanaged
export class Task {
  /** Bases set by arch_prctl. */
  fsBase: u64;
  gsBase: u64;
  /** Signals blocked and signals raised while blocked; bit n - 1 is signal n. */
  mask: u64;
  pending: u64;
  /** sigaltstack(2). */
  stackBase: u64;
  stackSize: u64;
  stackFlags: u32;
  /** umask(2). */
  umask: u32;
  clearTid: u64;
  /** The call restored registers itself: RAX is not a result. */
  returning: u32;
  reserved: u32;
  /** Name of the thread, 16 bytes, set by prctl(PR_SET_NAME). */
  name0: u64;
  name1: u64;
  /** Actions of the 64 signals: handler, flags, restorer, mask, as struct kernel_sigaction. */
  actions: usize;
  /** One bit per system call that has been reported missing. */
  missing: u64;
  missing1: u64;
  missing2: u64;
  missing3: u64;
  missing4: u64;
  missing5: u64;
  missing6: u64;
  missing7: u64;
}

/** The record of a Linux program. */
export function taskOf(process: Process): Task {
  return changetype<Task>(process.personality);
}

/** The record of a further thread: it shares the actions and inherits the mask. */
export function taskForThread(parent: Task): Task | null {
  const task = create<Task>();
  if (task === null) return null;
  task.actions = parent.actions;
  task.mask = parent.mask;
  task.umask = parent.umask;
  task.fsBase = parent.fsBase;
  task.gsBase = parent.gsBase;
  return task;
}

/** A record for a new program, or null when memory is out. */
export function newTask(actions: usize): Task | null {
  const task = create<Task>();
  if (task === null || actions === 0) return null;
  task.umask = 0o22;
  task.actions = actions;
  return task;
}
