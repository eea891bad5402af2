// RLIMIT_CPU of setrlimit(2): who has used so many seconds of CPU time gets SIGXCPU, again every second, and SIGKILL when
// the hard limit has been used up.

import { Program } from "../libroottask/program";
import { RLIM_INFINITY, RLIMIT_CPU } from "./limit_numbers";
import { SIGKILL, SIGXCPU } from "./signal_numbers";
import { SI_KERNEL } from "./signal_queue";
import { fillInfo, raise } from "./signals";
import { limitOf, softLimit } from "./state";
import {
  armTimer,
  clockOf,
  LIMIT_ID,
  MEASURES_PROCESS,
  newTimer,
  removeTimer,
  SignalTimer,
  setLimitRing,
  setTimer,
  timerWithId,
} from "./timers";

const SECOND: u64 = 1_000_000_000;
/** More seconds than a clock of nanoseconds shows. */
const NEVER: u64 = 1 << 34;

/** The limit of `program` has been set, or come from its parent. Does nothing where memory is out for a timer. */
export function watchCpuLimit(program: Program): void {
  const soft = softLimit(program, RLIMIT_CPU);
  let timer = timerWithId(program, LIMIT_ID);
  if (soft >= NEVER) {
    if (timer !== null) removeTimer(timer);
    return;
  }
  if (timer === null) timer = newTimer(program, LIMIT_ID);
  if (timer === null) return;
  timer.measures = MEASURES_PROCESS;
  timer.whose = program.id;
  setTimer(timer, max<u64>(soft * SECOND, 1), 0);
}

/** The time is up. */
function ring(timer: SignalTimer): void {
  const program = timer.program;
  const limit = limitOf(program, RLIMIT_CPU);
  const hard = load<u64>(limit + 8);
  const used = clockOf(timer) / SECOND;
  if (hard !== RLIM_INFINITY && used >= hard) {
    fillInfo(SIGKILL, SI_KERNEL);
    raise(null, program, null, SIGKILL);
    return;
  }
  const soft = load<u64>(limit) + 1;
  store<u64>(limit, soft);
  armTimer(timer, min<u64>(soft, hard) * SECOND);
  fillInfo(SIGXCPU, SI_KERNEL);
  raise(null, program, null, SIGXCPU);
}

/** Must be called before there is a program. */
export function initCpuLimits(): void {
  setLimitRing(ring);
}
