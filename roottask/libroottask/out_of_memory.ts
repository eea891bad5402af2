// What happens when memory is out: a process of the family that has most of it is ended, so that the others go on (Linux:
// mm/oom_kill.c, which looks at single processes). Memory counts as out while a little is left, for what the
// roottask does for the others meanwhile.

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

/** Of `memoryScore`: it is not ended for memory. */
const NEVER: i32 = -1000;

/** How much `program` is the one to end: its pages, and a thousandth of all for each point of its score; NEVER_ENDS for none. */
function badness(program: Program): i64 {
  if (isSpared(program)) return NEVER_ENDS;
  const points = ((program.memoryScore as i64) * (totalPages() as i64)) / 1000;
  return (pagesOf(program) as i64) + points;
}

const NEVER_ENDS: i64 = i64.MIN_VALUE;

/** What /proc/PID/oom_score tells of `program`, which has a space: 0 to 2000, as Linux scales it. */
export function memoryScoreOf(program: Program): u64 {
  const own = badness(program);
  if (own === NEVER_ENDS) return 0;
  return max<i64>(((1000 + (own * 1000) / (totalPages() as i64)) * 2) / 3, 0) as u64;
}

/** Nothing ends `program` for memory but its own fault. */
export function isSpared(program: Program): bool {
  return program.memoryScore === NEVER;
}

/** Tells that `program` is ended for memory. */
export function reportEnd(program: Program): void {
  lineAbout(program, LOG_ERROR, MODULE_PROGRAMS, "out of memory: ends process ");
  sayDecimal(program.id as u64);
  say(" of ");
  sayDecimal(program.number as u64);
  say(" (");
  sayText(program.name, program.nameLength);
  say(") with ");
  sayDecimal((pagesOf(program) as u64) << 2);
  say(" KiB");
  endLine();
}

/** `program` runs, and has memory that would be free without it. */
function hasMemory(program: Program): bool {
  return program.alive !== 0 && changetype<usize>(program.space) !== 0;
}

/** `program` can be ended for memory. */
function isCandidate(program: Program): bool {
  return hasMemory(program) && !isSpared(program);
}

/** Adds up what each process and all that descend from it weigh. */
function weighFamilies(): void {
  let each = firstProgram();
  while (each !== null) {
    each.weight = 0;
    each = each.next;
  }
  each = firstProgram();
  while (each !== null) {
    if (isCandidate(each)) {
      const own = max<i64>(badness(each), 1);
      let up: Program | null = each;
      while (up !== null) {
        up.weight += own;
        up = up.parent;
      }
    }
    each = each.next;
  }
}

/** The child of `parent` whose family weighs most, of null the program of the start file; null where none weighs anything. */
function heaviestOf(parent: Program | null): Program | null {
  let heaviest: Program | null = null;
  let most: i64 = 0;
  let each = firstProgram();
  while (each !== null) {
    if (each.parent === parent && each.weight > most) {
      most = each.weight;
      heaviest = each;
    }
    each = each.next;
  }
  return heaviest;
}

/** The process to end: in the heaviest family, the first that weighs as much as any of its children with all of theirs. */
function findLargest(): Program | null {
  weighFamilies();
  let largest = heaviestOf(null);
  while (largest !== null) {
    const heavier = heaviestOf(largest);
    if (heavier === null || (isCandidate(largest) && badness(largest) >= heavier.weight)) break;
    largest = heavier;
  }
  return largest;
}

/**
 * Makes room for `program`, which cannot have a page: a process is ended, unless one is on its way to its end already. Of
 * the program of the start file with most memory it is the largest, where the memory of children counts as that of who
 * made them: a crowd of small processes ends before a larger one that is alone. False where `program` is itself that
 * process, which is not ended here.
 */
export function makeRoom(program: Program): bool {
  let each = firstProgram();
  while (each !== null) {
    if (hasMemory(each) && each.ending !== 0 && each !== program) return true;
    each = each.next;
  }
  const largest = findLargest();
  if (largest === null || largest.space === program.space) return false;
  reportEnd(largest);
  killProgram(largest, SIGKILL);
  return true;
}
