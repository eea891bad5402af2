// The arena of decoded blocks, and the record of which bytes of which page they came from: a write there drops
// them. All CPUs share both.

import {
  ARENA,
  ARENA_END,
  CODE_GENERATION,
  MAP_REGIONS,
  MAP_SIZE,
  MAP_WATCHED,
  PAGE_CODEBITS,
  PAGE_CODEMAP,
} from "../../state";
import { code_dropped } from "../processor/env";
import { leaveDroppedCode } from "../processor/fault";
import { dropWriteTags, flushAllCpus } from "./tlb";

/** Next free byte of the block arena. */
export let arenaTop: usize = ARENA;

/** The page frames with a code map: none below the first, none from the end on. */
let firstMapped: u32 = 0xffffffff;
let endMapped: u32 = 0;

/** The blocks at the arena's end that are all of one page frame: where they begin, and where the last one ends. */
let lastFrame: u32 = 0;
let lastStart: usize = 0;
let lastEnd: usize = 0;

/** Takes `size` bytes for a block of a page frame. */
export function arenaTakeBlock(size: usize, frame: u32): void {
  if (arenaTop != lastEnd || frame != lastFrame) {
    lastFrame = frame;
    lastStart = arenaTop;
  }
  arenaTake(size);
  lastEnd = arenaTop;
}

/**
 * Gives back the room of dropped blocks at the arena's end: code that is rewritten again and again finds it in the host's
 * caches. Only blocks of the same page, and regions with code of it, know the addresses, and they are dropped as well. The
 * instruction that has written is left before anything is built there.
 */
function reuseRoom(frame: u32): void {
  if (arenaTop != lastEnd || frame != lastFrame) return;
  arenaTop = lastStart;
  lastEnd = 0;
}

/** Takes `size` bytes from the arena; the caller has made sure that they are there. */
function arenaTake(size: usize): usize {
  const at = arenaTop;
  arenaTop = (at + size + 15) & ~15;
  return at;
}

export function arenaFree(): usize {
  return ARENA_END - arenaTop;
}

/** `code_dropped`: that of all pages. */
const EVERY_PAGE: u32 = 0xffffffff;

/** Drops all decoded code. */
export function arenaFlush(): void {
  if (arenaTop != ARENA) code_dropped(EVERY_PAGE);
  if (endMapped > firstMapped) {
    // Twelve megabytes for all frames, which is what resetting a small machine would take longest for.
    const frames = endMapped - firstMapped;
    memory.fill(PAGE_CODEMAP + (firstMapped << 2), 0, frames << 2);
    memory.fill(PAGE_CODEBITS + (firstMapped << 3), 0, frames << 3);
    firstMapped = 0xffffffff;
    endMapped = 0;
  }
  arenaTop = ARENA;
  lastEnd = 0;
  store<u32>(CODE_GENERATION, load<u32>(CODE_GENERATION) + 1);
  flushAllCpus();
}

/** Code map of a page frame, made on first use. */
export function codeMap(frame: u32): usize {
  const slot = PAGE_CODEMAP + (frame << 2);
  let map = load<u32>(slot);
  if (map == 0) {
    map = arenaTake(MAP_SIZE);
    memory.fill(map, 0, MAP_SIZE);
    store<u32>(slot, map);
    if (frame < firstMapped) firstMapped = frame;
    if (frame >= endMapped) endMapped = frame + 1;
  }
  return map;
}

/** Bits of the code bitmap for `length` bytes at page offset `offset`. */
function chunkBits(offset: u32, length: u32): u64 {
  const first = offset >> 6;
  let last = (offset + length - 1) >> 6;
  if (last > 63) last = 63;
  return (<u64>-1 >> (63 - <u64>(last - first))) << (<u64>first);
}

/** Marks bytes as decoded: writes to their page take the slow path from now on. */
export function markCode(frame: u32, offset: u32, length: u32): void {
  const slot = PAGE_CODEBITS + (frame << 3);
  const old = load<u64>(slot);
  store<u64>(slot, old | chunkBits(offset, length));
  if (old != 0) return;
  const map = codeMap(frame);
  if (load<u32>(map, MAP_WATCHED) != 0) return;
  store<u32>(map, 1, MAP_WATCHED);
  dropWriteTags(frame);
}

/** A TLB gets a write tag for a page that holds no code: when it does, the tag has to go. */
export function unwatchWrites(frame: u32): void {
  const map = load<u32>(PAGE_CODEMAP + (frame << 2));
  if (map != 0) store<u32>(map, 0, MAP_WATCHED);
}

/** Whether some of the bytes may have been decoded. */
export function holdsCode(frame: u32, offset: u32, length: u32): bool {
  return (load<u64>(PAGE_CODEBITS + (frame << 3)) & chunkBits(offset, length)) != 0;
}

/** RAM from byte `offset` of a page frame on has changed: drops blocks decoded from there. `length` stays inside the page. */
export function codeWritten(frame: u32, offset: u32, length: u32): void {
  const slot = PAGE_CODEBITS + (frame << 3);
  const bits = load<u64>(slot);
  if (bits == 0) return;
  if ((bits & chunkBits(offset, length)) == 0) return;
  dropCode(frame);
}

/** Most bytes of a code map for which the engine's function behind `memory.fill` is not worth its call. */
const FEW: u32 = 1024;

/** Clears `length` bytes of a code map, a multiple of 64. */
function forget(at: usize, length: u32): void {
  if (length > FEW) {
    memory.fill(at, 0, length);
    return;
  }
  const none = i64x2.splat(0);
  for (const end = at + length; at < end; at += 64) {
    v128.store(at, none);
    v128.store(at, none, 16);
    v128.store(at, none, 32);
    v128.store(at, none, 48);
  }
}

/** Drops all blocks of a page. */
export function dropCode(frame: u32): void {
  const slot = PAGE_CODEBITS + (frame << 3);
  let bits = load<u64>(slot);
  store<u64>(slot, 0);
  const map = load<u32>(PAGE_CODEMAP + (frame << 2));
  if (map != 0) {
    // Blocks begin in decoded bytes only: most pages that change have few of these.
    while (bits != 0) {
      const first = ctz(bits);
      const count = ctz(~(bits >> first));
      forget(map + ((<u32>first) << 8), (<u32>count) << 8);
      bits &= ~((<u64>-1 >> (64 - count)) << first);
    }
    const regions = load<u32>(map, MAP_REGIONS);
    store<u32>(map, 0, MAP_REGIONS);
    if (regions != 0) code_dropped(frame);
    reuseRoom(frame);
  }
  leaveDroppedCode();
}
