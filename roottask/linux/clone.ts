// New processes and threads: clone(2), clone3(2), fork(2), vfork(2), with the rules of copy_process() (kernel/fork.c). A
// process has the pages of its parent until one of them writes, or runs in its memory (fork.ts). Left out: namespaces but those
// of mounts, host names, IPC, ids and times.

import { Utcb } from "../libhedron/utcb";
import { SPACE_END } from "../libroottask/areas";
import { CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN, capable } from "../libroottask/credentials";
import { closeFile, mayCopyFiles } from "../libroottask/descriptors";
import { newChild, passFileState, reapProgram } from "../libroottask/domain";
import {
  E2BIG,
  EAGAIN,
  EBADF,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  EMFILE,
  ENOMEM,
  EPERM,
} from "../libroottask/errno";
import { ownNamespace } from "../libroottask/namespaces";
import { seenId } from "../libroottask/pid_numbers";
import { isId, Program, REGISTERS_BYTES, Thread, takeChosenId } from "../libroottask/program";
import { separateFiles } from "../libroottask/shared_files";
import { get32, got, put32 } from "../libroottask/space";
import { newThread, releaseThread, startThread } from "../libroottask/thread";
import { finishClosed } from "./children";
import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_CLEAR_SIGHAND,
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_INTO_CGROUP,
  CLONE_LEGACY_FLAGS,
  CLONE_NEWIPC,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
  NAMESPACES,
} from "./clone_flags";
import { watchCpuLimit } from "./cpu_limit";
import { copyExtensible } from "./extensible_structure";
import { startChild } from "./fork";
import { shareUndos } from "./ipc/undo";
import { inheritKeys, leaveKeys } from "./keys/rings";
import { awaitMemory, beginLending } from "./lend";
import { hasOtherPids, joinPids, numberThread } from "./namespaces/pid";
import {
  inheritNamespaces,
  leaveNamespaces,
  OWN_NAMESPACES,
  ownNamespaces,
} from "./namespaces/threads";
import { joinTimes } from "./namespaces/time";
import { giveProcessFile } from "./pidfd";
import { mayHaveThread } from "./process_limit";
import { EVENT_VFORK_DONE } from "./ptrace/numbers";
import { traceMade } from "./ptrace/stops";
import { eventOf, traceNew, untrace } from "./ptrace/tracing";
import { dropFilters, inheritFilters } from "./seccomp/filters";
import { passActions, resetActions } from "./signal_actions";
import { SIGCHLD } from "./signal_numbers";
import { processSignals } from "./signal_queue";
import { signalPending } from "./signals";
import { inheritProgram, inheritThread, linuxProgram, linuxThread, SIGNALS } from "./state";

/** struct clone_args. */
@unmanaged
class CloneArguments {
  flags: u64;
  pidfd: u64;
  childTid: u64;
  parentTid: u64;
  exitSignal: u64;
  /** The lowest byte of the stack; behind its last one, or 0, where the arguments have been read. */
  stack: u64;
  stackSize: u64;
  tls: u64;
  setTid: u64;
  setTidSize: u64;
  cgroup: u64;
}

/** Bytes of the structure as it was first (CLONE_ARGS_SIZE_VER0), and with a cgroup (VER2). */
const FIRST_BYTES: u64 = 64;
const ARGUMENTS_BYTES: u32 = offsetof<CloneArguments>() as u32;
const PAGE: u64 = 4096;
const INT_MAX: u64 = 0x7fff_ffff;
/** Levels of PID namespaces that a list of ids may be for (MAX_PID_NS_LEVEL). */
const LEVELS_MAX: u64 = 32;

if (ARGUMENTS_BYTES !== 88) ERROR("struct clone_args");

/** What the call under way asks for; waits come when nobody looks at it any more. */
const storage = memory.data(96);
/** The numbers that it asks for where it has a list of them, innermost first. */
const chosen = memory.data(32 * 4);

function cleared(): CloneArguments {
  memory.fill(storage, 0, ARGUMENTS_BYTES);
  return changetype<CloneArguments>(storage);
}

/** `flags` has all or none of two flags of which the first needs the second. */
function lacks(flags: u64, first: u64, second: u64): bool {
  return (flags & first) !== 0 && (flags & second) === 0;
}

function both(flags: u64, first: u64, second: u64): bool {
  return (flags & first) !== 0 && (flags & second) !== 0;
}

