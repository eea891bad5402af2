// The mediator's calls: those that can be answered in the program's own address space exactly as the roottask would.
// Everything else is forwarded as it came. A fault here, whatever its reason, makes the roottask do the call from the
// beginning, so nothing is changed that would not be changed again.

import {
  ANSWERED,
  FORWARD,
  FRAME_BYTES,
  FRAME_NUMBER,
  FRAME_RDI,
  FRAME_RESULT,
  FRAME_RSI,
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
import { load32, load64, store64 } from "./x86";

const PAGE: u64 = 4096;

function answer(frame: u64, result: u64): u32 {
  const page = frame + (FRAME_BYTES as u64) - PAGE;
  store64(page + PAGE_CALLS, load64(page + PAGE_CALLS) + 1);
  store64(frame + FRAME_RESULT, result);
  return ANSWERED;
}

/** A word of the thread's page. */
function own(frame: u64, offset: u64): u64 {
  return load32(frame + (FRAME_BYTES as u64) - PAGE + offset);
}

function clockGettime(frame: u64): u32 {
  const clock = load64(frame + FRAME_RDI) as u32;
  if (!isLocal(clock)) return FORWARD;
  readClock(clock, load64(frame + FRAME_RSI));
  return answer(frame, 0);
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
      readTimeOfDay(load64(frame + FRAME_RDI), load64(frame + FRAME_RSI));
      return answer(frame, 0);
    case SYS_time: {
      const now = readSeconds();
      const address = load64(frame + FRAME_RDI);
      if (address !== 0) store64(address, now);
      return answer(frame, now);
    }
    default:
      return FORWARD;
  }
}
