// What /proc tells of a process or thread (proc(5), proc_pid_stat(5) and their like), as it is when it is read. Numbers of
// things that there are none of are 0: swap, tracers, group exits.

import { MEM_R, MEM_W, MEM_X } from "../libhedron/abi";
import { STACK_TOP } from "../libhrstd/layout";
import { VDSO } from "../libhrstd/mediator_layout";
import { Area, MARK_LOADED, MARK_UNREADABLE, ownAreaFrom, Space } from "../libroottask/areas";
import { Credentials } from "../libroottask/credentials";
import { filesRoom } from "../libroottask/descriptors";
import { EFAULT } from "../libroottask/errno";
import {
  findImage,
  imageEnd,
  imageMount,
  imageNode,
  imageOffset,
  nextImage,
} from "../libroottask/images";
import { Mount } from "../libroottask/mount";
import { numberIn, PidNamespace } from "../libroottask/pid_namespace";
import { seenId } from "../libroottask/pid_numbers";
import { allProcessors, processorCount } from "../libroottask/processors";
import { currentThread, isInit, Program, STATE_EXITED, Thread } from "../libroottask/program";
import { isRemains } from "../libroottask/remains";
import { dataSize, lockedSize, mappedSize, stackSize } from "../libroottask/sizes";
import { inPage, pointerTo } from "../libroottask/space";
import { userTimeOfProgram, userTimeOfThread } from "../libroottask/system_time";
import { timeOfProgram, timeOfThread } from "../libroottask/thread";
import { fillBytes, Transfer } from "../libroottask/transfer";
import { Entry, KIND_DIRECTORY, Node, PATH_MAX, pathOfName } from "../libroottask/tree";
import { CLOCK_BOOTTIME } from "../linux/clock_ids";
import { IpcObject } from "../linux/ipc/records";
import { clockOffset } from "../linux/namespaces/time";
import { isHalted, tracerOf } from "../linux/ptrace/tracee";
import { queuedOf } from "../linux/queued_signals";
import { isRealTime } from "../linux/scheduling";
import { actionOf } from "../linux/signal_actions";
import { ProcessSignals, pendingOf, processPending } from "../linux/signal_queue";
import { LinuxThread, limitOf, linuxThread, NAME_BYTES, SIGNALS } from "../linux/state";
import { terminalOf } from "../terminal/terminal";
import { areaDetails, spaceDetails } from "./page_details";
import { END } from "./sequence";
import {
  added,
  byte,
  bytes,
  hex,
  number,
  octal,
  room,
  signed,
  statusSize,
  text,
  textLength,
} from "./writer";

/** Ticks of stat's times per second, and what one is of microseconds and nanoseconds. */
const TICK_MICROSECONDS: u64 = 10_000;
const TICK_NANOSECONDS: u64 = 10_000_000;
const PAGE: u64 = 4096;
const PAGE_KIB: u64 = 4;
/** Characters in front of a name in maps. */
const NAME_COLUMN: u32 = 73;
const UNLIMITED: u64 = ~(0 as u64);

/** The process is stopped by a signal. */
function isStopped(program: Program): bool {
  return program.signals !== 0 && changetype<ProcessSignals>(program.signals).stopped !== 0;
}

/** The letter of its state. */
export function stateOf(program: Program, thread: Thread | null): u8 {
  if (isInit(program)) return 83;
  if (thread === null || program.ended !== 0 || isRemains(thread)) return 90;
  if (isHalted(thread)) return 116;
  if (isStopped(program)) return 84;
  return thread.waiting !== 0 ? 83 : 82;
}

/** The name of a thread: what it has been given, else the last part of its program's path. */
function name(program: Program, thread: Thread | null): void {
  if (thread !== null) {
    const own = changetype<usize>(linuxThread(thread)) + offsetof<LinuxThread>("name0");
    let length: u32 = 0;
    while (length < NAME_BYTES && load<u8>(own + length) !== 0) length++;
    if (length !== 0) {
      bytes(own, length);
      return;
    }
  }
  let start = program.nameLength;
  while (start > 0 && load<u8>(program.name + start - 1) !== 47) start--;
  bytes(program.name + start, min<u32>(program.nameLength - start, NAME_BYTES - 1));
}

export function comm(program: Program, thread: Thread | null): void {
  name(program, thread);
  byte(10);
}

export function spaceOf(program: Program): Space | null {
  return program.ended !== 0 || changetype<usize>(program.space) === 0 ? null : program.space;
}