/** What flags go together: 0, -EINVAL, or -EPERM where namespaces are asked for by one who may not have them. */
function checkFlags(parent: Thread, flags: u64): i64 {
  if (both(flags, CLONE_NEWNS | CLONE_NEWUSER, CLONE_FS)) return -EINVAL;
  if (lacks(flags, CLONE_THREAD, CLONE_SIGHAND)) return -EINVAL;
  if (lacks(flags, CLONE_SIGHAND, CLONE_VM)) return -EINVAL;
  const program = parent.program;
  // There is nobody beside the first process.
  if ((flags & CLONE_PARENT) !== 0 && program.parent === null) return -EINVAL;
  if ((flags & CLONE_PARENT) !== 0 && program.unkillable !== 0) return -EINVAL;
  if (both(flags, CLONE_THREAD, CLONE_NEWUSER | CLONE_NEWPID)) return -EINVAL;
  if ((flags & CLONE_THREAD) !== 0 && hasOtherPids(parent)) return -EINVAL;
  if (both(flags, CLONE_PIDFD, CLONE_DETACHED | CLONE_THREAD)) return -EINVAL;
  if ((flags & NAMESPACES & ~CLONE_NEWUSER) !== 0 && !capable(CAP_SYS_ADMIN)) return -EPERM;
  // What semaphores undo is of one namespace.
  if (both(flags, CLONE_NEWIPC, CLONE_SYSVSEM)) return -EINVAL;
  if ((flags & CLONE_NEWPID) !== 0 && hasOtherPids(parent)) return -EINVAL;
  return (flags & NAMESPACES & ~(CLONE_NEWNS | OWN_NAMESPACES)) !== 0 ? -EINVAL : 0;
}

/** Gives `thread` the numbers that `args` ask for, and those that they leave open. Returns 0 or a negative error. */
function chooseIds(thread: Thread, args: CloneArguments): i64 {
  const count = args.setTidSize as u32;
  const namespace = thread.program.pidNamespace;
  const level: u32 = namespace === null ? 0 : namespace.level;
  if (count > level + 1) return -EINVAL;
  for (let i: u32 = 0; i < count; i++) {
    if (!isId(load<u32>(chosen + i * 4))) return -EINVAL;
  }
  if (count !== 0 && !capable(CAP_SYS_ADMIN) && !capable(CAP_CHECKPOINT_RESTORE)) return -EPERM;
  if (count > level && !takeChosenId(thread, load<u32>(chosen + level * 4))) return -EEXIST;
  return numberThread(thread, chosen, count);
}

/** Fills in what `thread`, made by `parent`, begins with. Returns 0 or a negative error. */
function prepare(thread: Thread, parent: Thread, regs: Utcb, args: CloneArguments): i64 {
  const flags = args.flags;
  const own = linuxThread(thread);
  inheritThread(thread, parent, (flags & (CLONE_VM | CLONE_VFORK)) !== CLONE_VM);
  inheritKeys(thread);
  inheritFilters(thread, parent);
  inheritNamespaces(thread, parent);
  const parted = ownNamespaces(thread, flags);
  if (parted !== 0) return parted;
  if ((flags & CLONE_SETTLS) !== 0) {
    if (args.tls >= SPACE_END) return -EPERM;
    own.fsBase = args.tls;
  }
  if ((flags & CLONE_CHILD_CLEARTID) !== 0) own.clearTid = args.childTid;
  memory.copy(thread.registers, changetype<usize>(regs), REGISTERS_BYTES);
  changetype<Utcb>(thread.registers).rax = 0;
  thread.likeSlot = parent.slot;
  thread.entryRip = regs.rip;
  thread.entryRsp = args.stack === 0 ? regs.rsp : args.stack;
  if ((flags & CLONE_THREAD) === 0) {
    joinPids(thread.program, own.childrenPids);
    // Where memory is lent, what is in it goes by the clocks of the parent until another program is executed.
    const lends = (flags & CLONE_VM) !== 0;
    joinTimes(thread.program, lends ? parent.program.timeNamespace : own.childrenTimes);
  }
  return chooseIds(thread, args);
}

/** The descriptor of the child that was made last, -1 for none. */
let madeFile: i64 = -1;

/** Gives `parent` a descriptor of `child` where it wants one. Returns 0 or a negative error. */
function describe(child: Program, parent: Thread, args: CloneArguments): i64 {
  if ((args.flags & CLONE_PIDFD) === 0) return 0;
  madeFile = giveProcessFile(parent.program, child, 0);
  if (madeFile < 0) return madeFile;
  return put32(parent.program.space, args.pidfd, madeFile as u32) ? 0 : -EFAULT;
}

/** There are no control groups to begin in. */
function checkGroup(args: CloneArguments): i64 {
  return (args.flags & CLONE_INTO_CGROUP) !== 0 ? -EBADF : 0;
}

/** Tells the id of `thread` where the parent wants it; one who gives a bad address learns nothing. */
function tellParent(thread: Thread, parent: Thread, args: CloneArguments): void {
  if ((args.flags & CLONE_PARENT_SETTID) === 0) return;
  put32(parent.program.space, args.parentTid, seenId(thread.id));
}

