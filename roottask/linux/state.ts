// What the Linux personality keeps beyond the records of libroottask: per program what its threads share (attributes,
// limits), per thread what each has (signal mask, alternate stack, bases, name).

import { dropCredentials, keepCredentials } from "../libroottask/credentials";
import { allocate } from "../libroottask/heap";
import { Program, THREAD_PERSONALITY_BYTES, Thread } from "../libroottask/program";

export const SIGNALS: u32 = 64;
/** Of core dumps at first: what is anonymous, heads of ELF files, and private huge pages (MMF_DUMP_FILTER_DEFAULT). */
const DUMP_USUAL: u32 = 0x33;
/** One bit per entry of the system call table. */
export const MISSING_BYTES: u32 = 64;
/** Resource limits, and struct rlimit64. */
export const RLIMITS: u32 = 16;
export const RLIMIT_BYTES: u32 = 16;
/** TASK_COMM_LEN: name of a thread with its NUL. */
export const NAME_BYTES: u32 = 16;

/** Followed by a bit per system call asked for in vain, and the limits. */
@unmanaged
export class LinuxProgram {
  /** PR_SET_DUMPABLE of prctl(2). */
  dumpable: u32;
  /** It inherits orphans of its descendants: PR_SET_CHILD_SUBREAPER. */
  subreaper: u32;
  /** PR_SET_THP_DISABLE. */
  smallPages: u32;
  /** What of its memory core dumps have: MMF_DUMP_… of core_dump.ts. */
  dumpFilter: u32;
  /** Id of the thread that it is a child of (makers.ts). */
  maker: u32;
  /** What it undoes of semaphores at its end (linux/ipc/undo.ts), 0 for nothing. */
  undos: usize;
  /** Its keyring (linux/keys/rings.ts), 0 for none. */
  processKeys: usize;
}

@unmanaged
export class LinuxThread {
  /** Bases set by arch_prctl. */
  fsBase: u64;
  gsBase: u64;
  /** Signals blocked and signals raised while blocked; bit n - 1 is signal n. */
  mask: u64;
  pending: u64;
  /** Blocked or not, these are waited for: rt_sigtimedwait(2). */
  awaited: u64;
  /** When a sleep that was interrupted and begins again ends, as monotonic nanoseconds; 0 for none. */
  sleepEnd: u64;
  /** sigaltstack(2): SS_… as they were set last, also where there is no stack. */
  stackBase: u64;
  stackSize: u64;
  stackFlags: u32;
  /** The call restored registers itself: RAX is not a result. */
  returning: u32;
  /** The mask is for a wait alone, and what it was before. */
  suspended: u32;
  /** Its user had too many processes when it became that user's: execve(2) looks again (process_limit.ts). */
  crowded: u32;
  /** A signal has interrupted the call of this number, less 1, and what restart.ts notes beside it; 0 for none. */
  interrupted: u32;
  /** The call that restart_syscall(2) goes on with, 0 for none. */
  restarts: u32;
  resumeMask: u64;
  /** PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS of prctl(2). */
  parentDeath: u32;
  noNewPrivileges: u32;
  /** seccomp(2): MODE_… of seccomp/calls.ts, how many filters it has got, and the newest one (seccomp/filters.ts), 0 for none. */
  seccomp: u32;
  filterCount: u32;
  filter: usize;
  /** PR_SET_TIMERSLACK, and what it is by default: nanoseconds. */
  timerSlack: u64;
  usualSlack: u64;
  /** personality(2). */
  personality: u32;
  /** sched(7): SCHED_…, static priority, nice value, and whether children begin without. */
  policy: u32;
  priority: u32;
  nice: i32;
  resetOnFork: u32;
  /** ioprio_set(2). */
  ioPriority: u32;
  /** set_robust_list(2): address of the head, 0 for none. */
  robustList: u64;
  /** Where it waits for semaphores or messages of System V (linux/ipc/sleepers.ts), 0 for nowhere. */
  sleeper: usize;
  /** Locks with priority inheritance: the one it waits for, and the one it will wait for (requeue_pi.ts); 0 for none. */
  lockAddress: u64;
  requeueAddress: u64;
  /** Keyrings of the thread and of its session, 0 for none, and where keys go that it asks for (linux/keys/rings.ts). */
  threadKeys: usize;
  sessionKeys: usize;
  requestKeys: u32;
  /** Where it is in namespaces of host names and of IPC (namespaces/records.ts), 0 for its line's first. */
  hostNamespace: usize;
  ipcNamespace: usize;
  /** The same of the PID namespace that its children begin in (namespaces/pid.ts). */
  childrenPids: usize;
  /** The same of the time namespace that they begin in (namespaces/time.ts). */
  childrenTimes: usize;
  /** set_tid_address(2). */
  clearTid: u64;
  /** The call that it is in, as tracers see it and may change it (orig_rax), -1 in none; how it ends alone, as wait4(2) has it. */
  call: u64;
  exitStatus: u32;
  /** Who traces it, and the stop that it stands in (ptrace/tracee.ts), 0 for none. */
  tracee: usize;
  halt: usize;
  /** A signal waits until it is out of the code around handlers. */
  deferred: u32;
  /** The last exception that became a signal: vector, error code and, of a page fault, address. */
  trap: u64;
  trapError: u64;
  faultAddress: u64;
  /** Name of the thread, NAME_BYTES bytes, set by prctl(PR_SET_NAME). */
  name0: u64;
  name1: u64;
}

