// Whom a thread acts as: setuid(2) and relatives, setgroups(2), capget(2), capset(2), and what becomes of it at execve(2)
// (credentials(7), capabilities(7); security/commoncap.c for the order of checks). Ids are a thread's own, as the kernel
// has it; C libraries make them a process's. Left out: user namespaces.

import { Utcb } from "../libhedron/utcb";
import {
  actAs,
  CAP_ALL,
  CAP_SETGID,
  CAP_SETPCAP,
  CAP_SETUID,
  Credentials,
  copyCredentials,
  dropCredentials,
  hasCapability,
} from "../libroottask/credentials";
import { EFAULT, EINVAL, ENOMEM, EPERM, ESRCH } from "../libroottask/errno";
import { allocate, release } from "../libroottask/heap";
import { tellIds } from "../libroottask/mediator";
import { hasFlag, Mount, MS_NOSUID } from "../libroottask/mount";
import { meantId } from "../libroottask/pid_numbers";
import { Program, sees, Thread } from "../libroottask/program";
import { threadOrRemains } from "../libroottask/remains";
import { copyFrom, copyTo, get32, got, put32 } from "../libroottask/space";
import { Node } from "../libroottask/tree";
import {
  given,
  givenEffective,
  givenInheritable,
  givenPermitted,
  readFileCapabilities,
} from "./file_capabilities";
import { noteUser } from "./process_limit";
import { isDistrusted } from "./ptrace/tracee";
import { linuxProgram, linuxThread } from "./state";

/** An id that is none: it leaves an id as it is, or is refused. */
const NO_ID: u32 = 0xffff_ffff;
const NGROUPS_MAX: u32 = 65536;

/** Bits of `securebits`, include/uapi/linux/securebits.h: root is nobody; ids do not change capabilities. */
const SECBIT_NOROOT: u32 = 1;
const SECBIT_NO_SETUID_FIXUP: u32 = 4;
export const SECBIT_KEEP_CAPS: u32 = 16;

/** Capabilities that go with the file user id: CHOWN to FSETID, LINUX_IMMUTABLE, MKNOD, MAC_OVERRIDE. */
const FILE_CAPABILITIES: u64 = 0x1f | ((1 as u64) << 9) | ((1 as u64) << 27) | ((1 as u64) << 32);

const S_ISUID: u32 = 0o4000;
/** The set-group-ID bit of something that the group may execute. */
const S_ISGID: u32 = 0o2000;
const GROUP_RIGHTS: u32 = S_ISGID | 0o010;

/** Set-user-ID programs and others with more rights than their user cannot be looked into. */
const NOT_DUMPABLE: u32 = 0;
const DUMPABLE: u32 = 1;

function isRoot(user: u32): bool {
  return user === 0;
}

/** Every member of `part` is in `all`. */
function within(part: u64, all: u64): bool {
  return (part & ~all) === 0;
}

/** `next` is what `thread` acts as from now on. */
export function become(thread: Thread, next: Credentials): void {
  const old = thread.credentials;
  const same =
    old.effectiveUser === next.effectiveUser &&
    old.effectiveGroup === next.effectiveGroup &&
    old.fileUser === next.fileUser &&
    old.fileGroup === next.fileGroup;
  if (!same || !within(next.permitted, old.permitted)) {
    linuxProgram(thread.program).dumpable = NOT_DUMPABLE;
    linuxThread(thread).parentDeath = 0;
  }
  thread.credentials = next;
  actAs(next);
  tellIds(thread);
  dropCredentials(old);
}

/** The same with an error: `next`, which nobody has yet, goes. */
function refuse(next: Credentials, error: i64): i64 {
  dropCredentials(next);
  return error;
}

/** What a change of user ids means for the capabilities of `next` (capabilities(7)). */
function fixCapabilities(old: Credentials, next: Credentials): void {
  if ((old.securebits & SECBIT_NO_SETUID_FIXUP) !== 0) return;
  const had = isRoot(old.user) || isRoot(old.effectiveUser) || isRoot(old.savedUser);
  const has = isRoot(next.user) || isRoot(next.effectiveUser) || isRoot(next.savedUser);
  if (had && !has) {
    if ((old.securebits & SECBIT_KEEP_CAPS) === 0) {
      next.permitted = 0;
      next.effective = 0;
    }
    next.ambient = 0;
  }
  if (isRoot(old.effectiveUser) && !isRoot(next.effectiveUser)) next.effective = 0;
  if (!isRoot(old.effectiveUser) && isRoot(next.effectiveUser)) next.effective = next.permitted;
}