/** Gives `thread`, which is new, a namespace of mounts where `flags` say so. Returns 0 or -ENOMEM. */
function partMounts(thread: Thread, flags: u64): i64 {
  return (flags & CLONE_NEWNS) !== 0 ? ownNamespace(thread.fs) : 0;
}

/** Makes a thread, of which a tracer of `parent` is told by `event`, 0 for none. Returns 0, with it in `made`, or a negative error. */
function makeThread(parent: Thread, regs: Utcb, args: CloneArguments, event: u32): i64 {
  const flags = args.flags;
  const program = parent.program;
  const thread = newThread(program, parent);
  if (thread === null) return -EAGAIN;
  let error: i64 = 0;
  if ((flags & CLONE_FILES) === 0) separateFiles(program);
  if (!passFileState(thread, parent, (flags & CLONE_FILES) !== 0, (flags & CLONE_FS) !== 0)) {
    error = -ENOMEM;
  }
  if (error === 0) error = partMounts(thread, flags);
  if (error === 0) error = prepare(thread, parent, regs, args);
  if (error === 0) error = checkGroup(args);
  if (error === 0 && !traceNew(thread, parent, flags, event)) error = -ENOMEM;
  if (error === 0) {
    tellParent(thread, parent, args);
    if ((flags & CLONE_CHILD_SETTID) !== 0) put32(program.space, args.childTid, seenId(thread.id));
    if (startThread(thread, program) !== 0) error = -EAGAIN;
  }
  made = thread;
  if (error === 0) return 0;
  untrace(thread);
  leaveKeys(thread);
  leaveNamespaces(thread);
  dropFilters(thread);
  releaseThread(thread);
  return error;
}

/** The same for a process. Returns 0, with its thread in `made`, or a negative error. */
function makeProcess(parent: Thread, regs: Utcb, args: CloneArguments, event: u32): i64 {
  const flags = args.flags;
  madeFile = -1;
  const program = parent.program;
  const child = newChild(parent, (flags & CLONE_FILES) !== 0, (flags & CLONE_FS) !== 0);
  if (child === null) return -EAGAIN;
  child.exitSignal = args.exitSignal as u32;
  if ((flags & CLONE_PARENT) !== 0) {
    child.parent = program.parent;
    child.exitSignal = program.exitSignal;
  }
  const thread = child.threads as Thread;
  let error = fillProcess(child, parent, regs, args);
  if (error === 0) error = describe(child, parent, args);
  if (error === 0) error = checkGroup(args);
  if (error === 0 && !traceNew(thread, parent, flags, event)) error = -ENOMEM;
  if (error === 0) error = startProcess(child, parent, args);
  made = thread;
  if (error === 0) return 0;
  untrace(thread);
  if (madeFile >= 0) closeFile(parent.files, madeFile as u64);
  leaveKeys(thread);
  leaveNamespaces(thread);
  dropFilters(thread);
  reapProgram(child);
  finishClosed();
  return error;
}

function fillProcess(child: Program, parent: Thread, regs: Utcb, args: CloneArguments): i64 {
  const flags = args.flags;
  const thread = child.threads as Thread;
  if (!inheritProgram(child, parent.program) || processSignals(child) === null) return -ENOMEM;
  if (!passActions(child, parent.program, (flags & CLONE_SIGHAND) !== 0)) return -ENOMEM;
  if ((flags & CLONE_SYSVSEM) !== 0 && !shareUndos(child, parent.program)) return -ENOMEM;
  const brother = (flags & CLONE_PARENT) !== 0;
  linuxProgram(child).maker = brother ? linuxProgram(parent.program).maker : parent.id;
  const parted = partMounts(thread, flags);
  if (parted !== 0) return parted;
  const error = prepare(thread, parent, regs, args);
  if (error !== 0) return error;
  child.id = thread.id;
  if ((flags & CLONE_CLEAR_SIGHAND) !== 0) resetActions(child);
  return 0;
}

function startProcess(child: Program, parent: Thread, args: CloneArguments): i64 {
  const flags = args.flags;
  tellParent(child.threads as Thread, parent, args);
  const tid = (flags & CLONE_CHILD_SETTID) !== 0 ? args.childTid : 0;
  watchCpuLimit(child);
  return startChild(child, parent.program, (flags & CLONE_VM) !== 0, tid);
}

/** The thread that was made last. */
let made: Thread = changetype<Thread>(0);