/** Bytes of code that comes from files. */
function codeSize(space: Space | null): u64 {
  let size: u64 = 0;
  let area: Area | null = space === null ? null : space.areas;
  while (area !== null) {
    if ((area.rights & MEM_X) !== 0 && area.node !== null) size += area.end - area.start;
    area = area.next;
  }
  return size;
}

function totalSize(space: Space | null): u64 {
  return space === null ? 0 : mappedSize(space);
}

/** Bytes of data and stack. */
function dataAndStack(space: Space | null): u64 {
  return space === null ? 0 : dataSize(space) + stackSize(space);
}

function parentId(program: Program): u32 {
  const parent = program.parent;
  return parent === null ? 0 : parent.id;
}

/** Signals whose action is `handler`, or where that is 2 those that have a handler, as a set. */
function signalsWith(program: Program, handler: u64): u64 {
  let set: u64 = 0;
  for (let signal: u32 = 1; program.actions !== 0 && signal <= SIGNALS; signal++) {
    const action = load<u64>(actionOf(program, signal));
    const fits = handler === 2 ? action > 1 : action === handler;
    if (fits) set |= (1 as u64) << ((signal - 1) as u64);
  }
  return set;
}

/** Threads of `program` that go on, and its first one, which stays until somebody has waited for the process. */
function threadCount(program: Program): u64 {
  return (program.alive + (program.remains === null ? 0 : 1)) as u64;
}

/** As the kernel counts priorities: 20 and the nice value, or less than 0 in real time. */
function priorityOf(own: LinuxThread): i64 {
  return isRealTime(own.policy) ? -1 - (own.priority as i64) : 20 + (own.nice as i64);
}

function field(value: u64): void {
  byte(32);
  number(value);
}

function zeroes(count: u32): void {
  for (let i: u32 = 0; i < count; i++) field(0);
}

/** CPU time of a thread, or of one that has ended, in microseconds. */
function timeOf(thread: Thread): u64 {
  return isRemains(thread) ? thread.usedTime : timeOfThread(thread);
}

/** stat: of one thread where `single`, else of the whole process. */
export function stat(program: Program, thread: Thread | null, single: bool): void {
  const space = spaceOf(program);
  const own: LinuxThread | null = thread === null ? null : linuxThread(thread);
  const terminal = terminalOf(program);
  number((thread === null ? program.id : thread.id) as u64);
  text(" (");
  name(program, thread);
  text(") ");
  byte(stateOf(program, thread));
  field(parentId(program) as u64);
  field(program.group as u64);
  field(program.session as u64);
  field(terminal === null ? 0 : (terminal.device as u64));
  byte(32);
  signed(terminal === null || terminal.group === 0 ? -1 : (terminal.group as i64));
  field(0);
  field(program.faults);
  zeroes(3);
  const alone = single && thread !== null;
  const all = alone ? timeOf(thread as Thread) : timeOfProgram(program);
  const user = alone ? userTimeOfThread(thread as Thread, all) : userTimeOfProgram(program);
  const others = program.childrenSystemTime;
  field(user / TICK_MICROSECONDS);
  field((all - user) / TICK_MICROSECONDS);
  field((program.childrenTime - others) / TICK_MICROSECONDS);
  field(others / TICK_MICROSECONDS);
  byte(32);
  signed(own === null ? 20 : priorityOf(own));
  byte(32);
  signed(own === null ? 0 : (own.nice as i64));
  field(threadCount(program));
  field(0);
  field(
    (program.since + (clockOffset(currentThread().program, CLOCK_BOOTTIME) as u64)) /
      TICK_NANOSECONDS,
  );
  field(totalSize(space));
  field(space === null ? 0 : (space.resident as u64));
  field(UNLIMITED);
  zeroes(5);
  field(thread === null ? 0 : pendingOf(thread) & 0x7fff_ffff);
  field(own === null ? 0 : own.mask & 0x7fff_ffff);
  field(signalsWith(program, 1) & 0x7fff_ffff);
  field(signalsWith(program, 2) & 0x7fff_ffff);
  zeroes(3);
  field(program.exitSignal as u64);
  field(thread === null ? 0 : (thread.processor as u64));
  zeroes(5);
  zeroes(2);
  field(space === null ? 0 : space.breakStart);
  field(space === null ? 0 : space.argumentsStart);
  field(space === null ? 0 : space.argumentsEnd);
  field(space === null ? 0 : space.argumentsEnd);
  field(space === null ? 0 : space.variablesEnd);
  const ended = program.ended !== 0;
  field(
    ended ? ((program.state === STATE_EXITED ? program.status << 8 : program.status) as u64) : 0,
  );
  byte(10);
}

