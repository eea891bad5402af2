// The filters of threads: each has a chain of them, which only grows, and shares what it has inherited. All are asked
// about a call, and the strictest answer counts (seccomp(2)).

import { dropProgram } from "../../libroottask/classic_bpf";
import { create, destroy } from "../../libroottask/heap";
import { Thread } from "../../libroottask/program";
import { linuxThread } from "../state";
import { costOf, runFilter } from "./filter_program";
import { RET_ACTION, RET_ALLOW } from "./numbers";

/** MAX_INSNS_PER_PATH: instructions that Linux may run for all filters of a thread, each with so many more for itself. */
const PATH_MAX: u32 = 32_768;
const FILTER_COST: u32 = 4;

@unmanaged
export class Filter {
  references: u32;
  length: u32;
  /** Instructions of the chain from here on, with what filters cost themselves. */
  path: u32;
  program: usize;
  previous: Filter | null;
}

export function filterOf(thread: Thread): Filter | null {
  return changetype<Filter | null>(linuxThread(thread).filter);
}

/**
 * Puts a filter with the `length` instructions of `program`, which it takes over, before those of `thread`. False, and
 * nothing has happened, where the chain would be too long or memory is out.
 */
export function addFilter(thread: Thread, program: usize, length: u32): bool {
  const previous = filterOf(thread);
  let path = costOf(program, length);
  if (previous !== null) path += previous.path;
  if (path > PATH_MAX) return false;
  const filter = create<Filter>();
  if (filter === null) return false;
  filter.references = 1;
  filter.length = length;
  filter.path = path + FILTER_COST;
  filter.program = program;
  filter.previous = previous;
  linuxThread(thread).filter = changetype<usize>(filter);
  linuxThread(thread).filterCount++;
  return true;
}

/** `thread` is done with its filters. */
export function dropFilters(thread: Thread): void {
  let filter = filterOf(thread);
  linuxThread(thread).filter = 0;
  while (filter !== null && --filter.references === 0) {
    const previous: Filter | null = filter.previous;
    dropProgram(filter.program, filter.length);
    destroy<Filter>(filter);
    filter = previous;
  }
}

/** `thread` gets the filters of `from`, and how strictly it is watched, in place of its own. */
export function shareFilters(thread: Thread, from: Thread): void {
  const filter = filterOf(from);
  if (filter !== null) filter.references++;
  dropFilters(thread);
  const own = linuxThread(thread);
  const other = linuxThread(from);
  own.filter = other.filter;
  own.filterCount = other.filterCount;
  own.seccomp = other.seccomp;
}

/** A new thread is watched as its maker is. */
export function inheritFilters(thread: Thread, maker: Thread): void {
  shareFilters(thread, maker);
  thread.direct = maker.direct;
}

/** The filters of `older` are among those of `newer`. */
export function descends(newer: Thread, older: Thread): bool {
  const wanted = filterOf(older);
  let filter = filterOf(newer);
  while (filter !== wanted && filter !== null) filter = filter.previous;
  return filter === wanted;
}

/** What the filters of `thread` say of the call that `data` tells: of equally strict answers the newest one's. */
export function askFilters(thread: Thread, data: usize): u32 {
  let answer = RET_ALLOW;
  let filter = filterOf(thread);
  while (filter !== null) {
    const next = runFilter(filter.program, data);
    if (((next & RET_ACTION) as i32) < ((answer & RET_ACTION) as i32)) answer = next;
    filter = filter.previous;
  }
  return answer;
}