/** The same for the file user id alone. */
function fixFileCapabilities(old: Credentials, next: Credentials): void {
  if ((old.securebits & SECBIT_NO_SETUID_FIXUP) !== 0) return;
  if (isRoot(old.fileUser) && !isRoot(next.fileUser)) next.effective &= ~FILE_CAPABILITIES;
  if (!isRoot(old.fileUser) && isRoot(next.fileUser)) {
    next.effective |= next.permitted & FILE_CAPABILITIES;
  }
}

function setsUsers(thread: Thread, next: Credentials): i64 {
  fixCapabilities(thread.credentials, next);
  noteUser(thread, next.user);
  become(thread, next);
  return 0;
}

/** setuid(user). */
export function sysSetuid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const user = regs.rdi as u32;
  if (user === NO_ID) return -EINVAL;
  const next = copyCredentials(old);
  if (next === null) return -ENOMEM;
  if (hasCapability(old, CAP_SETUID)) {
    next.user = user;
    next.savedUser = user;
  } else if (user !== old.user && user !== old.savedUser) {
    return refuse(next, -EPERM);
  }
  next.effectiveUser = user;
  next.fileUser = user;
  return setsUsers(thread, next);
}

/** setgid(group). */
export function sysSetgid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const group = regs.rdi as u32;
  if (group === NO_ID) return -EINVAL;
  const next = copyCredentials(old);
  if (next === null) return -ENOMEM;
  if (hasCapability(old, CAP_SETGID)) {
    next.group = group;
    next.savedGroup = group;
  } else if (group !== old.group && group !== old.savedGroup) {
    return refuse(next, -EPERM);
  }
  next.effectiveGroup = group;
  next.fileGroup = group;
  become(thread, next);
  return 0;
}

/** setreuid(real, effective). */
export function sysSetreuid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const real = regs.rdi as u32;
  const effective = regs.rsi as u32;
  const mayAll = hasCapability(old, CAP_SETUID);
  const next = copyCredentials(old);
  if (next === null) return -ENOMEM;
  if (real !== NO_ID) {
    next.user = real;
    if (real !== old.user && real !== old.effectiveUser && !mayAll) return refuse(next, -EPERM);
  }
  if (effective !== NO_ID) {
    next.effectiveUser = effective;
    const known =
      effective === old.user || effective === old.effectiveUser || effective === old.savedUser;
    if (!known && !mayAll) return refuse(next, -EPERM);
  }
  if (real !== NO_ID || (effective !== NO_ID && effective !== old.user)) {
    next.savedUser = next.effectiveUser;
  }
  next.fileUser = next.effectiveUser;
  return setsUsers(thread, next);
}

/** setregid(real, effective). */
export function sysSetregid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const real = regs.rdi as u32;
  const effective = regs.rsi as u32;
  const mayAll = hasCapability(old, CAP_SETGID);
  const next = copyCredentials(old);
  if (next === null) return -ENOMEM;
  if (real !== NO_ID) {
    next.group = real;
    if (real !== old.group && real !== old.effectiveGroup && !mayAll) return refuse(next, -EPERM);
  }
  if (effective !== NO_ID) {
    next.effectiveGroup = effective;
    const known =
      effective === old.group || effective === old.effectiveGroup || effective === old.savedGroup;
    if (!known && !mayAll) return refuse(next, -EPERM);
  }
  if (real !== NO_ID || (effective !== NO_ID && effective !== old.group)) {
    next.savedGroup = next.effectiveGroup;
  }
  next.fileGroup = next.effectiveGroup;
  become(thread, next);
  return 0;
}

/** `id` may be had by whoever has the other three. */
function isOneOf(id: u32, real: u32, effective: u32, saved: u32): bool {
  return id === NO_ID || id === real || id === effective || id === saved;
}

/** setresuid(real, effective, saved). */
export function sysSetresuid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const real = regs.rdi as u32;
  const effective = regs.rsi as u32;
  const saved = regs.rdx as u32;
  if (!hasCapability(old, CAP_SETUID)) {
    const known =
      isOneOf(real, old.user, old.effectiveUser, old.savedUser) &&
      isOneOf(effective, old.user, old.effectiveUser, old.savedUser) &&
      isOneOf(saved, old.user, old.effectiveUser, old.savedUser);
    if (!known) return -EPERM;
  }
  const next = copyCredentials(old);
  if (next === null) return -ENOMEM;
  if (real !== NO_ID) next.user = real;
  if (effective !== NO_ID) next.effectiveUser = effective;
  if (saved !== NO_ID) next.savedUser = saved;
  next.fileUser = next.effectiveUser;
  return setsUsers(thread, next);
}

