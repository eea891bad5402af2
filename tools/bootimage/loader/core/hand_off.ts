// Leaving the loader: the place that the stub works from (hand_off_layout.ts, asm/hand-off.ts), filled with the moves
// that are left and the kernel's entry.

import { BELOW_4_GIB } from "./allocator";
import { fail } from "./failure";
import {
  MOVE_BYTES,
  PLACE_ENTRY,
  PLACE_LIST,
  PLACE_MOVES,
  PLACE_RAX,
  PLACE_RBX,
  PLACE_RSI,
  PLACE_WAY,
} from "./hand_off_layout";
import { allocateOutside, MOST_SEGMENTS, segmentAt, segmentCount } from "./placement";
import { hand_off } from "./stub";
import { store64 } from "./x86";

let place: u64 = 0;

/** Takes memory for the place; false after an error has been printed. To be called before the firmware is left. */
export function prepareHandOff(): bool {
  place = allocateOutside(PLACE_LIST + MOST_SEGMENTS * MOVE_BYTES, BELOW_4_GIB);
  return place !== 0 || fail("there is no memory for the hand-off to the kernel");
}

/** Makes the moves that are left, enters the kernel `way` (ENTER_…) with these registers. Never returns. */
export function enterKernel(way: i32, entry: u64, rax: u64, rbx: u64, rsi: u64): void {
  let moves: u64 = 0;
  for (let i = 0; i < segmentCount; i++) {
    const segment = segmentAt(i);
    if (segment.claimed !== 0) continue;
    const move = place + PLACE_LIST + moves++ * MOVE_BYTES;
    store64(move, segment.to);
    store64(move + 8, segment.source);
    store64(move + 16, segment.bytes);
    store64(move + 24, segment.memory - segment.bytes);
  }
  store64(place + PLACE_MOVES, moves);
  store64(place + PLACE_WAY, way);
  store64(place + PLACE_ENTRY, entry);
  store64(place + PLACE_RAX, rax);
  store64(place + PLACE_RBX, rbx);
  store64(place + PLACE_RSI, rsi);
  hand_off(place);
}
