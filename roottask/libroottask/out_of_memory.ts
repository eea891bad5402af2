// What happens when memory is out: the program that uses most of it is ended, so that the others go on (Linux:
// mm/oom_kill.c). Memory counts as out while a little is left, for what the roottask does for the others meanwhile.

import { endLine, say, sayDecimal, sayText } from "./console";
import { killProgram } from "./domain";
import { LOG_ERROR, lineAbout, MODULE_PROGRAMS } from "./log";
import { freePages, totalPages } from "./pages";
import { firstProgram, Program, SIGKILL } from "./program";

/** Share of RAM that is left when memory counts as out, as a divisor, and the most of it, pages. */
const LEFT_SHARE: u32 = 64;
const LEFT_MOST: u32 = 2048;

/** Too little memory is left to give programs more. */
export function isMemoryShort(): bool {
  return freePages() < min<u32>(totalPages() / LEFT_SHARE, LEFT_MOST);
}

/** Pages that would be free without `program`: those that it has and those of its tables. */
function pagesOf(program: Program): u32 {
  return program.space.resident + program.space.tables;
}

function report(program: Program, pages: u32): void {
  lineAbout(program, LOG_ERROR, MODULE_PROGRAMS, "out of memory: ends process ");
  sayDecimal(program.id as u64);
  say(" of ");
  sayDecimal(program.number as u64);
  say(" (");
  sayText(program.name, program.nameLength);
  say(") with ");
  sayDecimal((pages as u64) << 2);
  say(" KiB");
  endLine();
}

/**
 * Makes room for `program`, which cannot have a page: the largest program is ended, unless one is on its way to its end
 * already. False where `program` is itself the largest, which is not ended here.
 */
export function makeRoom(program: Program): bool {
  let largest: Program | null = null;
  let most: u32 = 0;
  let each = firstProgram();
  while (each !== null) {
    if (each.alive !== 0 && changetype<usize>(each.space) !== 0) {
      if (each.ending !== 0 && each !== program) return true;
      const pages = pagesOf(each);
      if (pages > most) {
        most = pages;
        largest = each;
      }
    }
    each = each.next;
  }
  if (largest === null || largest.space === program.space) return false;
  report(largest, most);
  killProgram(largest, SIGKILL);
  return true;
}
