// Tracees that begin: new ones, and those that have executed another program. What is to be told of that, and what signals wait
// for them, comes before their first instruction.

import { Thread } from "../../libroottask/program";
import { deliverPending, signalPending } from "../signals";
import { linuxStart } from "../threads";
import { armStep } from "./steps";
import { traceExecuted } from "./stops";
import { traceeOf } from "./tracee";

/** `thread` begins with what is in its message. */
export function beginThread(thread: Thread): void {
  linuxStart(thread);
  if (traceeOf(thread) === null) return;
  const regs = thread.utcb;
  traceExecuted(thread, regs);
  if (signalPending(thread)) deliverPending(thread, regs);
  armStep(thread, regs);
}