/** statm: pages in all, in memory, of files, of code, 0, of data, 0. */
export function statm(program: Program): void {
  const space = spaceOf(program);
  number(totalSize(space) / PAGE);
  field(space === null ? 0 : (space.resident as u64));
  field(0);
  field(codeSize(space) / PAGE);
  field(0);
  field(dataAndStack(space) / PAGE);
  text(" 0\n");
}

/** "NAME:<tab>VALUE". */
export function line(name: string, value: u64): void {
  text(name);
  text(":\t");
  number(value);
  byte(10);
}

function set(name: string, value: u64): void {
  text(name);
  text(":\t");
  hex(value, 16);
  byte(10);
}

function stateName(letter: u8): string {
  if (letter === 90) return "Z (zombie)";
  if (letter === 84) return "T (stopped)";
  if (letter === 116) return "t (tracing stop)";
  return letter === 83 ? "S (sleeping)" : "R (running)";
}

function four(name: string, first: u32, second: u32, third: u32, fourth: u32): void {
  text(name);
  byte(9);
  number(first as u64);
  byte(9);
  number(second as u64);
  byte(9);
  number(third as u64);
  byte(9);
  number(fourth as u64);
  byte(10);
}

function identities(own: Credentials): void {
  four("Uid:", own.user, own.effectiveUser, own.savedUser, own.fileUser);
  four("Gid:", own.group, own.effectiveGroup, own.savedGroup, own.fileGroup);
}

/** What the namespaces down to `namespace` call `id`, outermost first, each behind a tab. */
export function numbers(namespace: PidNamespace | null, id: u32): void {
  if (namespace !== null) numbers(namespace.parent, id);
  byte(9);
  number(numberIn(namespace, id) as u64);
}

/** A line of what `id` of `program` is called in its PID namespace and in those above. */
function levels(name: string, program: Program, id: u32): void {
  text(name);
  numbers(program.pidNamespace, id);
  byte(10);
}

/** What the reader calls the tracer of `thread`, 0 for none. */
function tracerId(thread: Thread): u32 {
  const tracer = tracerOf(thread);
  return tracer === null ? 0 : seenId(tracer.id);
}

export function status(program: Program, thread: Thread | null): void {
  const space = spaceOf(program);
  const own: LinuxThread | null = thread === null ? null : linuxThread(thread);
  const id = thread === null ? program.id : thread.id;
  text("Name:\t");
  comm(program, thread);
  if (thread !== null && !isRemains(thread)) {
    text("Umask:\t");
    octal(thread.fs.umask, 4);
    byte(10);
  }
  text("State:\t");
  text(stateName(stateOf(program, thread)));
  byte(10);
  line("Tgid", program.id as u64);
  line("Ngid", 0);
  line("Pid", id as u64);
  line("PPid", parentId(program) as u64);
  line("TracerPid", (thread === null ? 0 : tracerId(thread)) as u64);
  if (thread !== null) identities(thread.credentials);
  line("FDSize", (program.files === 0 ? 0 : filesRoom(program.files)) as u64);
  text("Groups:\t");
  for (let at: u32 = 0; thread !== null && at < thread.credentials.groupCount; at++) {
    number(load<u32>(thread.credentials.groups + at * 4) as u64);
    byte(32);
  }
  text(" \n");
  levels("NStgid:", program, program.id);
  levels("NSpid:", program, id);
  levels("NSpgid:", program, program.group);
  levels("NSsid:", program, program.session);
  if (space !== null) {
    const size = mappedSize(space) / 1024;
    statusSize("VmPeak", size);
    statusSize("VmSize", size);
    statusSize("VmLck", lockedSize(space) / 1024);
    statusSize("VmPin", 0);
    statusSize("VmHWM", (space.peak as u64) * PAGE_KIB);
    statusSize("VmRSS", (space.resident as u64) * PAGE_KIB);
    statusSize("VmData", dataSize(space) / 1024);
    statusSize("VmStk", stackSize(space) / 1024);
    statusSize("VmExe", codeSize(space) / 1024);
    statusSize("VmSwap", 0);
  }
  line("Threads", threadCount(program));
  text("SigQ:\t");
  number((thread === null ? 0 : queuedOf(thread.credentials.user)) as u64);
  byte(47);
  number(program.personality !== 0 ? load<u64>(limitOf(program, 11)) : 0);
  byte(10);
  set("SigPnd", own === null ? 0 : own.pending);
  set("ShdPnd", processPending(program));
  set("SigBlk", own === null ? 0 : own.mask);
  set("SigIgn", signalsWith(program, 1));
  set("SigCgt", signalsWith(program, 2));
  if (thread !== null) {
    set("CapInh", thread.credentials.inheritable);
    set("CapPrm", thread.credentials.permitted);
    set("CapEff", thread.credentials.effective);
    set("CapBnd", thread.credentials.bounding);
    set("CapAmb", thread.credentials.ambient);
  }
  line("NoNewPrivs", own === null ? 0 : (own.noNewPrivileges as u64));
  line("Seccomp", own === null ? 0 : (own.seccomp as u64));
  line("Seccomp_filters", own === null ? 0 : (own.filterCount as u64));
  allowed(thread === null ? allProcessors() : thread.processors);
}

