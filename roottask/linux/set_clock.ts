// Calls that set the clock. It runs from the processor's counter and nothing can set it, so that they end with EPERM, as in
// a container, once their arguments have been looked at; adjtimex(2) tells that nobody keeps the time right.

import { Utcb } from "../libhedron/utcb";
import { bootTime, monotonic } from "../libroottask/clock";
import { CAP_SYS_TIME, capable } from "../libroottask/credentials";
import { EFAULT, EINVAL, EOPNOTSUPP, EPERM } from "../libroottask/errno";
import { Program, Thread } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import { CLOCK_REALTIME, CLOCK_TAI } from "./clock_ids";
import { findCpuClock } from "./cpu_clocks";
import { timespec } from "./time";

const MILLION: i64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
/** struct timex. */
const TIMEX_BYTES: u32 = 208;
const buffer = memory.data(208);

/** Reading what is left of an adjustment: ADJ_OFFSET_SS_READ. */
const ADJ_OFFSET_SS_READ: u32 = 0xa001;
const ADJ_ADJTIME: u32 = 0x8000;
const ADJ_OFFSET_SINGLESHOT: u32 = 1;
/** STA_UNSYNC, and the state that goes with it. */
const STA_UNSYNC: u32 = 0x40;
const TIME_ERROR: i64 = 5;
/** What errors grow to, microseconds (NTP_PHASE_LIMIT), and the largest frequency that could be corrected. */
const ERROR_MAX: u64 = 16_000_000;
const TOLERANCE: u64 = 500 << 16;
const TICK: u64 = 10_000;

/** clock_settime(clock, time). */
export function sysClockSettime(thread: Thread, regs: Utcb): i64 {
  const id = regs.rdi as u32;
  if ((id as i32) < 0) return findCpuClock(thread, id, false) ? -EPERM : -EINVAL;
  if (id !== CLOCK_REALTIME) return -EINVAL;
  const time = timespec(thread.program, regs.rsi);
  return time < 0 ? time : -EPERM;
}

/** settimeofday(time, zone). */
export function sysSettimeofday(program: Program, regs: Utcb): i64 {
  if (regs.rdi !== 0) {
    if (!copyFrom(program.space, buffer, regs.rdi, 16)) return -EFAULT;
    const micros = load<i64>(buffer + 8);
    if (load<i64>(buffer) < 0 || micros < 0 || micros >= MILLION) return -EINVAL;
  }
  if (regs.rsi !== 0 && !copyFrom(program.space, buffer, regs.rsi, 8)) return -EFAULT;
  return (regs.rdi | regs.rsi) !== 0 || !capable(CAP_SYS_TIME) ? -EPERM : 0;
}

/** Tells of the clock to the struct timex at `address`, which has been read. */
function adjust(program: Program, address: u64): i64 {
  const modes = load<u32>(buffer);
  const single = (modes & ADJ_ADJTIME) !== 0;
  if (single && (modes & ADJ_OFFSET_SINGLESHOT) === 0) return -EINVAL;
  if (modes !== 0 && modes !== ADJ_OFFSET_SS_READ) return -EPERM;
  memory.fill(buffer, 0, TIMEX_BYTES);
  store<u32>(buffer, modes);
  store<u64>(buffer + 24, ERROR_MAX);
  store<u64>(buffer + 32, ERROR_MAX);
  store<u32>(buffer + 40, STA_UNSYNC);
  store<u64>(buffer + 48, 2);
  store<u64>(buffer + 56, 1);
  store<u64>(buffer + 64, TOLERANCE);
  const now = monotonic();
  store<u64>(buffer + 72, (bootTime() as u64) + now / SECOND);
  store<u64>(buffer + 80, (now % SECOND) / 1000);
  store<u64>(buffer + 88, TICK);
  return copyTo(program.space, address, buffer, TIMEX_BYTES) ? TIME_ERROR : -EFAULT;
}

/** adjtimex(timex). */
export function sysAdjtimex(program: Program, regs: Utcb): i64 {
  if (!copyFrom(program.space, buffer, regs.rdi, TIMEX_BYTES)) return -EFAULT;
  return adjust(program, regs.rdi);
}

/** clock_adjtime(clock, timex). */
export function sysClockAdjtime(program: Program, regs: Utcb): i64 {
  if (!copyFrom(program.space, buffer, regs.rsi, TIMEX_BYTES)) return -EFAULT;
  const id = regs.rdi as u32;
  if (id === CLOCK_REALTIME) return adjust(program, regs.rsi);
  return id <= CLOCK_TAI && id !== CLOCK_TAI - 1 ? -EOPNOTSUPP : -EINVAL;
}
