// The mediator's calls: those that can be answered in the program's own address space exactly as the roottask would.
// Everything else is forwarded as it came. A fault here, whatever its reason, makes the roottask do the call from the
// beginning, so nothing is changed that would not be changed again.

import {
  ANSWERED,
  FIRST_UTCB,
  FORWARD,
  FRAME_BYTES,
  FRAME_NUMBER,
  FRAME_RDI,
  FRAME_RESULT,
  FRAME_RSI,
  OTHER_PAGES,
  OTHER_PAGES_END,
  PAGE_CALLS,
  PAGE_PROCESS,
  PAGE_THREAD,
} from "../../libhrstd/mediator_layout";
import {
  SYS_clock_gettime,
  SYS_getegid,
  SYS_geteuid,
  SYS_getgid,
  SYS_getpgrp,
  SYS_getpid,
  SYS_getppid,
  SYS_gettid,
  SYS_gettimeofday,
  SYS_getuid,
  SYS_time,
} from "../../linux/numbers";
import { isLocal, readClock, readSeconds, readTimeOfDay } from "./time";
import { load32, load64, store32, store64 } from "./x86";

const PAGE: u64 = 4096;

function answer(frame: u64, result: u64): u32 {
  const page = frame + (FRAME_BYTES as u64) - PAGE;
  store32(page + PAGE_CALLS, load32(page + PAGE_CALLS) + 1);
  store64(frame + FRAME_RESULT, result);
  return ANSWERED;
}

/** A word of the thread's page. */
function own(frame: u64, offset: u64): u64 {
  return load32(frame + (FRAME_BYTES as u64) - PAGE + offset);
}

/**
 * `bytes` at `address`, 0 to a page, are not in pages that the program can reach and the roottask does not count as its
 * memory: UTCBs, and what is described in mediator_layout.ts. Whether they are mapped at all the access will tell.
 */
function isMemory(address: u64, bytes: u64): bool {
  const end = address + bytes;
  if (end <= (OTHER_PAGES as u64)) return true;
  return address >= (OTHER_PAGES_END as u64) && end <= (FIRST_UTCB as u64);
}

function clockGettime(frame: u64): u32 {
  const clock = load64(frame + FRAME_RDI) as u32;
  const address = load64(frame + FRAME_RSI);
  if (!isLocal(clock) || !isMemory(address, 16)) return FORWARD;
  readClock(clock, address);
  return answer(frame, 0);
}

function gettimeofday(frame: u64): u32 {
  const address = load64(frame + FRAME_RDI);
  const zone = load64(frame + FRAME_RSI);
  if (!isMemory(address, 16) || !isMemory(zone, 8)) return FORWARD;
  readTimeOfDay(address, zone);
  return answer(frame, 0);
}

function time(frame: u64): u32 {
  const address = load64(frame + FRAME_RDI);
  if (!isMemory(address, 8)) return FORWARD;
  const now = readSeconds();
  if (address !== 0) store64(address, now);
  return answer(frame, now);
}

/** Answers the call in `frame`: FORWARD or ANSWERED. */
export function mediate(frame: u64): u32 {
  const number = load64(frame + FRAME_NUMBER);
  if (number > (SYS_clock_gettime as u64)) return FORWARD;
  switch (number as u32) {
    case SYS_clock_gettime:
      return clockGettime(frame);
    case SYS_getpid:
    case SYS_getpgrp:
      return answer(frame, own(frame, PAGE_PROCESS));
    case SYS_gettid:
      return answer(frame, own(frame, PAGE_THREAD));
    // There is no parent, and everybody is root.
    case SYS_getuid:
    case SYS_geteuid:
    case SYS_getgid:
    case SYS_getegid:
    case SYS_getppid:
      return answer(frame, 0);
    case SYS_gettimeofday:
      return gettimeofday(frame);
    case SYS_time:
      return time(frame);
    default:
      return FORWARD;
  }
}
