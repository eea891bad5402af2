// What wait4(2) and waitid(2) tell a tracer of its tracees, beside what they tell of children (children.ts; ptrace_do_wait() in
// kernel/exit.c): stops, and the ends of threads and of other processes' children.

import { Thread } from "../../libroottask/program";
import { CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_TRAPPED } from "./numbers";
import { firstTracee, Tracee } from "./tracee";
import { forgetEnded } from "./tracing";

const STATUS_STOPPED: u32 = 0x7f;
const STATUS_DUMPED: u32 = 0x80;

/** There is a tracee of those meant of which something may still come. */
export let anyTracee: bool = false;

/** What wait4(2) calls `id` means `record`, of a tracer whose group is `group`. */
function isMeant(record: Tracee, id: i32, group: u32): bool {
  if (id > 0) return record.id === (id as u32);
  return id === -1 || record.program.group === (id === 0 ? group : (-id as u32));
}

/** There is something to tell: of an end where `ends`. */
function isWanted(record: Tracee, ends: bool): bool {
  if (record.ended !== 0) return ends;
  return record.stopped !== 0 && record.listening === 0 && record.code !== 0;
}

/** The first tracee of `thread`, or where not `alone` of its process, that is meant and of which there is something to tell. */
export function changedTracee(thread: Thread, id: i32, ends: bool, alone: bool): Tracee | null {
  const own = thread.program;
  anyTracee = false;
  let found: Tracee | null = null;
  let record = firstTracee();
  while (record !== null) {
    const tracer = record.tracer;
    const mine = alone ? tracer === thread : tracer.program === own;
    if (mine && isMeant(record, id, own.group)) {
      if (record.thread !== null || ends) anyTracee = true;
      // The list is newest first.
      if (isWanted(record, ends)) found = record;
    }
    record = record.next;
  }
  return found;
}

/** The status of wait4(2). */
export function traceeStatus(record: Tracee): u32 {
  return record.ended !== 0 ? record.status : (record.code << 8) | STATUS_STOPPED;
}

/** si_code of waitid(2). */
export function traceeCode(record: Tracee): u32 {
  if (record.ended === 0) return CLD_TRAPPED;
  if ((record.status & 0x7f) === 0) return CLD_EXITED;
  return (record.status & STATUS_DUMPED) !== 0 ? CLD_DUMPED : CLD_KILLED;
}

/** si_status of waitid(2). */
export function traceeDetail(record: Tracee): u32 {
  if (record.ended === 0) return record.code;
  return (record.status & 0x7f) === 0 ? (record.status >> 8) & 0xff : record.status & 0x7f;
}

/** Its tracer has waited for `record`. */
export function reapTracee(record: Tracee): void {
  if (record.ended === 0) record.code = 0;
  else forgetEnded(record);
}