/** setresgid(real, effective, saved). */
export function sysSetresgid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const real = regs.rdi as u32;
  const effective = regs.rsi as u32;
  const saved = regs.rdx as u32;
  if (!hasCapability(old, CAP_SETGID)) {
    const known =
      isOneOf(real, old.group, old.effectiveGroup, old.savedGroup) &&
      isOneOf(effective, old.group, old.effectiveGroup, old.savedGroup) &&
      isOneOf(saved, old.group, old.effectiveGroup, old.savedGroup);
    if (!known) return -EPERM;
  }
  const next = copyCredentials(old);
  if (next === null) return -ENOMEM;
  if (real !== NO_ID) next.group = real;
  if (effective !== NO_ID) next.effectiveGroup = effective;
  if (saved !== NO_ID) next.savedGroup = saved;
  next.fileGroup = next.effectiveGroup;
  become(thread, next);
  return 0;
}

/** setfsuid(user): what it was; whether it has changed is not told. */
export function sysSetfsuid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const before = old.fileUser;
  const user = regs.rdi as u32;
  const known = user === before || isOneOf(user, old.user, old.effectiveUser, old.savedUser);
  if (user === NO_ID || user === before) return before as i64;
  if (!known && !hasCapability(old, CAP_SETUID)) return before as i64;
  const next = copyCredentials(old);
  if (next === null) return before as i64;
  next.fileUser = user;
  fixFileCapabilities(old, next);
  become(thread, next);
  return before as i64;
}

/** setfsgid(group). */
export function sysSetfsgid(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const before = old.fileGroup;
  const group = regs.rdi as u32;
  if (group === NO_ID || group === before) return before as i64;
  const known = isOneOf(group, old.group, old.effectiveGroup, old.savedGroup);
  if (!known && !hasCapability(old, CAP_SETGID)) return before as i64;
  const next = copyCredentials(old);
  if (next === null) return before as i64;
  next.fileGroup = group;
  become(thread, next);
  return before as i64;
}

export function sysGetuid(thread: Thread, _regs: Utcb): i64 {
  return thread.credentials.user as i64;
}

export function sysGeteuid(thread: Thread, _regs: Utcb): i64 {
  return thread.credentials.effectiveUser as i64;
}

export function sysGetgid(thread: Thread, _regs: Utcb): i64 {
  return thread.credentials.group as i64;
}

export function sysGetegid(thread: Thread, _regs: Utcb): i64 {
  return thread.credentials.effectiveGroup as i64;
}

function putThree(program: Program, regs: Utcb, real: u32, effective: u32, saved: u32): i64 {
  const space = program.space;
  const stored =
    put32(space, regs.rdi, real) &&
    put32(space, regs.rsi, effective) &&
    put32(space, regs.rdx, saved);
  return stored ? 0 : -EFAULT;
}

/** getresuid(real, effective, saved). */
export function sysGetresuid(thread: Thread, regs: Utcb): i64 {
  const own = thread.credentials;
  return putThree(thread.program, regs, own.user, own.effectiveUser, own.savedUser);
}

/** getresgid(real, effective, saved). */
export function sysGetresgid(thread: Thread, regs: Utcb): i64 {
  const own = thread.credentials;
  return putThree(thread.program, regs, own.group, own.effectiveGroup, own.savedGroup);
}

/** getgroups(size, list): how many there are. */
export function sysGetgroups(thread: Thread, regs: Utcb): i64 {
  const own = thread.credentials;
  const size = regs.rdi as i32;
  const count = own.groupCount;
  if (size < 0) return -EINVAL;
  if (size === 0) return count as i64;
  if (count > (size as u32)) return -EINVAL;
  const copied = copyTo(thread.program.space, regs.rsi, own.groups, count * 4);
  return copied ? (count as i64) : -EFAULT;
}

/** Moves the entry at `at` of the heap of `count` ids at `list` down to its place. */
function sink(list: usize, start: u32, count: u32): void {
  let at = start;
  while (at * 2 + 1 < count) {
    let child = at * 2 + 1;
    const first = load<u32>(list + child * 4);
    if (child + 1 < count && load<u32>(list + (child + 1) * 4) > first) child++;
    const value = load<u32>(list + at * 4);
    const larger = load<u32>(list + child * 4);
    if (value >= larger) return;
    store<u32>(list + at * 4, larger);
    store<u32>(list + child * 4, value);
    at = child;
  }
}

