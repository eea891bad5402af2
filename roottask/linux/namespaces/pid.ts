// PID namespaces of processes (pid_namespaces(7), kernel/pid_namespace.c): who is in which, numbers for threads that begin, and the
// end of one, which is that of its first process. Left out: mounts of /proc show the ids of the line, whoever makes them.

import { killProgram } from "../../libroottask/domain";
import { EAGAIN, EEXIST, EINVAL, ENOMEM, ENOSPC } from "../../libroottask/errno";
import {
  destroyPidNamespace,
  newPidNamespace,
  numberIn,
  PID_LEVELS,
  PidNamespace,
} from "../../libroottask/pid_namespace";
import {
  giveNumber,
  NUMBER_MEMORY,
  NUMBER_TAKEN,
  NUMBERS_OUT,
} from "../../libroottask/pid_numbers";
import { firstProgram, Program, SIGKILL, Thread } from "../../libroottask/program";
import { linuxThread } from "../state";
import { dropNamespace, keepNamespace, newOwnNamespace, OwnNamespace } from "./records";

/** The first process of a namespace. */
const FIRST: u32 = 1;

/** The PID namespace whose record is at `record`, null for a line's. */
export function pidNamespaceAt(record: usize): PidNamespace | null {
  if (record === 0) return null;
  return changetype<PidNamespace>(changetype<OwnNamespace>(record).contents);
}

/** Where what counts the users of `namespace` is, 0 for a line's. */
export function recordOfPids(namespace: PidNamespace | null): usize {
  return namespace === null ? 0 : namespace.record;
}

function free(contents: usize): void {
  const namespace = changetype<PidNamespace>(contents);
  const parent = recordOfPids(namespace.parent);
  destroyPidNamespace(namespace);
  dropNamespace(parent);
}

/** Result of `newPids`: the record, with one user. */
export let madePids: usize = 0;

/** Makes a namespace in the one whose record is at `parent`. Returns 0, with it in `madePids`, or a negative error. */
export function newPids(parent: usize): i64 {
  const above = pidNamespaceAt(parent);
  if (above !== null && above.level === PID_LEVELS) return -ENOSPC;
  const namespace = newPidNamespace(above);
  if (namespace === null) return -ENOMEM;
  const record = newOwnNamespace(changetype<usize>(namespace), free);
  if (record === null) {
    destroyPidNamespace(namespace);
    return -ENOMEM;
  }
  keepNamespace(parent);
  namespace.record = changetype<usize>(record);
  madePids = namespace.record;
  return 0;
}

/** Children of `thread` begin in the namespace whose record is at `record` from now on. */
export function enterPids(thread: Thread, record: usize): void {
  const own = linuxThread(thread);
  const old = own.childrenPids;
  own.childrenPids = keepNamespace(record);
  dropNamespace(old);
}

/** Children of `thread` begin elsewhere than it did. */
export function hasOtherPids(thread: Thread): bool {
  return linuxThread(thread).childrenPids !== recordOfPids(thread.program.pidNamespace);
}

/** `program`, which is new, is in the namespace whose record is at `record`. */
export function joinPids(program: Program, record: usize): void {
  program.pidNamespace = pidNamespaceAt(keepNamespace(record));
}

/** The record of `program` is about to go. */
export function leavePids(program: Program): void {
  if (program.closing !== 0) closing--;
  const namespace = program.pidNamespace;
  if (namespace === null) return;
  if (namespace.init === changetype<usize>(program)) {
    namespace.init = 0;
    namespace.dead = 1;
  }
  program.pidNamespace = null;
  dropNamespace(namespace.record);
}

/**
 * Gives `thread`, whose program is where it stays, a number in each of its namespaces, innermost first: one of the `count` at
 * `wanted`, as far as there are some. Returns 0 or a negative error (alloc_pid() of kernel/pid.c).
 */
export function numberThread(thread: Thread, wanted: usize, count: u32): i64 {
  const program = thread.program;
  let level: u32 = 0;
  let namespace = program.pidNamespace;
  while (namespace !== null) {
    const number = level < count ? load<u32>(wanted + level * 4) : 0;
    if (namespace.init === 0 && number > FIRST) return -EINVAL;
    const given = giveNumber(namespace, thread.id, number);
    if (given === NUMBER_TAKEN) return -EEXIST;
    if (given === NUMBERS_OUT) return -EAGAIN;
    if (given === NUMBER_MEMORY || namespace.dead !== 0) return -ENOMEM;
    level++;
    namespace = namespace.parent;
  }
  const own = program.pidNamespace;
  if (own !== null && own.init === 0) {
    own.init = changetype<usize>(program);
    program.unkillable = 1;
  }
  return 0;
}

/** How many processes wait until others in their namespaces have gone. */
let closing: u32 = 0;

/** A process beside `first` is in `namespace` or below it. */
function hasMembers(namespace: PidNamespace, first: Program): bool {
  let program = firstProgram();
  while (program !== null) {
    if (program !== first && numberIn(namespace, program.id) !== 0) return true;
    program = program.next;
  }
  return false;
}

/** What is left of a child has nobody who would wait for it. */
type Reap = (program: Program) => void;

/**
 * No thread of `program` is left: where it is the first of a namespace, all there end, and it has not ended before they have gone
 * (zap_pid_ns_processes()). Children that have ended are given to `reap`. True where there are some.
 */
export function closePids(program: Program, reap: Reap): bool {
  const namespace = program.pidNamespace;
  if (namespace === null || namespace.init !== changetype<usize>(program)) return false;
  namespace.dead = 1;
  let other = firstProgram();
  while (other !== null) {
    const next: Program | null = other.next;
    if (other !== program && numberIn(namespace, other.id) !== 0) {
      if (other.ended === 0) killProgram(other, SIGKILL);
      else if (other.parent === program) reap(other);
    }
    other = next;
  }
  if (!hasMembers(namespace, program)) return false;
  program.closing = 1;
  closing++;
  return true;
}

/** A process that waits for others in its namespace to go, which have; null where there is none. */
export function closedPids(): Program | null {
  if (closing === 0) return null;
  let program = firstProgram();
  while (program !== null) {
    const namespace = program.pidNamespace;
    if (program.closing !== 0 && namespace !== null && !hasMembers(namespace, program)) {
      program.closing = 0;
      closing--;
      return program;
    }
    program = program.next;
  }
  return null;
}

/** Must be called before a program is started. */
export function initPids(): void {
  closing = 0;
}