/** The set of processors `set`: a digit for four of those there are, and as ranges. */
function allowed(set: u64): void {
  const digits = (processorCount() + 3) / 4;
  text("Cpus_allowed:\t");
  if (digits > 8) {
    hex(set >> 32, digits - 8);
    byte(44);
  }
  hex(set & 0xffff_ffff, min<u32>(digits, 8));
  text("\nCpus_allowed_list:\t");
  let some = false;
  for (let from: u64 = 0; from < 64; from++) {
    if (((set >> from) & 1) === 0) continue;
    let to = from;
    while (to < 63 && ((set >> (to + 1)) & 1) !== 0) to++;
    if (some) byte(44);
    some = true;
    number(from);
    if (to !== from) {
      byte(45);
      number(to);
    }
    from = to;
  }
  byte(10);
}

/** Passes the bytes of [start, end) of the program's own memory from `position` on: how many, or -EFAULT. */
function passMemory(space: Space, start: u64, end: u64, transfer: Transfer, position: i64): i64 {
  let at = start + (position as u64);
  let done: i64 = 0;
  while (at < end && transfer.left !== 0) {
    const from = pointerTo(space, at, MEM_R);
    if (from === 0) break;
    const piece = inPage(at, min<u64>(end - at, transfer.left));
    const passed = fillBytes(transfer, from, piece);
    if (passed === 0) return done === 0 ? -EFAULT : done;
    done += passed as i64;
    at += passed as u64;
  }
  return done;
}

export function cmdline(space: Space, transfer: Transfer, position: i64): i64 {
  return passMemory(space, space.argumentsStart, space.argumentsEnd, transfer, position);
}

export function environ(space: Space, transfer: Transfer, position: i64): i64 {
  return passMemory(space, space.argumentsEnd, space.variablesEnd, transfer, position);
}

export function auxiliaryVector(space: Space, transfer: Transfer, position: i64): i64 {
  return passMemory(space, space.auxiliaryStart, space.auxiliaryEnd, transfer, position);
}

/** uid_map and gid_map: there is but the first namespace of users, where all ids are what they are. */
export function identityMap(): void {
  text("         0          0 4294967295\n");
}

/** The path of `node`, seen through `mount` and found by `name`, as it is now, or that it had none any more. */
export function path(mount: Mount | null, node: Node, name: Entry | null): void {
  if (node.segment !== 0) {
    text("/SYSV");
    hex(changetype<IpcObject>(node.segment).key as u64, 8);
    text(" (deleted)");
    return;
  }
  const to = room(PATH_MAX);
  if (to === 0) return;
  const length: i64 =
    node.names === null && node.kind !== KIND_DIRECTORY ? -1 : pathOfName(mount, node, name, to);
  if (length >= 0) added(length as u32);
  else text("/ (deleted)");
}

/** Blanks up to where names stand in maps (fs/proc/task_mmu.c), in a line that begins at byte `begin` of the text. */
function padName(begin: u32): void {
  while (textLength() - begin < NAME_COLUMN) byte(32);
}

function areaName(space: Space, area: Area, begin: u32): void {
  const isHeap = area.start < space.breakEnd && area.end > space.breakStart;
  if (!isHeap && area.end !== STACK_TOP && area.start !== VDSO) return;
  padName(begin);
  text(isHeap ? "[heap]" : area.start === VDSO ? "[vdso]" : "[stack]");
}