/** Sorts `count` ids at `list`, ascending, as getgroups(2) shows them. */
function sort(list: usize, count: u32): void {
  for (let i = count / 2; i > 0; i--) sink(list, i - 1, count);
  for (let left = count; left > 1; left--) {
    const last = list + (left - 1) * 4;
    const largest = load<u32>(list);
    store<u32>(list, load<u32>(last));
    store<u32>(last, largest);
    sink(list, 0, left - 1);
  }
}

/** setgroups(size, list). */
export function sysSetgroups(thread: Thread, regs: Utcb): i64 {
  const old = thread.credentials;
  const count = regs.rdi as u32;
  if (!hasCapability(old, CAP_SETGID)) return -EPERM;
  if (count > NGROUPS_MAX) return -EINVAL;
  const list: usize = count === 0 ? 0 : allocate(count * 4);
  if (count !== 0 && list === 0) return -ENOMEM;
  let error: i64 = 0;
  if (count !== 0 && !copyFrom(thread.program.space, list, regs.rsi, count * 4)) error = -EFAULT;
  for (let i: u32 = 0; i < count; i++) {
    if (error === 0 && load<u32>(list + i * 4) === NO_ID) error = -EINVAL;
  }
  const next = error === 0 ? copyCredentials(old) : null;
  if (next === null) {
    if (count !== 0) release(list, count * 4);
    return error === 0 ? -ENOMEM : error;
  }
  if (next.groupCount !== 0) release(next.groups, next.groupCount * 4);
  sort(list, count);
  next.groups = list;
  next.groupCount = count;
  become(thread, next);
  return 0;
}

/** Versions of struct __user_cap_header_struct: one word a set, and two. */
const CAPABILITIES_V1: u32 = 0x1998_0330;
const CAPABILITIES_V2: u32 = 0x2007_1026;
const CAPABILITIES_V3: u32 = 0x2008_0522;
/** Effective, permitted and inheritable set, a word of each, twice. */
const sets = memory.data(24);
const SET_BYTES: u32 = 12;

/** Words per set of the header at `address`: 1 or 2; 0 where its version is none, and the header tells one; or -EFAULT. */
function setWords(program: Program, address: u64): i64 {
  if (!get32(program.space, address)) return -EFAULT;
  const version = got as u32;
  if (version === CAPABILITIES_V1) return 1;
  if (version === CAPABILITIES_V2 || version === CAPABILITIES_V3) return 2;
  return put32(program.space, address, CAPABILITIES_V3) ? 0 : -EFAULT;
}

function putSet(at: usize, set: u64): void {
  store<u32>(sets + at, set as u32);
  store<u32>(sets + at + SET_BYTES, (set >> 32) as u32);
}

function takeSet(at: usize): u64 {
  return (load<u32>(sets + at) as u64) | ((load<u32>(sets + at + SET_BYTES) as u64) << 32);
}

/** capget(header, data). */
export function sysCapget(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const words = setWords(program, regs.rdi);
  if (words < 0) return words;
  // Without data it is asked for the version alone.
  if (words === 0) return regs.rsi === 0 ? 0 : -EINVAL;
  if (!get32(program.space, regs.rdi + 4)) return -EFAULT;
  const id = got as i32;
  if (id < 0) return -EINVAL;
  const target = id === 0 ? thread : threadOrRemains(meantId(id as u32));
  if (target === null || !sees(program, target.program)) return -ESRCH;
  const asked = target.credentials;
  putSet(0, asked.effective);
  putSet(4, asked.permitted);
  putSet(8, asked.inheritable);
  if (regs.rsi === 0) return 0;
  return copyTo(program.space, regs.rsi, sets, SET_BYTES * (words as u32)) ? 0 : -EFAULT;
}

/** capset(header, data): of the calling thread. */
export function sysCapset(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const words = setWords(program, regs.rdi);
  if (words <= 0) return words === 0 ? -EINVAL : words;
  if (!get32(program.space, regs.rdi + 4)) return -EFAULT;
  if (got !== 0 && meantId(got as u32) !== thread.id) return -EPERM;
  memory.fill(sets, 0, SET_BYTES * 2);
  if (!copyFrom(program.space, sets, regs.rsi, SET_BYTES * (words as u32))) return -EFAULT;
  const effective = takeSet(0) & CAP_ALL;
  const permitted = takeSet(4) & CAP_ALL;
  const inheritable = takeSet(8) & CAP_ALL;
  const old = thread.credentials;
  const limit = hasCapability(old, CAP_SETPCAP) ? CAP_ALL : old.inheritable | old.permitted;
  if (!within(inheritable, limit & (old.inheritable | old.bounding))) return -EPERM;
  if (!within(permitted, old.permitted) || !within(effective, permitted)) return -EPERM;
  const next = copyCredentials(old);
  if (next === null) return -ENOMEM;
  next.effective = effective;
  next.permitted = permitted;
  next.inheritable = inheritable;
  next.ambient &= permitted & inheritable;
  become(thread, next);
  return 0;
}

