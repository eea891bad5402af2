// The summary at the end of a run: a record per program, in order of start, which outlives the program.

import { endLine, say, sayDecimal, sayPadded, saySpaces, sayText } from "../libroottask/console";
import { create } from "../libroottask/heap";
import { LOG_INFO, line, MODULE_PROGRAMS } from "../libroottask/log";
import { ABI_LINUX, Program, STATE_EXITED, STATE_KILLED } from "../libroottask/program";

@unmanaged
class Result {
  next: Result | null;
  name: usize;
  nameLength: u32;
  number: u32;
  abi: u32;
  state: u32;
  status: u32;
  /** Most memory it had at a time, in KiB. */
  peak: u32;
  calls: u64;
  faults: u64;
}

let first: Result | null = null;
let last: Result | null = null;
let count: u32 = 0;

/** Enters `program`, which is about to be started. False when memory is out. */
export function enterResult(program: Program): bool {
  const result = create<Result>();
  if (result === null) return false;
  result.name = program.name;
  result.nameLength = program.nameLength;
  result.number = program.number;
  result.abi = program.abi;
  if (last === null) first = result;
  else (last as Result).next = result;
  last = result;
  count++;
  program.result = changetype<usize>(result);
  return true;
}

/** Keeps how `program` ended. */
export function keepResult(program: Program): void {
  const result = changetype<Result>(program.result);
  result.state = program.state;
  result.status = program.status;
  result.peak = program.space.peak * 4;
  result.calls = program.calls;
  result.faults = program.faults;
}

function describe(result: Result): void {
  if (result.state === STATE_EXITED) {
    say("exit status ");
    sayDecimal(result.status as u64);
  } else if (result.state === STATE_KILLED) {
    say(result.abi === ABI_LINUX ? "killed by signal " : "killed by exception ");
    sayDecimal(result.status as u64);
  } else {
    say("not started");
  }
}

/** How `program` ended, in the middle of a line. */
export function sayOutcome(program: Program): void {
  describe(changetype<Result>(program.result));
}

/** Programs entered so far. */
export function resultCount(): u32 {
  return count;
}

/** One line per program. */
export function sayResults(): void {
  let width: u32 = 0;
  let each = first;
  while (each !== null) {
    width = max<u32>(width, each.nameLength);
    each = each.next;
  }
  let result = first;
  while (result !== null) {
    line(LOG_INFO, MODULE_PROGRAMS, "");
    sayPadded(result.number as u64, 4);
    say("  ");
    sayText(result.name, result.nameLength);
    saySpaces(width - result.nameLength + 2);
    describe(result);
    say(", ");
    sayDecimal(result.calls);
    say(" calls, ");
    sayDecimal(result.faults);
    say(" page faults, ");
    sayDecimal(result.peak as u64);
    say(" KiB");
    endLine();
    result = result.next;
  }
}