/** Makes what `args` ask for. Returns its id or a negative error. */
function make(parent: Thread, regs: Utcb, args: CloneArguments): i64 {
  const flags = args.flags;
  if (both(flags, CLONE_PIDFD, CLONE_PARENT_SETTID) && args.pidfd === args.parentTid) {
    return -EINVAL;
  }
  const wrong = checkFlags(parent, flags);
  if (wrong !== 0) return wrong;
  // A signal to several is for the child as well or has been taken before it is made: nobody is left out.
  if (signalPending(parent)) return -EINTR;
  if (!mayHaveThread(parent)) return -EAGAIN;
  if ((flags & CLONE_FILES) === 0 && !mayCopyFiles(parent.files)) return -EMFILE;
  const isThread = (flags & CLONE_THREAD) !== 0;
  const event = eventOf(parent, flags, args.exitSignal);
  const error = isThread
    ? makeThread(parent, regs, args, event)
    : makeProcess(parent, regs, args, event);
  linuxThread(parent).crowded = 0;
  if (error !== 0) return error;
  const number = made.id;
  const id = seenId(number) as i64;
  const borrower: Thread | null = (flags & CLONE_VFORK) !== 0 ? made : null;
  // While a tracer looks at its maker, it may use the memory that it has been lent, and come to its end.
  if (borrower !== null) beginLending(parent, borrower);
  if (event !== 0) traceMade(parent, event, number);
  if (borrower === null) return id;
  awaitMemory(parent);
  traceMade(parent, EVENT_VFORK_DONE, number);
  return id;
}

/** clone(flags, stack, parent's tid address, child's tid address, tls): the new id. */
export function sysClone(parent: Thread, regs: Utcb): i64 {
  const args = cleared();
  args.flags = regs.rdi & CLONE_LEGACY_FLAGS & ~CSIGNAL;
  args.exitSignal = regs.rdi & CSIGNAL;
  args.stack = regs.rsi;
  args.pidfd = regs.rdx;
  args.parentTid = regs.rdx;
  args.childTid = regs.r10;
  args.tls = regs.r8;
  return make(parent, regs, args);
}

/** Reads the structure of `size` bytes at `address`, as copy_clone_args_from_user() does. Returns 0 or a negative error. */
function readArguments(parent: Thread, address: u64, size: u64): i64 {
  if (size > PAGE) return -E2BIG;
  if (size < FIRST_BYTES) return -EINVAL;
  const args = cleared();
  const space = parent.program.space;
  const wrong = copyExtensible(space, storage, ARGUMENTS_BYTES, address, size);
  if (wrong !== 0) return wrong;
  if (args.setTidSize > LEVELS_MAX) return -EINVAL;
  if ((args.setTid === 0) !== (args.setTidSize === 0)) return -EINVAL;
  if (args.exitSignal > (SIGNALS as u64)) return -EINVAL;
  if ((args.flags & CLONE_INTO_CGROUP) !== 0) {
    if (args.cgroup > INT_MAX || size < (ARGUMENTS_BYTES as u64)) return -EINVAL;
  }
  for (let i: u64 = 0; i < args.setTidSize; i++) {
    if (!get32(space, args.setTid + i * 4)) return -EFAULT;
    store<u32>(chosen + (i as u32) * 4, got as u32);
  }
  return 0;
}

/** The stack of `args` is none, or memory of a program; its end is in place of its beginning then. */
function takeStack(args: CloneArguments): bool {
  if ((args.stack === 0) !== (args.stackSize === 0)) return false;
  if (args.stackSize > SPACE_END || args.stack > SPACE_END - args.stackSize) return false;
  args.stack += args.stackSize;
  return true;
}

/** What clone3_args_valid() asks. */
function areValid(args: CloneArguments): bool {
  const flags = args.flags;
  const known = CLONE_LEGACY_FLAGS | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
  if ((flags & ~known) !== 0) return false;
  if ((flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))) !== 0) return false;
  if (both(flags, CLONE_SIGHAND, CLONE_CLEAR_SIGHAND)) return false;
  if ((flags & (CLONE_THREAD | CLONE_PARENT)) !== 0 && args.exitSignal !== 0) return false;
  return takeStack(args);
}

/** clone3(arguments, size): the new id. */
export function sysClone3(parent: Thread, regs: Utcb): i64 {
  const error = readArguments(parent, regs.rdi, regs.rsi);
  if (error !== 0) return error;
  const args = changetype<CloneArguments>(storage);
  return areValid(args) ? make(parent, regs, args) : -EINVAL;
}

/** fork(). */
export function sysFork(thread: Thread, regs: Utcb): i64 {
  const args = cleared();
  args.exitSignal = SIGCHLD;
  return make(thread, regs, args);
}

/** vfork(). */
export function sysVfork(thread: Thread, regs: Utcb): i64 {
  const args = cleared();
  args.flags = CLONE_VM | CLONE_VFORK;
  args.exitSignal = SIGCHLD;
  return make(thread, regs, args);
}
