// Time namespaces (time_namespaces(7), kernel/time/namespace.c): what the monotonic clock and that since the machine's start show
// is moved by offsets, which are set before a process is in the namespace. A process enters the one of its children when it
// is made or executes a program.

import { monotonic, moveTimePage } from "../../libroottask/clock";
import { CAP_SYS_TIME, capable } from "../../libroottask/credentials";
import { EACCES, EINVAL, EPERM, ERANGE } from "../../libroottask/errno";
import { create, destroy } from "../../libroottask/heap";
import { changeTimePage, newTimePage } from "../../libroottask/mediator";
import { releasePages } from "../../libroottask/pages";
import { Program, Thread } from "../../libroottask/program";
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
} from "../clock_ids";
import { linuxThread } from "../state";
import { dropNamespace, keepNamespace, newOwnNamespace, OwnNamespace } from "./records";

/** Half of the seconds that 63 bits of nanoseconds have (KTIME_SEC_MAX): no clock may be moved behind that. */
const SECONDS_MAX: i64 = 9_223_372_036;
const NANOSECONDS: i64 = 1_000_000_000;

@unmanaged
class TimeNamespace {
  /** Nanoseconds by which clocks are ahead. */
  monotonic: i64;
  sinceBoot: i64;
  /** Somebody is in it, or was: nothing changes any more. */
  frozen: u32;
  /** The page from which programs in it read clocks (libroottask/mediator.ts), 0 where there is none. */
  page: usize;
}

function namespaceAt(record: usize): TimeNamespace | null {
  if (record === 0) return null;
  return changetype<TimeNamespace>(changetype<OwnNamespace>(record).contents);
}

function free(contents: usize): void {
  const namespace = changetype<TimeNamespace>(contents);
  if (namespace.page !== 0) releasePages(namespace.page, 0);
  destroy<TimeNamespace>(namespace);
}

/** A namespace that goes as the one whose record is at `from`, with one user; null when memory is out. */
export function newTimes(from: usize): OwnNamespace | null {
  const namespace = create<TimeNamespace>();
  if (namespace === null) return null;
  const old = namespaceAt(from);
  if (old !== null) {
    namespace.monotonic = old.monotonic;
    namespace.sinceBoot = old.sinceBoot;
  }
  namespace.page = newTimePage();
  const record = newOwnNamespace(changetype<usize>(namespace), free);
  if (record === null || namespace.page === 0) {
    if (record !== null) destroy<OwnNamespace>(record);
    free(changetype<usize>(namespace));
    return null;
  }
  return record;
}

/** Children of `thread` begin in the namespace whose record is at `record` from now on. */
export function enterChildrenTimes(thread: Thread, record: usize): void {
  const own = linuxThread(thread);
  const old = own.childrenTimes;
  own.childrenTimes = keepNamespace(record);
  dropNamespace(old);
}

/** Children of `thread` begin elsewhere than it is. */
function hasOtherTimes(thread: Thread): bool {
  return linuxThread(thread).childrenTimes !== thread.program.timeNamespace;
}

/** `program` is in the namespace whose record is at `record` from now on; what it maps is changed by who gives it memory. */
export function joinTimes(program: Program, record: usize): void {
  const old = program.timeNamespace;
  program.timeNamespace = keepNamespace(record);
  const namespace = namespaceAt(record);
  program.timePage = namespace === null ? 0 : namespace.page;
  if (namespace !== null && namespace.frozen === 0) {
    namespace.frozen = 1;
    moveTimePage(namespace.page, namespace.monotonic, namespace.sinceBoot);
  }
  dropNamespace(old);
}

/** The program of `thread` executes another, whose space it has: it is where its children are to begin. */
export function enterTimes(thread: Thread): void {
  if (!hasOtherTimes(thread)) return;
  joinTimes(thread.program, linuxThread(thread).childrenTimes);
  changeTimePage(thread.program);
}

/** The record of `program` is about to go. */
export function leaveTimes(program: Program): void {
  const old = program.timeNamespace;
  program.timeNamespace = 0;
  dropNamespace(old);
}

/** Nanoseconds by which clock `id` of `program` is ahead of the system's. */
export function clockOffset(program: Program, id: u32): i64 {
  const namespace = namespaceAt(program.timeNamespace);
  if (namespace === null) return 0;
  switch (id) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
      return namespace.monotonic;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
      return namespace.sinceBoot;
    default:
      return 0;
  }
}

/** The offset of CLOCK_MONOTONIC, or of CLOCK_BOOTTIME, of the namespace at `record`, nanoseconds. */
export function offsetAt(record: usize, sinceBoot: bool): i64 {
  const namespace = namespaceAt(record);
  if (namespace === null) return 0;
  return sinceBoot ? namespace.sinceBoot : namespace.monotonic;
}

/** A clock can be `seconds` ahead: 0 or -ERANGE. */
export function rangeOf(seconds: i64): i64 {
  if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX) return -ERANGE;
  const shown = seconds + (monotonic() as i64) / NANOSECONDS;
  return shown < 0 || shown > SECONDS_MAX / 2 ? -ERANGE : 0;
}

/** Whoever has the lock may set offsets of the namespace at `record`: 0 or a negative error. */
export function permitOffsets(record: usize): i64 {
  if (!capable(CAP_SYS_TIME)) return -EPERM;
  const namespace = namespaceAt(record);
  return namespace === null || namespace.frozen !== 0 ? -EACCES : 0;
}

/** Sets the offset of clock `id` of the namespace at `record`, which may be set. Returns 0 or -EINVAL. */
export function setOffset(record: usize, id: u32, offset: i64): i64 {
  const namespace = namespaceAt(record) as TimeNamespace;
  if (id === CLOCK_MONOTONIC) namespace.monotonic = offset;
  else if (id === CLOCK_BOOTTIME) namespace.sinceBoot = offset;
  else return -EINVAL;
  return 0;
}