if (offsetof<LinuxThread>() > THREAD_PERSONALITY_BYTES) ERROR("THREAD_PERSONALITY_BYTES");

const MISSING: usize = 40;
const LIMITS: usize = MISSING + (MISSING_BYTES as usize);
const PROGRAM_BYTES: u32 = (LIMITS as u32) + RLIMITS * RLIMIT_BYTES;
if (offsetof<LinuxProgram>() > MISSING) ERROR("MISSING");

export function linuxProgram(program: Program): LinuxProgram {
  return changetype<LinuxProgram>(program.personality);
}

export function linuxThread(thread: Thread): LinuxThread {
  return changetype<LinuxThread>(thread.personality);
}

/** The bits of missing calls. */
export function missingOf(program: Program): usize {
  return program.personality + MISSING;
}

/** The limit of `resource` (below RLIMITS): soft, then hard. */
export function limitOf(program: Program, resource: u32): usize {
  return program.personality + LIMITS + resource * RLIMIT_BYTES;
}

/** What `program` may have of `resource` now. */
export function softLimit(program: Program, resource: u32): u64 {
  return load<u64>(limitOf(program, resource));
}

/** Gives a new program what the personality needs. False when memory is out. */
export function addLinuxProgram(program: Program): bool {
  const storage = allocate(PROGRAM_BYTES);
  if (storage === 0) return false;
  program.personality = storage;
  program.personalityBytes = PROGRAM_BYTES;
  linuxProgram(program).dumpable = 1;
  linuxProgram(program).dumpFilter = DUMP_USUAL;
  return true;
}

/** Gives the child of `parent` what it inherits. False when memory is out. */
export function inheritProgram(program: Program, parent: Program): bool {
  if (!addLinuxProgram(program)) return false;
  memory.copy(program.personality, parent.personality, PROGRAM_BYTES);
  memory.fill(missingOf(program), 0, MISSING_BYTES);
  linuxProgram(program).subreaper = 0;
  linuxProgram(program).undos = 0;
  linuxProgram(program).processKeys = 0;
  return true;
}

/** Calls that `program` has missed count as missed by `other`, too. */
export function passMissing(program: Program, other: Program): void {
  for (let at: u32 = 0; at < MISSING_BYTES; at += 8) {
    const place = missingOf(other) + at;
    store<u64>(place, load<u64>(place) | load<u64>(missingOf(program) + at));
  }
}

/** There is no alternate stack. */
export const SS_DISABLE: u32 = 2;

/** What PR_SET_TIMERSLACK is at first, nanoseconds. */
const TIMER_SLACK: u64 = 50_000;
/** SCHED_FIFO and SCHED_RR: 1 and 2. */
const SCHED_RR: u32 = 2;

/** Gives the first thread of a program of the start file what nobody has told it. */
export function initThread(thread: Thread): void {
  const own = linuxThread(thread);
  own.timerSlack = TIMER_SLACK;
  own.usualSlack = TIMER_SLACK;
  own.stackFlags = SS_DISABLE;
}

/** A child of one that wants it so begins without real time, and no nicer to itself than others. */
function inheritScheduling(own: LinuxThread, from: LinuxThread): void {
  own.policy = from.policy;
  own.priority = from.priority;
  own.nice = from.nice;
  own.ioPriority = from.ioPriority;
  if (from.resetOnFork === 0) return;
  if (from.policy !== 0 && from.policy <= SCHED_RR) {
    own.policy = 0;
    own.priority = 0;
    own.nice = 0;
  } else if (own.nice < 0) {
    own.nice = 0;
  }
}

/** Gives a new thread what it inherits from the one that made it, the alternate stack where it `keepsStack`. */
export function inheritThread(thread: Thread, parent: Thread, keepsStack: bool): void {
  const own = linuxThread(thread);
  const from = linuxThread(parent);
  own.mask = from.mask;
  own.noNewPrivileges = from.noNewPrivileges;
  own.timerSlack = from.timerSlack;
  own.usualSlack = from.timerSlack;
  own.personality = from.personality;
  inheritScheduling(own, from);
  dropCredentials(thread.credentials);
  thread.credentials = keepCredentials(parent.credentials);
  own.fsBase = from.fsBase;
  own.gsBase = from.gsBase;
  own.crowded = from.crowded;
  own.sessionKeys = from.sessionKeys;
  own.requestKeys = from.requestKeys;
  own.name0 = from.name0;
  own.name1 = from.name1;
  own.stackFlags = SS_DISABLE;
  if (!keepsStack) return;
  own.stackBase = from.stackBase;
  own.stackSize = from.stackSize;
  own.stackFlags = from.stackFlags;
}
