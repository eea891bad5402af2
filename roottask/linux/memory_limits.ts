// Limits on the size of address spaces: RLIMIT_AS and RLIMIT_DATA as may_expand_vm() (mm/mmap.c) has them, RLIMIT_STACK.

import { STACK_TOP } from "../libhrstd/layout";
import { areaAt, freeFrom, resize, Space } from "../libroottask/areas";
import { Program } from "../libroottask/program";
import { dataSize, mappedSize } from "../libroottask/sizes";
import { nextPresent } from "../libroottask/space";
import { RLIM_INFINITY, RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK } from "./limit_numbers";
import { softLimit } from "./state";

const PAGE: u64 = 4096;
/** What a stack has at least and at most, bytes: on Linux it begins with 132 KiB, and here is no room for more. */
const STACK_LEAST: u64 = 0x2_1000;
const STACK_MOST: u64 = 128 << 20;
/** Bytes of arguments and environment that a program may always have, and has at most. */
const TEXTS_LEAST: u64 = 128 << 10;
const TEXTS_MOST: u64 = 6 << 20;

/** `program` may have `size` bytes more, of which `data` are data. */
export function mayExpand(program: Program, size: u64, data: u64): bool {
  const all = softLimit(program, RLIMIT_AS);
  if (all !== RLIM_INFINITY && size !== 0) {
    if (mappedSize(program.space) + size > (all & ~(PAGE - 1))) return false;
  }
  const most = softLimit(program, RLIMIT_DATA);
  if (most === RLIM_INFINITY || data === 0) return true;
  return dataSize(program.space) + data <= (most & ~(PAGE - 1));
}

/** Bytes of stack that `program` may have, whole pages. */
export function stackLimit(program: Program): u64 {
  const limit = softLimit(program, RLIMIT_STACK) & ~(PAGE - 1);
  return min<u64>(max<u64>(limit, STACK_LEAST), STACK_MOST);
}

/** Bytes of arguments and environment with their vectors that a program may be given by `program`. */
export function textsLimit(program: Program): u64 {
  const limit = softLimit(program, RLIMIT_STACK) / 4;
  return max<u64>(min<u64>(limit, TEXTS_MOST), TEXTS_LEAST);
}

/** The stack and areas that grow in `space` may have `limit` bytes: what it has not used yet becomes less or, as far as there is room, more. */
export function limitStack(space: Space, limit: u64): void {
  space.growthLimit = limit;
  const area = areaAt(space, STACK_TOP - 1);
  if (area === null || area.end !== STACK_TOP) return;
  const used = nextPresent(space, area.start, area.end);
  const start = min<u64>(STACK_TOP - min<u64>(limit, STACK_MOST), used);
  resize(space, area, max<u64>(start & ~(PAGE - 1), freeFrom(area)), area.end);
}