/** What access(2) looks with: the real ids as those of files, and root's capabilities or none. Null when memory is out. */
export function realCredentials(own: Credentials): Credentials | null {
  const real = copyCredentials(own);
  if (real === null) return null;
  real.fileUser = own.user;
  real.fileGroup = own.group;
  if ((own.securebits & SECBIT_NO_SETUID_FIXUP) === 0) {
    real.effective = isRoot(own.user) ? own.permitted : 0;
  }
  return real;
}

/** The program that `executedCredentials` was asked for has more rights than who started it (AT_SECURE). */
export let executesSecurely: bool = false;

/** What became of the last `executedCredentials` that returned null: a negative error. */
export let executionError: i64 = 0;

/** What is permitted is in effect as well. */
let executesWholly: bool = false;

/**
 * Sets what `next`, which was `old`, is permitted, by the capabilities of the file that were read or as root. Returns 0, or
 * -EPERM where the program would lack what it counts on.
 */
function permitExecuted(old: Credentials, next: Credentials): i64 {
  next.permitted = (old.bounding & givenPermitted) | (old.inheritable & givenInheritable);
  executesWholly = givenEffective;
  if (executesWholly && !within(givenPermitted, next.permitted)) return -EPERM;
  if ((old.securebits & SECBIT_NOROOT) !== 0) return 0;
  // A set-user-ID program of root's with capabilities of its own gives others those alone.
  if (given && !isRoot(next.user) && isRoot(next.effectiveUser)) return 0;
  if (isRoot(next.effectiveUser) || isRoot(next.user)) {
    next.permitted = old.bounding | old.inheritable;
  }
  if (isRoot(next.effectiveUser)) executesWholly = true;
  return 0;
}

/**
 * What `thread` acts as once it has executed `file`: nobody has it yet. Null with `executionError`: -ENOMEM, -EPERM or
 * -EINVAL for capabilities of the file that cannot be had or are none.
 */
export function executedCredentials(
  thread: Thread,
  mount: Mount | null,
  file: Node,
): Credentials | null {
  const old = thread.credentials;
  executionError = -ENOMEM;
  const next = copyCredentials(old);
  if (next === null) return null;
  const fixed = linuxThread(thread).noNewPrivileges !== 0;
  const ignored = hasFlag(mount, MS_NOSUID);
  if (!fixed && !ignored) {
    if ((file.mode & S_ISUID) !== 0) next.effectiveUser = file.owner;
    if ((file.mode & GROUP_RIGHTS) === GROUP_RIGHTS) next.effectiveGroup = file.group;
  }
  executionError = readFileCapabilities(file, ignored);
  if (executionError === 0) executionError = permitExecuted(old, next);
  if (executionError !== 0) {
    dropCredentials(next);
    return null;
  }
  const changes = next.effectiveUser !== old.user || next.effectiveGroup !== old.group;
  // What it gained would be in the hands of who traces it (LSM_UNSAFE_PTRACE of Linux).
  const held = fixed || isDistrusted(thread);
  if (held && (changes || !within(next.permitted, old.permitted))) {
    if (fixed || !hasCapability(old, CAP_SETUID)) {
      next.effectiveUser = next.user;
      next.effectiveGroup = next.group;
    }
    next.permitted &= old.permitted;
  }
  next.savedUser = next.effectiveUser;
  next.fileUser = next.effectiveUser;
  next.savedGroup = next.effectiveGroup;
  next.fileGroup = next.effectiveGroup;
  if (changes || given) next.ambient = 0;
  next.permitted |= next.ambient;
  next.effective = executesWholly ? next.permitted : next.ambient;
  next.securebits &= ~SECBIT_KEEP_CAPS;
  const grows = executesWholly || !within(next.permitted, next.ambient);
  executesSecurely = changes || (!isRoot(next.user) && grows);
  return next;
}

/** `thread` begins as a program of its own that acts as `next`, with more rights than who started it where `secure`. */
export function becomeExecuted(thread: Thread, next: Credentials, secure: bool): void {
  become(thread, next);
  if (secure) linuxThread(thread).parentDeath = 0;
  const plain = next.effectiveUser === next.user && next.effectiveGroup === next.group;
  linuxProgram(thread.program).dumpable = plain ? DUMPABLE : NOT_DUMPABLE;
}