/** The line of [start, end) of `area`, which is `node` from `offset` on; null is no file. */
function areaLine(
  space: Space,
  area: Area,
  start: u64,
  end: u64,
  mount: Mount | null,
  node: Node | null,
  offset: u64,
): void {
  const begin = textLength();
  hex(start, 8);
  byte(45);
  hex(end, 8);
  byte(32);
  const readable = (area.rights & MEM_R) !== 0 && (area.marks & MARK_UNREADABLE) === 0;
  byte(readable ? 114 : 45);
  byte((area.rights & MEM_W) !== 0 ? 119 : 45);
  byte((area.rights & MEM_X) !== 0 ? 120 : 45);
  byte(area.shared !== 0 ? 115 : 112);
  byte(32);
  hex(offset, 8);
  text(node === null ? " 00:00 0 " : " 00:01 ");
  if (node !== null) {
    number(node.inode as u64);
    byte(32);
    padName(begin);
    path(mount, node, null);
  } else {
    areaName(space, area, begin);
  }
  byte(10);
}

/** The line of what begins at `start` of an area that the loader has filled: of a file, or anonymous. Returns its end. */
function loadedLine(space: Space, area: Area, start: u64, detailed: bool): u64 {
  const found = findImage(space, start);
  const end = found ? imageEnd : nextImage(space, start, area.end);
  areaLine(space, area, start, end, imageMount, found ? imageNode : null, found ? imageOffset : 0);
  if (detailed) areaDetails(space, area, start, end);
  return end;
}

/**
 * maps, or with `detailed` smaps: what is at address `key`, or first above it. Returns its end, with which the next record
 * begins (sequence.ts), or END.
 */
export function maps(program: Program, key: u64, detailed: bool): u64 {
  const space = spaceOf(program);
  const area: Area | null = space === null ? null : ownAreaFrom(space, key);
  if (space === null || area === null) return END;
  if ((area.marks & MARK_LOADED) !== 0) {
    return loadedLine(space, area, max<u64>(area.start, key), detailed);
  }
  const node = area.node;
  const offset = node === null ? 0 : area.offset;
  areaLine(space, area, area.start, area.end, area.mount, node, offset);
  if (detailed) areaDetails(space, area, area.start, area.end);
  return area.end;
}

/** smaps_rollup: the lines of smaps in sum. */
export function rollup(program: Program): void {
  const space = spaceOf(program);
  if (space === null) return;
  let area = ownAreaFrom(space, 0);
  let end: u64 = 0;
  const begin = textLength();
  hex(area === null ? 0 : area.start, 8);
  for (; area !== null; area = ownAreaFrom(space, end)) end = area.end;
  byte(45);
  hex(end, 8);
  text(" ---p 00000000 00:00 0 ");
  padName(begin);
  text("[rollup]\n");
  spaceDetails(space);
}

function limitName(resource: u32): string {
  switch (resource) {
    case 0:
      return "Max cpu time              ";
    case 1:
      return "Max file size             ";
    case 2:
      return "Max data size             ";
    case 3:
      return "Max stack size            ";
    case 4:
      return "Max core file size        ";
    case 5:
      return "Max resident set          ";
    case 6:
      return "Max processes             ";
    case 7:
      return "Max open files            ";
    case 8:
      return "Max locked memory         ";
    case 9:
      return "Max address space         ";
    case 10:
      return "Max file locks            ";
    case 11:
      return "Max pending signals       ";
    case 12:
      return "Max msgqueue size         ";
    case 13:
      return "Max nice priority         ";
    case 14:
      return "Max realtime priority     ";
    default:
      return "Max realtime timeout      ";
  }
}

function limitUnit(resource: u32): string {
  if (resource === 0) return "seconds";
  if (resource === 6) return "processes";
  if (resource === 7) return "files";
  if (resource === 10) return "locks";
  if (resource === 11) return "signals";
  if (resource === 13 || resource === 14) return "";
  return resource === 15 ? "us" : "bytes";
}

/** A limit, left-aligned in 21 columns. */
function limitValue(value: u64): void {
  const before = room(32);
  if (before === 0) return;
  if (value === UNLIMITED) text("unlimited");
  else number(value);
  const after = room(0);
  for (let at = (after - before) as u32; at < 21; at++) byte(32);
}

export function limits(program: Program): void {
  if (program.personality === 0) return;
  text("Limit                     Soft Limit           Hard Limit           Units     \n");
  for (let resource: u32 = 0; resource < 16; resource++) {
    text(limitName(resource));
    limitValue(load<u64>(limitOf(program, resource)));
    limitValue(load<u64>(limitOf(program, resource) + 8));
    const unit = limitUnit(resource);
    text(unit);
    for (let at = unit.length; at < 10; at++) byte(32);
    byte(10);
  }
}
